"""Random search: the baseline that everything has to beat."""

from __future__ import annotations

from contextlib import suppress

from agnet.graphs import Graphs
from agnet.records import records
from agnet.search.history import History
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed
from agnet.spaces.sampling import Exhausted, distinct_blocks


class RandomStrategy(Strategy):
    """Architectures drawn from the space's own distribution, without repetition."""

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """``n`` random architectures that the history does not have; what is left when there are fewer."""
        found = [Graphs.blank(0, len(self.space.cells), self.space.max_nodes)]
        with suppress(Exhausted):
            found.extend(distinct_blocks(self.space, n, seed, exclude=history.seen))
        graphs = Graphs.concat(found)
        return Proposal(graphs, records(self.space, graphs))

    def follow(self, history: History) -> bool:
        """See :meth:`Strategy.follow`: all it knows is the history."""
        return True
