"""The search loop with several workers: a new architecture is asked for as soon as a worker has nothing to do.

Architectures that are being evaluated are the history's ``pending`` ones: no strategy proposes them again, and those
with a Gaussian process take them to be as good as they are expected to be. Answers enter the history in the order in
which they arrive, which depends on how long evaluations take: so does what is asked for next, and two such searches
need not be equal. What is asked is answered as it always is, and a search that goes on from its journal does what it
would have done with these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pyarrow as pa

from agnet.engines.evaluating import Evaluator
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search.history import History
from agnet.search.journal import Question, Record
from agnet.search.loop import PATIENCE, UNANSWERED, Budget, answered, phases, worthwhile
from agnet.search.questions import Questions
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed
from agnet.spaces.held import Held
from agnet.streams.chunk import Chunk

_FIRST = 0
"""Round of what the strategy begins with."""


def search(
    evaluator: Evaluator,
    strategy: Strategy,
    history: History,
    *,
    budget: Budget,
    seed: Seed,
    at_once: int = 1,
    journal: Record | None = None,
    on_answers: Callable[[History], None] = lambda history: None,
) -> None:
    """Fill ``history`` with up to ``budget.queries`` evaluated architectures, as :func:`agnet.search.loop.search`.

    First comes what the strategy begins with. When ``budget.init`` have been answered it is asked, and from then on
    whenever a worker has nothing to do: for as many as there are such workers, and ``budget.batch`` at least.

    Args:
        evaluator: answers.
        strategy: proposes.
        history: empty.
        budget: how many.
        seed: decides every random choice.
        at_once: architectures that are evaluated together.
        journal: of a search with several workers.
        on_answers: called with the history after each answer.

    Raises:
        AgnetError: if none of the first architectures could be evaluated, at least two.
        InputError: if the journal is that of another search.
    """
    running = _Search(evaluator, strategy, history, budget, seed, at_once, journal or Record(), on_answers)
    if isinstance(history.space, Held):  # where to begin has to be known before a cell is held
        running.fill(min(budget.init, budget.queries))
    for until in phases(history, budget, running.evaluate, seed):
        running.fill(until)


class _Search:
    def __init__(
        self,
        evaluator: Evaluator,
        strategy: Strategy,
        history: History,
        budget: Budget,
        seed: Seed,
        at_once: int,
        journal: Record,
        on_answers: Callable[[History], None],
    ) -> None:
        self._evaluator, self._history = evaluator, history
        self._batch, self._init = budget.batch, min(budget.init, budget.queries)
        self._at_once = at_once
        self._journal, self._on_answers = journal, on_answers
        self._workers = evaluator.engine.workers
        self._firsts: Iterator[Graphs] | None = _singly(strategy.begin(evaluator.benchmark.has, seed))
        history.has = evaluator.benchmark.has
        self._questions = Questions(strategy, history, seed, journal)
        self._queue: dict[str, Proposal] = {}
        """Architectures that were asked for and not given to a worker yet, one each, by name."""
        self._running: dict[int, Proposal] = {}
        """What workers are evaluating."""
        self._evaluating = 0
        """Architectures in there."""

    @property
    def _waiting(self) -> int:
        return len(self._queue) + self._evaluating

    def fill(self, until: int) -> None:
        """Go on until the history has so many architectures and nothing is being evaluated any more."""
        history = self._history
        fruitless, again = 0.0, 0
        while (len(history) < until and fruitless < PATIENCE) or self._waiting:
            event = self._journal.event()
            if isinstance(event, Chunk):
                self._replay(event)
                continue
            if event is None:
                idle = (self._workers - len(self._running)) * self._at_once - len(self._queue)
                room = until - len(history) - self._waiting
                if idle <= 0 or room <= 0 or len(history) < again or fruitless >= PATIENCE:
                    self._work()
                    continue
                n = min(idle if self._beginning else max(idle, self._batch), room)
            else:
                n = event.n
            gained, vain = self._ask(n, event)
            if gained:
                fruitless = 0
            elif self._waiting:  # half of the answers may help
                again = len(history) + (self._waiting + 1) // 2
            else:
                fruitless += vain

    def evaluate(self, proposal: Proposal) -> None:
        """Have architectures evaluated that the strategy did not propose, and wait for the answers."""
        self._put(proposal.take(np.flatnonzero(self._evaluator.benchmark.has(proposal.graphs))))
        self.fill(0)

    @property
    def _beginning(self) -> bool:
        return self._firsts is not None and len(self._history) < self._init

    def _ask(self, n: int, recorded: Question | None) -> tuple[int, float]:
        """Put up to ``n`` new architectures into the queue; how many, and else how fruitless that was."""
        history, space = self._history, self._history.space
        if self._beginning and self._firsts is not None:
            graphs = [Graphs.blank(0, len(space.cells), space.max_nodes), *islice(self._firsts, n)]
            proposal = Proposal(Graphs.concat(graphs), records(space, Graphs.concat(graphs)))
            if len(graphs) == 1:
                self._firsts = None
                return self._ask(n, recorded)
        elif not len(history) and self._waiting:
            return 0, 0.0
        else:
            proposal, proposed = self._questions.ask(n, recorded)
            self._put(proposal)
            # what a table does not have is worth more patience than a strategy that knows nothing new
            return len(proposal.graphs), PATIENCE / UNANSWERED if proposed else 1.0
        asked = proposal.records["arch"].to_pylist()
        if recorded is None:
            self._journal.ask(Question(_FIRST, n, asked, []))
        elif (recorded.round, recorded.asked) != (_FIRST, asked):
            raise self._journal.other(self._journal.name, recorded.asked, asked)
        self._put(proposal)
        return len(asked), PATIENCE / UNANSWERED

    def _put(self, proposal: Proposal) -> None:
        self._history.expect(proposal.graphs, _keys(self._history, proposal))
        for row, arch in enumerate(proposal.records["arch"].to_pylist()):
            self._queue[arch] = proposal.take(np.array([row]))

    def _work(self) -> None:
        """Give workers what there is to do, and take what they have done."""
        while self._queue and len(self._running) < self._workers:
            proposal = self._together()
            self._running[self._evaluator.submit(proposal.graphs)] = proposal
            self._evaluating += len(proposal.graphs)
        for number, answer in self._evaluator.wait():
            proposal = self._running.pop(number)
            self._evaluating -= len(proposal.graphs)
            chunk = answered(proposal, answer)
            self._journal.append(chunk)
            self._extend(proposal, chunk)

    def _together(self) -> Proposal:
        """The next architectures in the queue that make one evaluation."""
        taken: list[Proposal] = []
        for arch in list(islice(self._queue, self._at_once)):
            if taken and self._queue[arch].records.schema != taken[0].records.schema:
                break
            taken.append(self._queue.pop(arch))
        graphs = Graphs.concat([proposal.graphs for proposal in taken])
        return Proposal(graphs, pa.concat_tables([proposal.records for proposal in taken]))

    def _replay(self, chunk: Chunk) -> None:
        """Take an answer from the journal."""
        arch = chunk.column("arch", pa.string())[0].as_py()
        proposal = self._queue.pop(arch, None)
        if proposal is None:
            raise self._journal.other(chunk.place(0), arch, "for others")
        self._extend(proposal, chunk)

    def _extend(self, proposal: Proposal, chunk: Chunk) -> None:
        before = len(self._history)
        self._history.extend(proposal.graphs, chunk)
        if 1 < self._init <= len(self._history) and before < self._init:
            worthwhile(self._history)
        self._on_answers(self._history)


def _keys(history: History, proposal: Proposal) -> pa.Array:
    return proposal.records[history.space.identity].combine_chunks()


def _singly(blocks: Iterator[Graphs]) -> Iterator[Graphs]:
    for block in blocks:
        for row in range(len(block)):
            yield block.take(slice(row, row + 1))
