"""Search spaces by name."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module

from agnet.errors import InputError
from agnet.names import nearest
from agnet.spaces.base import Parsed, Space

__all__ = ["Parsed", "Space", "get", "names"]

# One line a space: name -> module, class. Modules are imported when first asked for.
_SPACES = {
    "nb101": ("agnet.spaces.nb101", "NB101"),
    "nb201": ("agnet.spaces.nb201", "NB201"),
    "nb301": ("agnet.spaces.nb301", "NB301"),
    "nbnlp": ("agnet.spaces.nbnlp", "NBNLP"),
}
_OWN = "AGNET_SPACES"


def names() -> list[str]:
    """Names of all spaces, those of the user's own last."""
    return [*_SPACES, *_own()]


@cache
def get(name: str) -> Space:
    """The space called ``name``.

    Raises:
        InputError: if there is none, or if it is one of the user's own that cannot be imported.
    """
    own = _own()
    if name in own:
        return _imported(name, *own[name])
    if name not in _SPACES:
        raise InputError(f"no space is called {name!r}{nearest(name, names())}")
    module, cls = _SPACES[name]
    space: Space = getattr(import_module(module), cls)()
    return space


def _own() -> dict[str, tuple[str, str]]:
    """The user's own spaces, from ``AGNET_SPACES=name=module:Class,...``."""
    own = {}
    for entry in filter(None, (part.strip() for part in os.environ.get(_OWN, "").split(","))):
        name, _, place = entry.partition("=")
        module, _, cls = place.partition(":")
        if not (name and module and cls):
            raise InputError(f"{_OWN}: {entry!r} is not of the form name=module:Class")
        if name in _SPACES:
            raise InputError(f"{_OWN}: {name!r} is the name of a space that comes with agnet; choose another")
        own[name] = (module, cls)
    return own


def _imported(name: str, module: str, cls: str) -> Space:
    try:
        space = getattr(import_module(module), cls)()
    except Exception as error:  # whatever a module of the user's own may raise
        raise InputError(f"{_OWN}: {name}={module}:{cls}: {type(error).__name__}: {error}") from error
    if not isinstance(space, Space) or space.name != name:
        raise InputError(f"{_OWN}: {name}={module}:{cls}: not an agnet.spaces.Space with the name {name!r}")
    return space
