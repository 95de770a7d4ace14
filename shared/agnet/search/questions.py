"""What a search asks its strategy, question by question, and how it goes on without asking everything again.

A question on record whose answers are there too need not be asked: what was proposed is known. But a strategy may know
something from having been asked (what its processes learned, its retrained generator), so now and then the record has
that as well, as it was before a question. A search that goes on takes all questions before the last such place from the
record, gives the strategy its state there, and asks only what comes behind; see :meth:`Strategy.follow` for those
that need not be asked even then.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from agnet import arrow
from agnet.errors import InputError
from agnet.records import records
from agnet.search import packed
from agnet.search.history import History
from agnet.search.journal import Question, Record
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed

_LEAST, _SHARE = 16, 50
"""Questions between two records of the state: so many, or this part of all where that is more. So the record grows by
the logarithm of the search's length, and what is asked again is a small part of what was asked."""


class Questions:
    """The questions of one search.

    Args:
        strategy: who is asked.
        history: what it knows.
        seed: the search's; question r has the seed ``(*seed, r)``.
        record: of the search; None: nothing is recorded.
    """

    def __init__(
        self,
        strategy: Strategy,
        history: History,
        seed: Seed,
        record: Record | None,
    ) -> None:
        self._strategy, self._history, self._seed = strategy, history, seed
        self._record = record
        self._round = 0
        self._from = record.state_at() if record else 0
        """Round before which nothing is asked again."""
        self._noted = 0
        """Latest round whose state is on record."""

    def ask(self, n: int, recorded: Question | None) -> tuple[Proposal, bool]:
        """The next proposal, as far as the benchmark can answer it, and whether there was more or any of it.

        Args:
            n: architectures wanted.
            recorded: the question as it is on record, if it is.

        Raises:
            InputError: if the record is that of another search.
        """
        self._round += 1
        self._noted = self._round if recorded and recorded.state else self._noted
        if recorded and recorded.round == self._round and self._is_known(recorded):
            return self._known(recorded), bool(recorded.asked or recorded.unknown)
        record, history = self._record, self._history
        new = record is not None and recorded is None and record.is_over
        state = self._strategy.state() if new and self._is_due() else None
        proposal = self._strategy.ask(history, n, (*self._seed, self._round))
        proposed = len(proposal.graphs) > 0
        known = history.has(proposal.graphs)
        keys = proposal.records[history.space.identity].combine_chunks()
        unknown = keys.filter(arrow.numbers(~known))
        history.reject(unknown)
        proposal = proposal.take(np.flatnonzero(known))
        asked = proposal.records["arch"].to_pylist()
        if record is not None and new:
            self._noted = self._noted if state is None else self._round
            text = None if state is None else packed.pack(state)
            record.ask(Question(self._round, n, asked, unknown.to_pylist(), self._otherwise(asked, proposal), text))
        elif record is not None and recorded and (recorded.round, recorded.asked) != (self._round, asked):
            raise record.other(record.name, recorded.asked, asked)
        return proposal, proposed

    def _is_due(self) -> bool:
        return self._round - self._noted >= max(_LEAST, self._round // _SHARE)

    def _is_known(self, recorded: Question) -> bool:
        """Whether the strategy need not be asked this."""
        record = self._record
        assert record is not None
        if self._round < self._from:
            return True
        if self._round == self._from and recorded.state is not None:
            try:
                self._strategy.restore(packed.unpack(recorded.state))
            except (ValueError, KeyError):
                raise self._unreadable("the state of the strategy") from None
        return record.has_answers(recorded.asked) and self._strategy.follow(self._history)

    def _known(self, recorded: Question) -> Proposal:
        history, space = self._history, self._history.space
        history.reject(pa.array(recorded.unknown, pa.string()))
        if recorded.graphs is None:
            graphs = space.parse(pa.array(recorded.asked, pa.string())).graphs
        else:
            try:
                graphs = packed.graphs_of(packed.unpack(recorded.graphs))
            except ValueError:
                raise self._unreadable("what was asked for") from None
        if len(graphs) != len(recorded.asked) or not history.has(graphs).all():
            raise self._unreadable("what was asked for")
        return Proposal(graphs, records(space, graphs))

    def _unreadable(self, what: str) -> InputError:
        name = self._record.name if self._record else ""
        return InputError(f"{name}: {what} in round {self._round} makes no sense; this version did not write it")

    def _otherwise(self, asked: list[str], proposal: Proposal) -> str | None:
        """The graphs themselves where their names would be read as others, such as ones with other numbers of nodes."""
        if not asked:
            return None
        mine, read = proposal.graphs, self._history.space.parse(pa.array(asked, pa.string())).graphs
        pairs = ((mine.ops, read.ops), (mine.adjacency, read.adjacency), (mine.sizes, read.sizes))
        same = all(np.array_equal(one, other) for one, other in (*pairs, (mine.ordered(), read.ordered())))
        return None if same else packed.pack(packed.of_graphs(mine))
