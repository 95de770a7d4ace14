"""A search as one page of HTML: :func:`~agnet.report.page.page`."""
