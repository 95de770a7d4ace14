"""A part of a space: what some of its architectures have in common with all."""

from __future__ import annotations

import pyarrow as pa

from agnet.graphs import Graphs
from agnet.spaces.base import Parsed, Space

_FACTS = ("name", "title", "example", "cells", "node_types", "dead_types", "max_nodes", "max_operands", "identity")


class Part(Space):
    """Reads, writes and numbers architectures as ``whole`` does; a subclass says which there are."""

    size = None

    def __init__(self, whole: Space) -> None:
        for fact in _FACTS:
            setattr(self, fact, getattr(whole, fact))
        self.whole = whole

    @property
    def longest_path(self) -> int:
        """See :class:`Space`."""
        return self.whole.longest_path

    def parse(self, arch: pa.StringArray) -> Parsed:
        """As the space reads it."""
        return self.whole.parse(arch)

    def format(self, graphs: Graphs) -> pa.StringArray:
        """As the space writes it."""
        return self.whole.format(graphs)

    def ids(self, graphs: Graphs) -> pa.StringArray:
        """As the space numbers it."""
        return self.whole.ids(graphs)

    def format_and_ids(self, graphs: Graphs) -> tuple[pa.StringArray, pa.StringArray]:
        """As the space does both."""
        return self.whole.format_and_ids(graphs)
