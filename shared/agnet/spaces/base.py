"""What a search space has to say about itself; one module a space implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.graphs import Graphs


@dataclass(frozen=True, slots=True)
class Parsed:
    """Architectures read from notation, and what was wrong with those that could not be read."""

    graphs: Graphs
    """[n] as many rows as strings; a row with a problem has ``sizes`` 0."""
    problems: dict[int, str]
    """Row number to reason."""


class Space(ABC):
    """A search space: which architectures exist, how they are written, and when two are the same.

    Every method works on a batch. Strings are Arrow string arrays, graphs are :class:`~agnet.graphs.Graphs`.
    """

    name: ClassVar[str]
    """Key on the command line and in the ``space`` column: ``nb201``."""
    title: ClassVar[str]
    """Name in prose, with source."""
    example: ClassVar[str]
    """One architecture in canonical notation."""
    cells: ClassVar[tuple[str, ...]]
    """Names of an architecture's cells, ``("cell",)`` or ``("normal", "reduce")``."""
    node_types: ClassVar[tuple[str, ...]]
    """Labels of nodes; 0 is ``output`` (and padding), 1 is ``input``."""
    dead_types: ClassVar[tuple[str, ...]] = ()
    """Node types that let nothing through, such as ``none``."""
    max_nodes: ClassVar[int]
    """Nodes of a cell, padding included."""
    max_operands: ClassVar[int] = 1
    """Most inputs of a node whose order matters, see ``Graphs.operands``; 1 where it does not."""
    size: ClassVar[int | None]
    """Number of architectures that :meth:`enumerate` gives; None when there are too many to enumerate."""
    identity: ClassVar[Literal["arch", "id"]]
    """The column that makes an architecture distinct for the benchmarks of this space."""

    @abstractmethod
    def parse(self, arch: pa.StringArray) -> Parsed:
        """Read notation: the canonical one and every other established one of this space."""

    @abstractmethod
    def format(self, graphs: Graphs) -> pa.StringArray:
        """Canonical notation of valid architectures, the ``arch`` column."""

    @abstractmethod
    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which graph arrays are architectures of this space."""

    @abstractmethod
    def ids(self, graphs: Graphs) -> pa.StringArray:
        """Isomorphism-invariant key of valid architectures, the ``id`` column."""

    def keys(self, graphs: Graphs) -> pa.StringArray:
        """[n] what makes valid architectures distinct: the column that :attr:`identity` names."""
        return self.format(graphs) if self.identity == "arch" else self.ids(graphs)

    def format_and_ids(self, graphs: Graphs) -> tuple[pa.StringArray, pa.StringArray]:
        """:meth:`format` and :meth:`ids`; a space overrides it where the two have work in common."""
        return self.format(graphs), self.ids(graphs)

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` independent random architectures (the subclass says from which distribution)."""

    @abstractmethod
    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """Every valid architecture one edit away, and for each the row of ``graphs`` it came from."""

    def resolve(self, graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
        """The architectures that a generator's samples stand for; what stands for none is not valid.

        Only of use where a generator that draws each edge by itself would almost never draw a valid graph.

        Args:
            graphs: samples, as :meth:`valid` takes them.
            edge_scores: [n, cells, num_edges] logits that their edges were drawn from.
        """
        return graphs

    def enumerate(self, chunk: int = 65536) -> Iterator[Graphs]:
        """All architectures, ``chunk`` at a time, in a fixed order; only where ``size`` is not None."""
        raise NotImplementedError(f"{self.name} is too large to enumerate")

    def index(self, graphs: Graphs) -> NDArray[np.int64] | None:
        """[n] number of each architecture in the order of :meth:`enumerate`, -1 if it could not be read.

        None where that is not cheap. What is computed once for the whole of a small space is looked up by it.
        """
        return None

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """Node types that compute something: neither output nor an input nor dead."""
        others = {"output", *self.input_types, *self.dead_types}
        return tuple(kind for kind in self.node_types if kind not in others)

    @cached_property
    def input_types(self) -> tuple[str, ...]:
        """Node types that a cell starts from: ``input``, and in cells with two inputs ``input_1``."""
        return tuple(kind for kind in self.node_types if kind.startswith("input"))

    @property
    def longest_path(self) -> int:
        """Most operations that a path from the input to the output can have."""
        return self.max_nodes - 2

    @property
    def num_edges(self) -> int:
        """Length of a cell's edge vector, ``max_nodes * (max_nodes - 1) / 2``."""
        return self.max_nodes * (self.max_nodes - 1) // 2

    @property
    def flat_length(self) -> int:
        """Length of a cell's flat one-hot encoding: nodes × types, then edges."""
        return self.max_nodes * len(self.node_types) + self.num_edges
