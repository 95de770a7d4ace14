"""Random search: the baseline that everything has to beat."""

from __future__ import annotations

from agnet.records import records
from agnet.search.history import History
from agnet.search.strategies import Proposal
from agnet.seeds import Seed
from agnet.spaces.sampling import distinct


class RandomStrategy:
    """Architectures drawn from the space's own distribution, without repetition."""

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """``n`` random architectures that the history does not have."""
        graphs = distinct(history.space, n, seed, exclude=history.keys)
        return Proposal(graphs, records(history.space, graphs))
