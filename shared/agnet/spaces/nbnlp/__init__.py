"""NAS-Bench-NLP: recurrent cells of up to 21 operations."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.spaces.base import Parsed, Space
from agnet.spaces.nbnlp import cells as rnn
from agnet.spaces.nbnlp import notation, recipes, samples, sampling
from agnet.spaces.nbnlp.edits import neighbours
from agnet.spaces.nbnlp.isomorphism import canonical, canonical_and_hashes, hashes


class NBNLP(Space):
    """The recurrent cells of NAS-Bench-NLP, in AG-Net's graphs of 26 nodes.

    The canonical notation is the recipe with its nodes in the one order that all isomorphic cells share, so ``arch``
    and ``id`` tell the same cells apart. Parsing, sampling and neighbours give graphs in that order; what a generator
    makes may have any topological order. AG-Net keeps to cells of up to eight operations (``cells.AGNET_MAX_SIZE``).
    """

    name = "nbnlp"
    title = "NAS-Bench-NLP (Klyuchnikov et al., 2020)"
    example = (
        '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, '
        '"h_new_0": {"op": "activation_tanh", "input": ["node_0"]}}'
    )
    cells = ("cell",)
    node_types = rnn.NODE_TYPES
    max_nodes = rnn.MAX_NODES
    max_operands = 3
    size = None
    identity = "id"

    def parse(self, arch: pa.StringArray) -> Parsed:
        """Read recipes, with any names and in any order, and NASLib's compact form."""
        cells, problems = notation.read(arch)
        return Parsed(rnn.to_graphs(canonical(cells)), problems)

    def format(self, graphs: Graphs) -> pa.StringArray:
        """Recipes, the same for all isomorphic cells."""
        return recipes.write(canonical(rnn.from_graphs(graphs)))

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which graph arrays are recurrent cells, see :func:`agnet.spaces.nbnlp.cells.valid`."""
        if graphs.ops.shape[1:] != (1, self.max_nodes):
            return np.zeros(len(graphs), dtype=np.bool_)
        return rnn.valid(rnn.from_graphs(graphs))

    def resolve(self, graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
        """The nearest cells to samples, see :func:`agnet.spaces.nbnlp.samples.resolve`."""
        return samples.resolve(graphs, edge_scores)

    def ids(self, graphs: Graphs) -> pa.StringArray:
        """16 hexadecimal digits, a hash of the cell without its names and order."""
        return arrow.hexadecimal(hashes(rnn.from_graphs(graphs))[:, None])

    def format_and_ids(self, graphs: Graphs) -> tuple[pa.StringArray, pa.StringArray]:
        """See :meth:`Space.format_and_ids`."""
        cells, found = canonical_and_hashes(rnn.from_graphs(graphs))
        return recipes.write(cells), arrow.hexadecimal(found[:, None])

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` cells from NAS-Bench-NLP's own distribution, see :mod:`agnet.spaces.nbnlp.sampling`."""
        return rnn.to_graphs(canonical(sampling.sample(n, rng)))

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """The different cells one edit away, see :func:`agnet.spaces.nbnlp.edits.neighbours`."""
        found, rows = neighbours(rnn.from_graphs(graphs))
        return rnn.to_graphs(found), rows
