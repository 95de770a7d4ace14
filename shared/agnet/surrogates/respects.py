"""The respects in which kernels compare architectures: structure, paths, size.

Each is a group of numbers scaled by a fixed sample of the space, so that two random architectures are at a distance of
about the square root of 2 in every group, and an architecture's numbers depend on nothing but itself.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from agnet import encodings, networks, spaces
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.seeds import numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.process import Kind

_SAMPLE = 1000
_CONSTANT = 1e-8


@dataclass(frozen=True)
class Respects:
    """Groups of features of a space's architectures.

    - structure: logarithms of the counts and lengths of :mod:`agnet.features`, each scaled to deviation 1
    - paths: which operation sequences occur; rare ones must not weigh more than common ones, so they share one scale
    - size: logarithm of the network's parameters, where a network is known
    """

    space: Space
    kinds: tuple[Kind, ...]
    """Kernel that suits each group."""
    _shift: tuple[NDArray[np.float64], ...]
    _factor: tuple[NDArray[np.float64], ...]

    @property
    def widths(self) -> list[int]:
        """Number of features of each group."""
        return [int((factor > 0).sum()) for factor in self._factor]

    def __call__(self, graphs: Graphs) -> list[NDArray[np.float64]]:
        """[n, d] features of ``n`` architectures in each group."""
        index = self.space.index(graphs)
        return self._scaled(graphs) if index is None else [group[index] for group in _table(self.space.name)]

    def _scaled(self, graphs: Graphs) -> list[NDArray[np.float64]]:
        scaled = []
        for raw, shift, factor in zip(_raw(self.space, graphs), self._shift, self._factor, strict=True):
            there = np.flatnonzero(factor)
            group: NDArray[np.float64] = raw.take(there, axis=1).astype(np.float64, copy=False)
            group -= shift[there]
            group *= factor[there]
            scaled.append(group)
        return scaled


@cache
def respects(name: str) -> Respects:
    """The groups of the space called ``name``."""
    space = spaces.get(name)
    raw = _raw(space, space.sample(_SAMPLE, numpy_stream((0,), "scale of features")))
    shift = tuple(group.mean(axis=0) for group in raw)
    structure, paths, *size = (_deviations(group) for group in raw)
    factor = [_inverse(structure) / np.sqrt((structure > 0).sum()), (paths > 0) / np.sqrt((paths**2).sum())]
    kinds: list[Kind] = ["matern", "matern"]
    for group in size:
        kinds.append("linear")
        factor.append(_inverse(group))
    return Respects(space, tuple(kinds), shift, tuple(factor))


@cache
def _table(name: str) -> list[NDArray[np.float64]]:
    """The groups of all architectures of a small space, by index."""
    groups = respects(name)
    chunks = [groups._scaled(graphs) for graphs in groups.space.enumerate()]
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def _raw(space: Space, graphs: Graphs) -> list[NDArray[np.number]]:
    groups: list[NDArray[np.number]] = [
        np.log1p(encodings.encode(space, graphs, "features"), dtype=np.float64),
        encodings.encode(space, graphs, "paths"),
    ]
    with suppress(InputError):  # a space of the user's own, whose networks nobody knows
        groups.append(np.log(np.maximum(networks.params(space, graphs), 1))[:, None])
    return groups


def _deviations(group: NDArray[np.number]) -> NDArray[np.float64]:
    deviations = group.std(axis=0)
    return np.where(deviations**2 > _CONSTANT, deviations, 0)


def _inverse(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations > 0)
