"""The search loop: initial random architectures, then propose, query, learn, repeat.

The same steps as a shell loop over ``encode --random``, ``train-gen``, ``generate``, ``predict`` and ``query``, made of
the same functions with the same seeds, so both give the same history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from agnet import arrow
from agnet.benchmarks.base import Benchmark
from agnet.errors import AgnetError
from agnet.records import records
from agnet.search.history import History
from agnet.search.journal import Journal
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed
from agnet.spaces.sampling import distinct_blocks
from agnet.streams.chunk import Chunk, LinesChunk, TableChunk
from agnet.streams.problems import ERROR, settle

_PATIENCE = 3
"""Rounds without a proposal that end a search: its space may be exhausted, or its generator lost for a while."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many architectures a search may query, and how many at a time."""

    queries: int = 192
    batch: int = 16
    init: int = 16
    """Random architectures before the strategy is asked."""


def search(
    benchmark: Benchmark,
    strategy: Strategy,
    history: History,
    *,
    budget: Budget,
    seed: Seed,
    journal: Journal | None = None,
    on_answers: Callable[[History], None] = lambda history: None,
) -> None:
    """Fill ``history`` with up to ``budget.queries`` evaluated architectures.

    Round 0 draws random architectures with ``seed``, round r asks the strategy with the seed ``(*seed, r)``. The search
    ends early, without an error, when the strategy has had nothing new to propose for some rounds.

    Raises:
        AgnetError: if none of the first architectures could be evaluated, at least two.
    """
    space = history.space

    def evaluate(proposal: Proposal) -> None:
        known = benchmark.has(proposal.graphs)
        if not known.all():
            history.reject(proposal.records[space.identity].combine_chunks().filter(arrow.numbers(~known)))
            proposal = proposal.take(np.flatnonzero(known))
        done = 0
        while done < len(proposal.graphs):
            rest = proposal.take(np.arange(done, len(proposal.graphs)))
            answered = journal.replay(rest.records["arch"].to_pylist()) if journal else None
            if answered is None:
                answered = _query(benchmark, rest, history.objective.metrics)
                if journal:
                    journal.append(answered)
            history.extend(rest.graphs.take(slice(0, len(answered))), answered)
            done += len(answered)
        on_answers(history)

    wanted = min(budget.init, budget.queries)
    for graphs in distinct_blocks(space, wanted, seed):
        evaluate(Proposal(graphs, records(space, graphs)))
    if wanted > 1 and len(history) and not np.isfinite(history.scores).any():
        # a program or a training that fails every time: what is left of the budget would be wasted
        reason = history.chunks[0].column(ERROR, pa.string())[0].as_py() or f"no {history.metric}"
        raise AgnetError(f"none of the first {len(history)} architectures could be evaluated: {reason}")
    round_ = fruitless = 0
    while len(history) < budget.queries and fruitless < _PATIENCE:
        round_ += 1
        proposal = strategy.ask(history, min(budget.batch, budget.queries - len(history)), (*seed, round_))
        fruitless = 0 if len(proposal.graphs) else fruitless + 1
        if len(proposal.graphs):
            evaluate(proposal)


def _query(benchmark: Benchmark, proposal: Proposal, metrics: Sequence[str]) -> Chunk:
    """The proposed records with the benchmark's answers, as the lines that ``query --on-error keep`` writes."""
    answer = benchmark.query(proposal.graphs, list(dict.fromkeys([*benchmark.select(None), *metrics])))
    lines = LinesChunk.of(TableChunk(proposal.records).json_lines().to_pybytes())
    chunk, _ = settle(lines, answer.problems, "arch", "keep")
    return chunk.set({name: arrow.numbers(values, null=np.isnan(values)) for name, values in answer.columns.items()})
