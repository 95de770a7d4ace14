"""Search spaces by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from agnet.errors import InputError
from agnet.spaces.base import Parsed, Space

__all__ = ["Parsed", "Space", "get", "names"]

# One line a space: name -> module, class. Modules are imported when first asked for.
_SPACES = {
    "nb101": ("agnet.spaces.nb101", "NB101"),
    "nb201": ("agnet.spaces.nb201", "NB201"),
    "nb301": ("agnet.spaces.nb301", "NB301"),
    "nbnlp": ("agnet.spaces.nbnlp", "NBNLP"),
}


def names() -> list[str]:
    """Names of all spaces."""
    return list(_SPACES)


@cache
def get(name: str) -> Space:
    """The space called ``name``.

    Raises:
        InputError: if there is none.
    """
    if name not in _SPACES:
        raise InputError(f"no space is called {name!r}; there are {', '.join(_SPACES)}")
    module, cls = _SPACES[name]
    space: Space = getattr(import_module(module), cls)()
    return space
