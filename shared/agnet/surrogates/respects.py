"""The respects in which kernels compare architectures: operations, paths, size and more.

Each is a group of numbers scaled by a fixed sample of the space, so that two random architectures are at a distance of
about the square root of 2 in every group, and an architecture's numbers depend on nothing but itself.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from agnet import encodings, features, networks, spaces
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.live import LiveCells, each_cell, types_of
from agnet.seeds import numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.process import Kind

_SAMPLE = 1000
_CONSTANT = 1e-8
_STRUCTURE = {
    "operations": {"count"}, "routes": {"paths"}, "most": {"most"}, "fewest": {"shortest"}, "ends": {"first", "last"},
    "shortcuts": {"edges"},
}  # fmt: skip
"""Kinds of features of :mod:`agnet.features` in each group."""
_TOGETHER = "structure"
_KINDS: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys((_TOGETHER, *_STRUCTURE), ("matern",)), "paths": ("matern",), "size": ("linear",),
    **dict.fromkeys(("notation", "counts", "used"), ("matern", "linear")),
}  # fmt: skip
_OWN_SCALE = {_TOGETHER, *_STRUCTURE, "size", "used"}
"""Whose features are all scaled to the same deviation; those of the others share a scale, so rare ones weigh less."""


@dataclass(frozen=True)
class Respects:
    """Groups of features of a space's architectures.

    - structure, if asked for: all of the next line's in one group
    - operations, routes, most, fewest, ends, shortcuts: logarithms of the counts and lengths of :mod:`agnet.features`,
      each scaled to deviation 1: how many operations of each type, how many paths, most and fewest operations on one,
      which operations begin and end them, and how many edges do, or lead past all operations; together they would have
      to matter alike, and seldom do. Where no edge leads past all operations there are no shortcuts: the other edges
      are counted by the ends
    - paths: which operation sequences occur; rare ones must not weigh more than common ones, so they share one scale
    - size: logarithm of the network's parameters, where a network is known
    - notation: node types and edges as they are written, where what is written otherwise is another architecture
    - counts: nodes of each type, as they are written
    - used: operations of each type that the output is computed from, even if it does not depend on them

    The last three are for costs: a device may compute all that is written, or all but what a compiler knows not to be
    used; that an operation reads nothing but zeros it does not know. What many small costs add up to is linear in them,
    what becomes of them on a device is not, so each of the three is a group twice.
    """

    space: Space
    together: bool
    """Whether structure is the first of them."""
    costs: bool
    """Whether notation, counts and what is used are among them."""
    kinds: tuple[Kind, ...]
    """Kernel that suits each group."""
    _parts: tuple[str, ...]
    _shift: tuple[NDArray[np.float64], ...]
    _factor: tuple[NDArray[np.float64], ...]

    @property
    def widths(self) -> list[int]:
        """Number of features of each group."""
        widths = [int((factor > 0).sum()) for factor in self._factor]
        return [width for part, width in zip(self._parts, widths, strict=True) for _ in _KINDS[part]]

    def __call__(self, graphs: Graphs) -> list[NDArray[np.float64]]:
        """[n, d] features of ``n`` architectures in each group."""
        index = self.space.index(graphs)
        if index is None:
            return self._scaled(graphs)
        return [group[index] for group in _table(self.space.name, self.together, self.costs)]

    def _scaled(self, graphs: Graphs) -> list[NDArray[np.float64]]:
        scaled = []
        parts = _raw(self.space, graphs, self.together, self.costs).items()
        for (part, raw), shift, factor in zip(parts, self._shift, self._factor, strict=True):
            there = np.flatnonzero(factor)
            group: NDArray[np.float64] = raw.take(there, axis=1).astype(np.float64, copy=False)
            group -= shift[there]
            group *= factor[there]
            scaled += [group] * len(_KINDS[part])
        return scaled


@cache
def respects(name: str, *, together: bool = False, costs: bool = False) -> Respects:
    """The groups of the space called ``name``.

    With ``together`` also, before them, all structure as one; with ``costs``, behind them, those for what architectures
    cost.
    """
    space = spaces.get(name)
    raw = _raw(space, _sample(space), together, costs)
    kinds = tuple(kind for part in raw for kind in _KINDS[part])
    shift = tuple(group.mean(axis=0) for group in raw.values())
    factor = tuple(_factor(group, own=part in _OWN_SCALE) for part, group in raw.items())
    return Respects(space, together, costs, kinds, tuple(raw), shift, factor)


@cache
def _table(name: str, together: bool, costs: bool) -> list[NDArray[np.float64]]:
    """The groups of all architectures of a small space, by index."""
    groups = respects(name, together=together, costs=costs)
    chunks = [groups._scaled(graphs) for graphs in groups.space.enumerate()]
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def _raw(space: Space, graphs: Graphs, together: bool, costs: bool) -> dict[str, NDArray[np.number]]:
    features_, paths = encodings.structure(space, graphs)
    structure = np.log1p(features_, dtype=np.float64)
    columns = _structure(space)
    groups: dict[str, NDArray[np.number]] = {}
    if together:
        groups[_TOGETHER] = structure[:, np.concatenate([*columns.values()])]
    groups.update({part: structure[:, at] for part, at in columns.items()})
    groups["paths"] = paths
    with suppress(InputError):  # a space of the user's own, whose networks nobody knows
        groups["size"] = np.log(np.maximum(networks.params(space, graphs), 1))[:, None]
    if costs:
        if space.identity == "arch":
            groups["notation"] = encodings.encode(space, graphs, "onehot")
        groups["counts"] = _counts(space, graphs)
        groups["used"] = each_cell(space, graphs, partial(_used, space))[0]
    return groups


@cache
def _structure(space: Space) -> dict[str, list[int]]:
    """Columns of each group of :mod:`agnet.features`."""
    names = features.columns(space)
    kinds = [name.partition(":")[0].rpartition(".")[2] for name in names]
    groups = {part: [i for i, kind in enumerate(kinds) if kind in wanted] for part, wanted in _STRUCTURE.items()}
    direct = [i for i, name in enumerate(names) if name.endswith("edges:direct")]
    if not features.features(space, _sample(space))[:, direct].any():
        del groups["shortcuts"]
    return groups


def _sample(space: Space) -> Graphs:
    return space.sample(_SAMPLE, numpy_stream((0,), "scale of features"))


def _counts(space: Space, graphs: Graphs) -> NDArray[np.float64]:
    """[n, cells × types] nodes of each type."""
    there = np.arange(graphs.ops.shape[2]) < graphs.sizes[:, :, None]
    types = np.eye(len(space.node_types))[graphs.ops] * there[..., None]
    counts: NDArray[np.float64] = types.sum(axis=2).reshape(len(graphs), -1)
    return counts


def _used(space: Space, live: LiveCells) -> NDArray[np.float64]:
    """[n, operations] operations of each type of single cells that the output is computed from."""
    kinds = types_of(space, space.operations)
    return np.stack([(live.used & (live.types == kind)).sum(axis=0) for kind in kinds], axis=1).astype(np.float64)


def _factor(group: NDArray[np.number], *, own: bool) -> NDArray[np.float64]:
    """What makes two random architectures about the square root of 2 apart; 0 for what never differs."""
    deviations = group.std(axis=0)
    varies = deviations**2 > _CONSTANT
    if own:
        inverse = np.divide(1, deviations, out=np.zeros_like(deviations), where=varies)
        return np.asarray(inverse / np.sqrt(max(varies.sum(), 1)))
    return np.asarray(varies / np.sqrt((np.where(varies, deviations, 0) ** 2).sum() or 1))
