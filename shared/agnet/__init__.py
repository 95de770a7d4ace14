"""agnet: generative neural architecture search as Unix pipelines.

The library that the command-line tools are made of. It never prints, never exits and never reads the command line.
Its functions for notebooks and scripts - ``agnet.search``, ``agnet.load``, ``agnet.fit`` and so on - are described in
docs/python.md; they are imported when they are first used, so ``import agnet`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agnet.api import (
        Oracle,
        Predictor,
        Progress,
        Records,
        Search,
        assemble,
        choices,
        fit,
        generate,
        load,
        read,
        sample,
        search,
        stream,
        write,
    )

__version__ = "0.1.0"
__all__ = [
    "Oracle",
    "Predictor",
    "Progress",
    "Records",
    "Search",
    "assemble",
    "choices",
    "fit",
    "generate",
    "load",
    "read",
    "sample",
    "search",
    "stream",
    "write",
]


def __getattr__(name: str) -> object:
    if name == "search":  # the package of that name can be called, see there
        return import_module("agnet.search")
    if name in __all__:
        return getattr(import_module("agnet.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
