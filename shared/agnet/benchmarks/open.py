"""Benchmarks that are not bound to one space: they evaluate what they are given, as their options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from agnet import spaces
from agnet.benchmarks.base import Benchmark
from agnet.errors import InputError
from agnet.names import nearest

_Settings = TypeVar("_Settings")


class Open(Benchmark):
    """A benchmark of whichever space it is asked about.

    Args:
        name: key on the command line.
        space: name of the space; empty where none has been chosen yet: then it can be looked at, not queried.
        options: what it was told, name to text; which names there are is said by the subclass.

    Raises:
        InputError: if there is no such space or option, or a value is impossible.
    """

    size = None

    def __init__(self, name: str, space: str, options: Mapping[str, str]) -> None:
        self.name = name
        self.space = spaces.get(space).name if space else ""


def told(settings: _Settings, options: Mapping[str, Any], what: str) -> _Settings:
    """``settings`` (a dataclass of plain values) with ``options``, which are text or values, in their place.

    Raises:
        InputError: if there is no such option, or a value is not of its type.
    """
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}  # type: ignore[arg-type]
    changes = {}
    for name, value in options.items():
        if name not in known:
            raise InputError(f"{what} has no option {name!r}{nearest(name, known)}")
        changes[name] = _value(what, name, value, type(known[name]))
    return replace(settings, **changes)  # type: ignore[type-var]


def _value(what: str, name: str, value: Any, kind: Any) -> Any:
    if type(value) in ((int, float) if kind is float else (kind,)):
        converted: Any = kind(value)
        return converted
    if isinstance(value, str):
        if kind is bool and value in ("yes", "no"):
            return value == "yes"
        try:
            if kind in (int, float):
                return kind(value)
        except ValueError:
            pass
    needed = {bool: "yes or no", int: "an integer", float: "a number", str: "text"}[kind]
    raise InputError(f"{what}: {name}={value}: give {needed}")
