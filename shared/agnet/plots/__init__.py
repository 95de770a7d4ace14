"""Pictures of searches, benchmarks, generators and cells.

One module a kind of picture: it computes what is shown and returns a :class:`~agnet.plots.chart.Page`, a description
made of NumPy arrays. :mod:`agnet.plots.figure` draws a page with matplotlib (PNG, SVG, PDF),
:mod:`agnet.plots.terminal` with characters. Only the former needs matplotlib, and imports it when it draws.
"""
