"""Search: propose architectures, query a benchmark, learn from the answers, repeat.

:mod:`~agnet.search.loop` is the loop, :mod:`~agnet.search.journal` keeps every answer on disk as it arrives,
:mod:`~agnet.search.strategies` holds what proposes: one module a strategy, one protocol for all.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agnet.api import Search


class _Callable(ModuleType):
    """``agnet.search`` is this package and, for notebooks, the function: Python has one name for both."""

    def __call__(self, benchmark: str | None = None, **options: Any) -> Search:
        """See :func:`agnet.api.search`."""
        from agnet.api import search  # noqa: PLC0415 - imports this package

        return search(benchmark, **options)


sys.modules[__name__].__class__ = _Callable
