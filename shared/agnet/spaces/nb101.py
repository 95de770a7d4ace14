"""NAS-Bench-101: cells of up to 7 vertices and 9 edges, any acyclic graph (Ying et al., ICML 2019).

NAS-Bench-101 has no notation of its own, so here is one. A cell is written vertex by vertex after the input, each with
the numbers of the vertices that it takes its input from, one digit each; the input is vertex 0, the output comes last::

    conv3x3:0,conv1x1:0,maxpool3x3:12,output:03

Nothing in it needs quoting in a shell. Canonical is the numbering in which NAS-Bench-101 publishes the cell (the
smallest adjacency, then the smallest labels), without vertices that lie on no path from input to output. So isomorphic
cells are one string, and it stands for the network that was trained, whose channels depend on the numbering.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces import dag, nb101_cells, nb101_edits, nb101_notation
from agnet.spaces.base import Parsed, Space
from agnet.spaces.nb101_hash import module_hashes

_AT_ONCE = 2048  # cells whose neighbours are made together


class NB101(Space):
    """NAS-Bench-101, all 423,624 nb101_cells."""

    name = "nb101"
    title = "NAS-Bench-101 (Ying et al., ICML 2019)"
    example = "conv3x3:0,maxpool3x3:1,conv3x3:01,conv3x3:3,conv1x1:4,output:025"
    cells = ("cell",)
    node_types = nb101_cells.NODE_TYPES
    max_nodes = nb101_cells.MAX_VERTICES
    size = 423_624
    identity = "arch"

    def parse(self, arch: pa.StringArray) -> Parsed:
        """Read cells in any numbering of their vertices, and give them in the canonical one.

        Also read are NAS-Bench-101's own forms: a JSON object with ``matrix`` and ``ops`` (or ``module_adjacency`` and
        ``module_operations``), the rows of its files as JSON lists, and their two columns alone, ``0110... input,...``.
        """
        codes, problems = nb101_notation.read(arch)
        return Parsed(nb101_cells.unpack(nb101_cells.canonical(codes)), problems)

    def format(self, graphs: Graphs) -> pa.StringArray:
        """The canonical notation, see the head of this module, null for what is not a cell."""
        return nb101_notation.write(self.codes(graphs))

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which are cells of the space once useless vertices and edges are taken off, as NAS-Bench-101 counts.

        Input and output are connected, input comes first, output last, operations between; at most 9 edges.
        """
        return _pack(graphs) != nb101_cells.NO_CELL

    def ids(self, graphs: Graphs) -> pa.StringArray:
        """NAS-Bench-101's module hash: 32 hexadecimal digits, null for what is not a cell."""
        codes = self.codes(graphs)
        text = module_hashes(codes)
        offsets = np.arange(len(text) + 1, dtype=np.int32) * text.shape[1]
        present = np.packbits(codes != nb101_cells.NO_CELL, bitorder="little")
        return pa.StringArray.from_buffers(len(text), *map(pa.py_buffer, (offsets, text, present)))

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` cells, each of the 423,624 equally likely, as AG-Net draws them from the benchmark's table.

        (NAS-Bench-101's own random search draws edges by coin instead, which seldom leaves 7 vertices after pruning.)
        """
        return nb101_cells.unpack(nb101_cells.sample_codes(n, rng))

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """The distinct other cells that one edit makes, and the row each came from.

        An edit changes an operation; takes an edge away (and what becomes useless by it); adds an edge, in whichever
        direction makes no cycle; or adds a vertex with one source and one target. Any cell can be reached from any.
        """
        codes = self.codes(graphs)
        found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
        for start in range(0, len(codes), _AT_ONCE):
            rows, others = nb101_edits.neighbours(codes[start : start + _AT_ONCE])
            found.append((rows + start, others))
        rows, others = (np.concatenate(part) for part in zip(*found, strict=True))
        return nb101_cells.unpack(others), rows

    def enumerate(self, chunk: int = 65536) -> Iterator[Graphs]:
        """All cells, by number of vertices, then adjacency, then labels: the order in which they were first found."""
        held = np.empty(0, np.int64)
        for codes in nb101_cells.enumerate_codes(chunk):
            held = np.concatenate([held, codes])
            while len(held) >= chunk:
                yield nb101_cells.unpack(held[:chunk])
                held = held[chunk:]
        if len(held):
            yield nb101_cells.unpack(held)

    def canonical(self, graphs: Graphs) -> Graphs:
        """Pruned and in the canonical numbering; size 0 where a graph is not a cell of the space."""
        return nb101_cells.unpack(self.codes(graphs))

    def codes(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] the canonical :mod:`code <agnet.spaces.nb101_cells>` of each graph, -1 where it is not a cell."""
        return nb101_cells.canonical(_pack(graphs))


def _pack(graphs: Graphs) -> NDArray[np.int64]:
    """[n] codes of graphs, pruned where they have useless vertices or edges."""
    codes = nb101_cells.pack(graphs)  # no cell where anything in it is useless
    rest = np.flatnonzero(codes == nb101_cells.NO_CELL)
    if len(rest):
        codes[rest] = nb101_cells.pack(dag.prune(graphs.take(rest)))
    return codes
