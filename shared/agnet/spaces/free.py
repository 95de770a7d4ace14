"""A base for spaces of free cells: any acyclic graph of labelled nodes within limits, see docs/adding-a-space.md."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces import dag
from agnet.spaces.base import Parsed, Space

_FEWEST, _MOST = 256, 16384  # random graphs at a time
_FRUITLESS = 200_000
_MORE = 0.5  # largest chance of an edge that a random cell need not have
_OUTPUT, _INPUT = 0, 1  # node types, in every space


class FreeCell(Space):
    """A space of one cell: an input, up to ``max_nodes - 2`` operations, an output, at most ``max_edges`` edges.

    A subclass gives ``name``, ``title``, ``example``, ``node_types``, ``max_nodes`` and ``max_edges``, :meth:`read` and
    :meth:`write` for its notation, and :meth:`rule` if not every cell within the limits is valid. Nodes and edges on no
    path from input to output do not count. Isomorphic cells have one ``id``, which tells architectures apart.
    """

    cells = ("cell",)
    size = None
    identity = "id"
    max_edges: ClassVar[int | None] = None
    """Edges of a cell, those from the input and to the output too; None where only the nodes limit them."""

    @abstractmethod
    def read(self, text: str) -> tuple[Sequence[str], Sequence[tuple[int, int]]]:
        """The operations and edges of one cell in the space's notation; ``text`` has no spaces around it.

        Returns:
            k names of operations, which are nodes 1 to k in any order, and pairs (from, to) of nodes: 0 is the input,
            k + 1 the output.

        Raises:
            ValueError: with the reason, if it cannot be read.
        """

    @abstractmethod
    def write(self, operations: Sequence[str], edges: Sequence[tuple[int, int]]) -> str:
        """The inverse of :meth:`read`: nodes are in topological order, edges ascending."""

    def rule(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which cells within the limits are valid; they are pruned. All, if the subclass does not say."""
        return np.ones(len(graphs), np.bool_)

    def parse(self, arch: pa.StringArray) -> Parsed:
        """Read cells, with their nodes in any order."""
        coded = arch.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        found = Graphs.blank(len(texts) + 1, 1, self.max_nodes)  # the last is what could not be read
        reasons: dict[int, str] = {}
        for row, text in enumerate(texts):
            try:
                self._fill(found, row, *self.read(text.strip()))
            except ValueError as error:
                reasons[row] = str(error) or f"{text!r} is not a cell"
        paths = dag.closure(found.adjacency[:, 0])
        cyclic = np.asarray(np.einsum("nii->ni", paths).any(axis=1))
        reasons |= dict.fromkeys(np.flatnonzero(cyclic).tolist(), "its edges make a cycle")
        ops, adjacency = dag.sort(found.ops[:, 0], found.adjacency[:, 0] & ~cyclic[:, None, None], found.sizes[:, 0])
        graphs = self.canonical(Graphs(ops[:, None], adjacency[:, None], found.sizes))
        for row in np.flatnonzero(~self.valid(graphs)).tolist():
            reasons.setdefault(row, self._why(graphs, row))
        graphs.sizes[list(reasons)] = 0
        codes = coded.indices.fill_null(len(texts)).to_numpy()
        reasons[len(texts)] = "no architecture"
        return Parsed(
            graphs.take(codes),
            {row: reasons[code] for row, code in enumerate(codes.tolist()) if code in reasons},
        )

    def format(self, graphs: Graphs) -> pa.StringArray:
        """The space's notation, nodes in the order of :meth:`canonical`; null for what is not a cell."""
        graphs = self.canonical(graphs)
        present = self.valid(graphs)
        texts = []
        for row in np.flatnonzero(present).tolist():
            size = int(graphs.sizes[row, 0])
            names = [self.node_types[kind] for kind in graphs.ops[row, 0, 1 : size - 1].tolist()]
            texts.append(
                self.write(names, list(zip(*(a.tolist() for a in graphs.adjacency[row, 0].nonzero()), strict=True)))
            )
        made = arrow.strings(texts)
        return made if present.all() else made.take(arrow.numbers(np.cumsum(present) - 1, null=~present))

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which are cells within the limits that keep the rule, once useless nodes and edges are taken off."""
        good = np.zeros(len(graphs), np.bool_)
        if graphs.ops.shape[1:] != (1, self.max_nodes):
            return good
        graphs = dag.prune(graphs)
        rows = np.flatnonzero(self._within(graphs))
        good[rows] = self.rule(graphs.take(rows))
        return good

    def ids(self, graphs: Graphs) -> pa.StringArray:
        """16 hexadecimal digits: a Weisfeiler-Lehman hash of the cell, as NAS-Bench-101's module hash is one."""
        graphs = dag.prune(graphs)
        return arrow.hexadecimal(_mix(_sum(_colours(graphs), _used(graphs)))[:, None])

    def canonical(self, graphs: Graphs) -> Graphs:
        """Pruned, the nodes in a topological order that isomorphic cells share, except for nodes that look alike."""
        graphs = dag.prune(graphs)
        colours = np.where(_used(graphs), _colours(graphs) >> np.uint64(1), np.uint64(2**64 - 1))
        order = np.argsort(colours, axis=1, kind="stable")
        rows = np.arange(len(order))[:, None, None]
        ops = np.take_along_axis(graphs.ops[:, 0], order, axis=1)
        ops, adjacency = dag.sort(
            ops, graphs.adjacency[:, 0][rows, order[:, :, None], order[:, None, :]], graphs.sizes[:, 0]
        )
        return Graphs(ops[:, None], adjacency[:, None], graphs.sizes)

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` random cells: each number of nodes and each operation as likely, then edges, drawn until one is valid.

        A node gets one random source and, if it feeds nothing, a random target; other edges by a coin of any bias.

        Raises:
            InputError: if hardly any is.
        """
        parts, missing, fruitless = [Graphs.blank(0, 1, self.max_nodes)], n, 0
        while missing:
            drawn = self._draw(min(max(_FEWEST, 2 * missing), _MOST), rng)
            good = np.flatnonzero(self.valid(drawn))[:missing]
            parts.append(self.canonical(drawn.take(good)))
            missing -= len(good)
            fruitless = 0 if len(good) else fruitless + len(drawn)
            if fruitless > _FRUITLESS:
                raise InputError(
                    f"{self.name}: none of {fruitless:,} random cells is valid; its module needs a sample()"
                )
        return Graphs.concat(parts)

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """The distinct other cells that one edit makes, and the row each came from.

        An edit changes an operation, adds or takes away an edge (and what becomes useless by it), or puts an operation
        on an edge.
        """
        graphs = self.canonical(graphs)
        edited, rows = _edits(graphs, [self.node_types.index(name) for name in self.operations])
        edited = self.canonical(edited)
        keep = np.flatnonzero(self.valid(edited))
        edited, rows = edited.take(keep), rows[keep]
        keys = _mix(_sum(_colours(edited), _used(edited)))
        own = _mix(_sum(_colours(graphs), _used(graphs)))
        different = keys != own[rows]
        _, first = np.unique(np.stack([rows.astype(np.uint64), keys], axis=1), axis=0, return_index=True)
        first = np.sort(first[different[first]])
        return edited.take(first), rows[first]

    def _fill(self, found: Graphs, row: int, operations: Sequence[str], edges: Sequence[tuple[int, int]]) -> None:
        """Put one cell into a row, nodes as they come.

        Raises:
            ValueError: if it does not fit.
        """
        size = len(operations) + 2
        if size > self.max_nodes:
            raise ValueError(f"{len(operations)} operations, at most {self.max_nodes - 2} are allowed")
        for name in operations:
            if name not in self.operations:
                raise ValueError(f"no operation is called {name!r}; there are {', '.join(self.operations)}")
        for source, target in edges:
            if not (0 <= source < size and 0 <= target < size):
                raise ValueError(f"an edge from {source} to {target}, but the nodes are 0 to {size - 1}")
        found.sizes[row] = size
        found.ops[row, 0, :size] = [_INPUT, *map(self.node_types.index, operations), _OUTPUT]
        if len(edges):
            found.adjacency[row, 0][tuple(np.transpose(edges))] = True

    def _within(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which pruned graphs have an input, an output, operations between, and no more edges than allowed."""
        ops, sizes = graphs.ops[:, 0], graphs.sizes[:, 0].astype(np.int64)
        operation = np.isin(ops, [self.node_types.index(name) for name in self.operations])
        place = np.arange(self.max_nodes)
        inner = (place > 0) & (place < sizes[:, None] - 1)
        good: NDArray[np.bool_] = (
            (sizes >= 2)
            & (ops[:, 0] == _INPUT)
            & (ops[np.arange(len(ops)), sizes - 1] == _OUTPUT)
            & (operation | ~inner).all(axis=1)
        )
        return good if self.max_edges is None else good & (graphs.adjacency.sum(axis=(1, 2, 3)) <= self.max_edges)

    def _why(self, graphs: Graphs, row: int) -> str:
        """What is wrong with a cell that could be read."""
        edges = int(graphs.adjacency[row].sum())
        if not graphs.sizes[row, 0]:
            return "no path leads from the input to the output"
        if self.max_edges is not None and edges > self.max_edges:
            return f"{edges} edges, at most {self.max_edges} are allowed"
        return f"it breaks the rule of {self.name}"

    def _draw(self, n: int, rng: np.random.Generator) -> Graphs:
        sizes = rng.integers(3, self.max_nodes + 1, n)
        kinds = [self.node_types.index(name) for name in self.operations]
        place = np.arange(self.max_nodes)
        ops = np.where(place < sizes[:, None] - 1, rng.choice(kinds, (n, self.max_nodes)), _OUTPUT).astype(np.uint8)
        ops[:, 0] = _INPUT
        rows, edges = np.arange(n), np.zeros((n, self.max_nodes, self.max_nodes), np.bool_)
        for node in range(1, self.max_nodes):  # something leads to every node ...
            used = rows[node < sizes]
            edges[used, rng.integers(node, size=n)[used], node] = True
        for node in range(self.max_nodes - 1):  # ... and from it
            used = rows[(node < sizes - 1) & ~edges[:, node].any(axis=1)]
            later = node + 1 + (rng.random(n) * np.maximum(sizes - 1 - node, 1)).astype(np.int64)
            edges[used, node, later[used]] = True
        more = rng.random(edges.shape) < _MORE * rng.random((n, 1, 1))
        edges |= more & (place[:, None] < place) & (place < sizes[:, None, None])
        return Graphs(ops[:, None], edges[:, None], sizes[:, None].astype(np.uint8))


def _used(graphs: Graphs) -> NDArray[np.bool_]:
    """[n, nodes] which places have a node."""
    return np.arange(graphs.ops.shape[2]) < graphs.sizes


def _colours(graphs: Graphs) -> NDArray[np.uint64]:
    """[n, nodes] what a node and all that is around it look like, whatever the numbering."""
    used, adjacency = _used(graphs), graphs.adjacency[:, 0]
    colours = _mix(graphs.ops[:, 0].astype(np.uint64))
    for _ in range(graphs.ops.shape[2]):
        into, out = _mix(colours + np.uint64(1)), _mix(colours + np.uint64(2))
        before = np.einsum("nab,na->nb", adjacency, into)
        after = np.einsum("nab,nb->na", adjacency, out)
        colours = _mix(colours + _mix(before) + np.uint64(3) * _mix(after)) * used
    return colours


def _sum(colours: NDArray[np.uint64], used: NDArray[np.bool_]) -> NDArray[np.uint64]:
    total: NDArray[np.uint64] = (_mix(colours) * used).sum(axis=1, dtype=np.uint64)
    return total


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: numbers that are near come far apart."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _edits(graphs: Graphs, kinds: Sequence[int]) -> tuple[Graphs, NDArray[np.int64]]:
    """What one edit makes of pruned cells, valid or not, and the row each came from."""
    nodes, sizes = graphs.ops.shape[2], graphs.sizes[:, 0].astype(np.int64)
    parts, rows = [Graphs.blank(0, 1, nodes)], [np.zeros(0, np.int64)]

    def edit(where: NDArray[np.bool_], change: Callable[[Graphs], None]) -> None:
        chosen = np.flatnonzero(where)
        part = graphs.take(chosen)
        change(part)
        parts.append(part)
        rows.append(chosen)

    for node in range(1, nodes - 1):
        for kind in kinds:
            edit((node < sizes - 1) & (graphs.ops[:, 0, node] != kind), partial(_rename, node, kind))
    for target in range(1, nodes):
        for source in range(target):
            edit(target < sizes, partial(_toggle, source, target))
            for kind in kinds if target < nodes - 1 else ():
                edge = graphs.adjacency[:, 0, source, target]
                edit(edge & (sizes < nodes), partial(_insert, source, target, kind))
    return Graphs.concat(parts), np.concatenate(rows)


def _rename(node: int, kind: int, graphs: Graphs) -> None:
    graphs.ops[:, 0, node] = kind


def _toggle(source: int, target: int, graphs: Graphs) -> None:
    graphs.adjacency[:, 0, source, target] ^= True


def _insert(source: int, target: int, kind: int, graphs: Graphs) -> None:
    """Put a node on an edge that all have; it takes the target's place, which moves up with those behind it."""
    ops, adjacency = graphs.ops[:, 0], graphs.adjacency[:, 0]
    ops[:, target + 1 :] = ops[:, target:-1].copy()
    ops[:, target] = kind
    adjacency[:, :, target + 1 :] = adjacency[:, :, target:-1].copy()
    adjacency[:, :, target] = False
    adjacency[:, target + 1 :] = adjacency[:, target:-1].copy()
    adjacency[:, target] = False
    adjacency[:, source, target + 1] = False
    adjacency[:, source, target] = adjacency[:, target, target + 1] = True
    np.add(graphs.sizes, 1, out=graphs.sizes)
