"""Search: propose architectures, query a benchmark, learn from the answers, repeat.

:mod:`~agnet.search.loop` is the loop, :mod:`~agnet.search.journal` keeps every answer on disk as it arrives,
:mod:`~agnet.search.strategies` holds what proposes: one module a strategy, one protocol for all.
"""
