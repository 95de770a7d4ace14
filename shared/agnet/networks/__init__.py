"""The networks that architectures stand for: how large they are, and the networks themselves.

A space's network is made as its benchmark made it, with the settings of a *preset*, most often named after the data:

- ``nb101``: cifar10
- ``nb201``: cifar10, cifar100, ImageNet16-120
- ``nb301``: cifar10 (NAS-Bench-301), cifar10-darts (36 channels, 20 cells), cifar10-naslib (what NASLib scores),
  imagenet (48 channels, 14 cells)
- ``nbnlp``: ptb, wikitext-2

The first is the default. Sizes come in closed form, for millions of architectures, without PyTorch.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.names import nearest
from agnet.networks.base import Settings
from agnet.spaces.base import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["Settings", "build", "flops", "params", "parse", "presets", "settings"]

_SPACES = ("nb101", "nb201", "nb301", "nbnlp")


class _Sizes(Protocol):
    """What a space's module here has."""

    PRESETS: Mapping[str, Any]

    def counts(self, graphs: Graphs, settings: Any) -> NDArray[np.int64]: ...


@cache
def _sizes(space: str) -> _Sizes:
    if space not in _SPACES:
        raise InputError(f"no network is known for architectures of {space}; there are those of {', '.join(_SPACES)}")
    return cast(_Sizes, import_module(f"agnet.networks.{space}"))


def presets(space: Space) -> list[str]:
    """Names of a space's settings, the default first.

    Raises:
        InputError: if no network is known for the space.
    """
    return list(_sizes(space.name).PRESETS)


def settings(space: Space, preset: str | None = None, **changes: Any) -> Settings:
    """The settings called ``preset``, or a space's default, with ``changes`` such as ``classes=7``.

    Raises:
        InputError: if there is no such preset or setting, or a value is impossible.
    """
    known = _sizes(space.name).PRESETS
    name = next(iter(known)) if preset is None else preset
    if name not in known:
        raise InputError(f"no network of {space.name} is called {name!r}{nearest(name, known)}")
    chosen: Settings = known[name]
    names = [field.name for field in fields(chosen)]
    for change in changes:
        if change not in names:
            raise InputError(f"networks of {space.name} have no setting {change!r}{nearest(change, names)}")
    return replace(chosen, **changes)


def parse(space: Space, text: str) -> Settings:
    """Settings in one line: ``"cifar100"``, ``"imagenet,channels=40,auxiliary=no"``, ``"classes=7"``, ``""``.

    Raises:
        InputError: as :func:`settings`, or if a value is not of its setting's type.
    """
    first, _, rest = text.partition(",")
    preset, rest = (None, text) if "=" in first or not text else (first, rest)
    default = settings(space, preset)
    changes = {}
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"network {text!r}: {part!r} is not NAME=VALUE, such as classes=7")
        changes[name] = _value(name, value, type(getattr(default, name, "")))
    return settings(space, preset, **changes)


def _value(name: str, text: str, kind: type) -> bool | int | float | str:
    if kind is bool and text in ("yes", "no"):
        return text == "yes"
    try:
        if kind is not bool:
            converted: int | float | str = kind(text)
            return converted
    except ValueError:
        pass
    needed = {bool: "yes or no", int: "an integer", float: "a number"}[kind]
    raise InputError(f"network: {name}={text}: give {needed}")


def params(space: Space, graphs: Graphs, settings: Settings | None = None) -> NDArray[np.float64]:
    """[n] trainable parameters of the networks of valid architectures; the space's default settings if none are given.

    Raises:
        InputError: if no network is known for the space.
    """
    return _counts(space, graphs, settings)[:, 0].astype(np.float64)


def flops(space: Space, graphs: Graphs, settings: Settings | None = None) -> NDArray[np.float64]:
    """[n] multiply-adds of convolutions and dense layers in one inference: of an image, or of a token.

    Raises:
        InputError: if no network is known for the space.
    """
    return _counts(space, graphs, settings)[:, 1].astype(np.float64)


def build(space: Space, graphs: Graphs, settings: Settings | None = None) -> nn.Module:
    """The PyTorch network of the one architecture in ``graphs``, its weights drawn from torch's random numbers.

    It takes images [n, channels, height, width] and gives scores [n, classes]; that of nbnlp takes tokens
    [steps, batch], and states. ``with torch.device("meta")`` builds one without memory.

    Raises:
        InputError: if no network is known for the space.
        ValueError: if there is not exactly one architecture.
    """
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} architectures where one is needed")
    chosen = _chosen(space, settings)
    network: nn.Module = import_module(f"agnet.networks.modules.{space.name}").build(graphs, chosen)
    return network


def _counts(space: Space, graphs: Graphs, given: Settings | None) -> NDArray[np.int64]:
    return _sizes(space.name).counts(graphs, _chosen(space, given))


def _chosen(space: Space, given: Settings | None) -> Settings:
    return settings(space) if given is None else given
