"""NAS-Bench-301: the DARTS space, architectures of a normal and a reduction cell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.spaces.base import Parsed, Space
from agnet.spaces.nb301 import darts, genotypes, notation, samples


class NB301(Space):
    """The DARTS space as NAS-Bench-301 has it: two different inputs a node, seven operations, 10^18 architectures.

    The canonical notation is the DARTS genotype with the lower input of each node first. Two genotypes whose nodes are
    only numbered differently compute the same and share an id, but they are two architectures for NAS-Bench-301, whose
    surrogates see the numbering: ``identity`` is the genotype.
    """

    name = "nb301"
    title = "the DARTS space (Liu et al., ICLR 2019) as in NAS-Bench-301 (Zela et al., ICLR 2022)"
    example = (
        "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
        "('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 1), ('skip_connect', 2), "
        "('max_pool_3x3', 0), ('skip_connect', 2), ('max_pool_3x3', 1), ('skip_connect', 2)], "
        "reduce_concat=[2, 3, 4, 5])"
    )
    cells = darts.CELLS
    node_types = darts.NODE_TYPES
    max_nodes = darts.GRAPH_NODES
    size = None
    identity = "arch"

    def parse(self, arch: pa.StringArray) -> Parsed:
        """Read genotypes, NASLib's compact form and NAS-Bench-301's configurations."""
        codes, problems = notation.read(arch)
        return Parsed(darts.to_graphs(codes), problems)

    def format(self, graphs: Graphs) -> pa.StringArray:
        """Genotypes, the lower input of each node first."""
        return genotypes.write(darts.from_graphs(graphs))

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which graph arrays are exactly those of cells of this space; works for single cells, too."""
        return np.all(darts.valid(graphs), axis=1)

    def resolve(self, graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
        """Cells as AG-Net reads them off samples, see :mod:`agnet.spaces.nb301.samples`."""
        return samples.resolve(graphs, edge_scores)

    def ids(self, graphs: Graphs) -> pa.StringArray:
        """16 hexadecimal digits: of each cell the smallest of the numbers that its isomorphic cells have."""
        return arrow.hexadecimal(darts.canonical_index(darts.from_graphs(graphs)).astype(np.uint32))

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` architectures, each equally likely: operations and pairs of inputs are independent and uniform."""
        return darts.to_graphs(rng.integers(darts.NUM_CODES, size=(n, len(self.cells), darts.NODES)))

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """The 120 architectures with one operation or one input changed, cell by cell and node by node."""
        found = darts.neighbours(darts.from_graphs(graphs))
        rows = np.repeat(np.arange(len(graphs), dtype=np.int64), found.shape[1])
        return darts.to_graphs(found.reshape(-1, *found.shape[2:])), rows
