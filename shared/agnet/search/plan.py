"""From what is asked for to a study, and from its outcomes to records: what the command and Python share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agnet import arrow, benchmarks
from agnet.benchmarks import Benchmark
from agnet.errors import InputError
from agnet.metrics import direction
from agnet.search import objective, strategies
from agnet.search.loop import Budget
from agnet.search.objective import COLUMN, Combine, Objective
from agnet.search.study import Outcome, Study
from agnet.streams import Chunk, LinesChunk
from agnet.streams.writer import Writer


def plan(
    benchmark: str,
    *,
    metric: str | None = None,
    maximize: Sequence[str] = (),
    minimize: Sequence[str] = (),
    limits: Sequence[str] = (),
    combine: Combine = "pareto",
    queries: int = 192,
    strategy: str = "bayesian",
    batch: int | None = None,
    init: int | None = None,
    companions: int = 1,
    one_cell: bool = False,
    retries: int = 0,
    space: str | None = None,
    given: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    several: bool = False,
) -> Study:
    """The search that the options of ``search`` ask for; each is documented there.

    Args:
        benchmark: what answers.
        metric: what to optimise, the way its name says; else ``maximize`` and ``minimize``.
        maximize: expressions to make large.
        minimize: expressions to make small.
        limits: comparisons that have to hold.
        combine: how several goals are weighed.
        queries: architectures to evaluate.
        strategy: what proposes.
        batch: architectures a round; None: as the strategy likes.
        init: architectures to begin with; None: as the strategy likes.
        companions: random other cells that the first is tried with, for ``one_cell``.
        one_cell: search one cell after the other.
        retries: how often an evaluation that failed is asked for again.
        space: for a benchmark that takes any.
        given: settings of the benchmark.
        settings: of the strategy; None values are as if not given.
        several: whether several workers answer, so that the strategy is asked while evaluations go on.

    Raises:
        InputError: if a name is unknown, an expression cannot be read, or the benchmark's data is not here.
    """
    about = strategies.get(strategy)
    given = given or {}
    wanted = _objective(
        benchmarks.load(benchmark, space=space, options=given), metric, maximize, minimize, limits, combine
    )
    first = wanted.goals[0]
    study = Study(
        benchmark=benchmark,
        metric=first.expression.metrics[0] if first.expression.plain else COLUMN,
        maximize=first.maximize,
        strategy=strategy,
        options={name: value for name, value in (settings or {}).items() if value is not None},
        budget=Budget.of(about, queries, batch or (about.meanwhile if several else None), init, companions),
        space=space,
        given=given,
        objective=None if wanted.plain else wanted,
        one_cell=one_cell,
        retries=retries,
    )
    study.oracle()  # complains about unknown metrics
    return study


def _objective(
    oracle: Benchmark,
    metric: str | None,
    maximize: Sequence[str],
    minimize: Sequence[str],
    limits: Sequence[str],
    combine: Combine,
) -> Objective:
    if metric is not None and (maximize or minimize):
        raise InputError("give either --metric or --maximize and --minimize")
    for text in (*maximize, *minimize):
        if text.startswith("--"):
            raise InputError(f"--maximize and --minimize need what to optimise, such as val_acc, not {text}")
    if not maximize and not minimize:
        if metric is None and not oracle.metrics:
            raise InputError(f"{oracle.name}: say with --metric which of its answers to optimise")
        metric = metric or oracle.metrics[0].name
        wanted = objective.single(metric, maximize=direction(metric) == "maximize").goals
    else:
        wanted = objective.of(maximize, minimize, (), combine).goals
    made = Objective(wanted, tuple(limits), combine)
    _ = made.metrics  # reads all limits
    return made


def seeds(first: Sequence[int], trials: int) -> list[tuple[int, ...]]:
    """The seed of each trial: the last number goes up by one."""
    return [(*first[:-1], first[-1] + trial) for trial in range(trials)]


def journals(output: str | None, trials: int) -> list[Path | None]:
    """Where each trial keeps its answers; nowhere when there is no file to put a journal beside."""
    if output is None or output == "-" or (Path(output).exists() and not Path(output).is_file()):
        return [None] * trials
    return [Path(f"{output}.journal" + (f".{trial}" if trials > 1 else "")) for trial in range(trials)]


def finish(writer: Writer, histories: Sequence[Chunk], journals: Sequence[Path | None]) -> None:
    """Write the histories; then their journals are not needed any more."""
    with writer:
        for history in histories:
            writer.write(history)
    for journal in journals:
        if journal is not None:
            journal.unlink()


def histories(study: Study, outcomes: Sequence[Outcome]) -> list[LinesChunk]:
    """The history of each trial, with what the objective says of it; ``trial`` says which, where there are several."""
    made = [_judged(LinesChunk.of(outcome.lines), outcome, study) for outcome in outcomes]
    if len(made) == 1:
        return made
    return [chunk.set({"trial": arrow.numbers(np.full(len(chunk), trial))}) for trial, chunk in enumerate(made)]


def _judged(history: LinesChunk, outcome: Outcome, study: Study) -> LinesChunk:
    """The history with what the objective says of it, where that is more than a metric."""
    columns = {}
    if study.objective and study.objective.limits:
        columns["feasible"] = arrow.numbers(np.array(outcome.feasible, np.bool_))
    if outcome.hypervolumes:
        columns["front"] = arrow.numbers(np.isin(np.arange(len(history)), outcome.results))
        columns["hypervolume"] = arrow.numbers(np.array(outcome.hypervolumes))
    return history.set(columns)
