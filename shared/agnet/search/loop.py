"""The search loop: architectures to begin with, then propose, query, learn, repeat.

The same steps as a shell loop over ``encode --random``, ``train-gen``, ``generate``, ``predict`` and ``query``, made of
the same functions with the same seeds, so both give the same history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from agnet import arrow
from agnet.benchmarks.base import Answer, Benchmark
from agnet.errors import AgnetError, InputError
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates
from agnet.search.history import History
from agnet.search.journal import Record
from agnet.search.questions import Questions
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed
from agnet.spaces.held import Held
from agnet.spaces.sampling import distinct
from agnet.streams.chunk import Chunk, LinesChunk, TableChunk
from agnet.streams.problems import ERROR, settle

PATIENCE = 3
"""Rounds without a proposal that end a search: its space may be exhausted, or its generator lost for a while."""
UNANSWERED = 50
"""Rounds of which the benchmark can answer nothing that end a search: a table may have all but used up its part of a
large space."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many architectures a search may query, and how many at a time."""

    queries: int = 192
    batch: int = 16
    init: int = 16
    """Architectures that the strategy begins with, before it is asked."""
    companions: int = 1
    """Random other cells that the first cell is tried with, where one cell is searched after the other."""
    singly: int = 0
    """Until there are so many answers the strategy is asked for one architecture at a time."""

    @classmethod
    def of(
        cls, about: type[Strategy], queries: int, batch: int | None = None, init: int | None = None, companions: int = 1
    ) -> Budget:
        """As the strategy likes it where nothing else is said."""
        return cls(
            queries,
            about.batch if batch is None else batch,
            about.init if init is None else init,
            companions,
            about.singly if batch is None else 0,
        )


def search(
    benchmark: Benchmark,
    strategy: Strategy,
    history: History,
    *,
    budget: Budget,
    seed: Seed,
    journal: Record | None = None,
    on_answers: Callable[[History], None] = lambda history: None,
) -> None:
    """Fill ``history`` with up to ``budget.queries`` evaluated architectures.

    Round 0 is what the strategy begins with, by ``seed``; round r asks it with the seed ``(*seed, r)``. The search ends
    early, without an error, when the strategy has had nothing new to propose for some rounds.

    In a :class:`Held` space one cell is searched after the other, as AG-Net does on NAS-Bench-301: the first beside
    random others until its share of the queries is used up, then the second beside the best first. Strategies learn
    from everything that was evaluated.

    Raises:
        AgnetError: if none of the first architectures could be evaluated, at least two.
    """
    space = history.space

    def evaluate(proposal: Proposal) -> None:
        done = 0
        while done < len(proposal.graphs):
            rest = proposal.take(np.arange(done, len(proposal.graphs)))
            found = journal.replay(rest.records["arch"].to_pylist()) if journal else None
            if found is None:
                rest = rest.take(np.arange(min(benchmark.at_once or len(rest.graphs), len(rest.graphs))))
                found = _query(benchmark, rest, history.objective.metrics)
                if journal:
                    journal.append(found)
            history.extend(rest.graphs.take(slice(0, len(found))), found)
            done += len(found)
        on_answers(history)

    def evaluate_known(proposal: Proposal) -> None:
        known = benchmark.has(proposal.graphs)
        history.reject(proposal.records[space.identity].combine_chunks().filter(arrow.numbers(~known)))
        evaluate(proposal.take(np.flatnonzero(known)))

    history.has = benchmark.has
    questions = Questions(strategy, history, seed, journal)
    _begin(history, strategy.begin(benchmark.has, seed), evaluate, min(budget.init, budget.queries))
    for until in phases(history, budget, evaluate_known, seed):
        fruitless = 0.0
        while len(history) < until and fruitless < PATIENCE:
            before = len(history)
            recorded = journal.question() if journal else None
            batch = 1 if before < budget.singly else budget.batch
            proposal, proposed = questions.ask(min(batch, until - before), recorded)
            if proposed:
                evaluate(proposal)
            # What a table does not have is worth more patience than a strategy that knows nothing new.
            vain = PATIENCE / UNANSWERED if proposed else 1
            fruitless = 0 if len(history) > before else fruitless + vain


Evaluate = Callable[[Proposal], None]
"""Adds architectures to the history, with their answers."""


def _begin(history: History, firsts: Iterator[Graphs], evaluate: Evaluate, wanted: int) -> None:
    """Evaluate the first ``wanted`` of ``firsts``."""
    space = history.space
    found = [Graphs.blank(0, len(space.cells), space.max_nodes)]
    count = 0
    while count < wanted and (graphs := next(firsts, None)) is not None:
        found.append(graphs.take(slice(wanted - count)))
        count += len(found[-1])
    first = Graphs.concat(found)
    if len(first):
        evaluate(Proposal(first, records(space, first)))
    if wanted > 1:
        worthwhile(history)


def worthwhile(history: History) -> None:
    """Stop where all evaluations have failed: a program or a training that does so every time would waste the rest.

    Raises:
        AgnetError: if so.
        InputError: if the metrics are there, and it is the objective that no number comes of.
    """
    if len(history) and not np.isfinite(history.scores).any():
        if np.isfinite([*history.columns.values()]).all(axis=0).any():
            raise InputError(
                f"{history.objective.name}: no finite number for any of the first {len(history)} architectures, "
                f"although {' and '.join(history.objective.metrics)} could be measured"
            )
        reason = history.chunks[0].column(ERROR, pa.string())[0].as_py() or f"no {history.metric}"
        raise AgnetError(f"none of the first {len(history)} architectures could be evaluated: {reason}")


def phases(history: History, budget: Budget, evaluate: Evaluate, seed: Seed) -> Iterator[int]:
    """How many queries there are at the end of each phase: of the only one, or of one for each cell of a held space."""
    space = history.space
    if not isinstance(space, Held):
        yield budget.queries
        return
    for cell in range(len(space.cells)):
        if cell:
            kept = _best(history)
        else:
            kept = distinct(space, budget.companions, (*seed, 0))
            if budget.companions > 1:
                kept = _companion(history, kept, evaluate)
        space.hold(cell, kept)
        yield budget.queries * (cell + 1) // len(space.cells)


def _best(history: History) -> Graphs:
    best = history.best()
    return history.graphs.take(np.array([int(history.scores.argmax()) if best is None else best]))


def _companion(history: History, others: Graphs, evaluate: Evaluate) -> Graphs:
    """That one of ``others`` with whose other cells the best first cell so far is best."""
    space = history.space
    assert isinstance(space, Held)
    first, tried = _best(history), []
    for row in range(len(others)):
        space.hold(0, others.take(np.array([row])))
        tried.append(space.put(first))
    space.release()
    made, _ = candidates.fresh(space, Graphs.concat(tried), history.seen)
    before = len(history)
    evaluate(Proposal(made, records(space, made)))
    return made.take(np.array([int(history.scores[before:].argmax())])) if len(history) > before else first


def _query(benchmark: Benchmark, proposal: Proposal, metrics: Sequence[str]) -> Chunk:
    """The proposed records with the benchmark's answers, as the lines that ``query --on-error keep`` writes."""
    return answered(
        proposal, benchmark.query(proposal.graphs, list(dict.fromkeys([*benchmark.select(None), *metrics])))
    )


def answered(proposal: Proposal, answer: Answer) -> Chunk:
    """The proposed records with what was answered about them, as the lines that ``query --on-error keep`` writes."""
    lines = LinesChunk.of(TableChunk(proposal.records).json_lines().to_pybytes())
    chunk, _ = settle(lines, answer.problems, "arch", "keep")
    return chunk.set({name: arrow.numbers(values, null=np.isnan(values)) for name, values in answer.columns.items()})
