"""Searches by name: small TOML files of the options of ``search``.

A preset is a table of options as the command line has them, without the dashes in front: ``queries = 192``,
``subject-to = ["latency_ms@edgegpu<=5"]``. Whatever stands on the command line takes its place; of ``with`` only the
settings of the same name do, the others stay.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterable
from functools import wraps
from importlib.resources import files
from typing import Any, ParamSpec, TypeVar

from agnet import toml
from agnet.errors import InputError
from agnet.names import nearest
from agnet.settings import named_values

_P = ParamSpec("_P")
_R = TypeVar("_R")
_SCREEN = {"quiet", "progress", "format"}
"""Options of the command that say nothing to Python."""
_WHOLE = {"queries", "batch", "init", "trials", "jobs", "companions", "retries", "candidates", "epochs", "workers"}
_ENDING = ".toml"
_OFTEN = {"maximize", "minimize", "subject-to", "with"}


def names() -> list[str]:
    """Names of all presets that come along."""
    found = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(_ENDING) for name in found if name.endswith(_ENDING))


def load(name: str) -> dict[str, Any]:
    """The options of a preset, or of the user's own file if ``name`` has a slash in it or ends in ``.toml``.

    What may be given often is a list, also where the file has a single text.

    Raises:
        InputError: if there is none of that name, or it is not TOML.
    """
    if "/" not in name and not name.endswith(_ENDING):
        if name not in names():
            raise InputError(f"no preset is called {name!r}{nearest(name, names())}")
        found = tomllib.loads(files(__name__).joinpath(name + _ENDING).read_text())
    else:
        found = toml.load(name)
    for option in _OFTEN & found.keys():
        given = [found[option]] if isinstance(found[option], str) else found[option]
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise InputError(f"preset {name}: {option}: give a text, or a list of texts")
        found[option] = given
    return found


def fill(settings: Iterable[str]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function take ``preset=NAME``, which fills the arguments that are not given, as on the command line.

    Args:
        settings: names that its ``**settings`` takes.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        signature = inspect.signature(function)
        known = [*signature.parameters, *settings]

        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            name = kwargs.get("preset")
            if not name:
                return function(*args, **kwargs)
            given: dict[str, Any] = signature.bind(*args, **kwargs).arguments
            given.update(given.pop("settings", {}))
            if given.get("benchmark") is None:
                given.pop("benchmark", None)
            preset = _arguments(str(name), known)
            filled: Any = {**preset, **given}
            if "options" in preset:
                filled["options"] = {**preset["options"], **(given.get("options") or {})}
            asked: Callable[..., _R] = function
            return asked(**filled)

        return call

    return decorate


def _arguments(preset: str, known: list[str]) -> dict[str, Any]:
    """A preset as arguments of Python."""
    given = load(preset)
    options = named_values(given.pop("with", None), given.pop("data", None))
    made = {name.replace("-", "_"): value for name, value in given.items() if name not in _SCREEN}
    for name, value in made.items():
        if name not in known:
            raise InputError(f"preset {preset}: search has no option {name!r}{nearest(name, known)}")
        if name in _WHOLE and (not isinstance(value, int) or isinstance(value, bool)):
            raise InputError(f"preset {preset}: {name}: give a whole number")
    return {**made, **({"options": options} if options else {})}
