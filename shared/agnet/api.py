"""What the commands do, for Python: see docs/python.md. Everything here is also an attribute of ``agnet``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import benchmarks, spaces, streams, surrogates
from agnet.benchmarks import answers
from agnet.errors import AgnetError, InputError
from agnet.frames import Records, Source, read, records, write
from agnet.metrics import direction
from agnet.records import records as table
from agnet.search import plan
from agnet.search.study import Outcome, Study, run_trials
from agnet.seeds import Seed
from agnet.spaces.sampling import distinct
from agnet.streams import TableChunk
from agnet.surrogates import files as models
from agnet.surrogates import predicting
from agnet.surrogates.fitted import Fitted
from agnet.surrogates.fitted import fit as learn
from agnet.surrogates.history import examples

__all__ = ["Oracle", "Predictor", "Records", "Search", "fit", "generate", "load", "read", "sample", "search", "write"]


def _seed(seed: int | Sequence[int]) -> Seed:
    return (seed,) if isinstance(seed, int) else tuple(seed)


@dataclass(frozen=True)
class Search:
    """What :func:`search` found."""

    study: Study
    """What was asked for."""
    seeds: Sequence[Seed]
    """The seed of each trial."""
    outcomes: Sequence[Outcome]
    """What each trial left."""

    @cached_property
    def _histories(self) -> list[Records]:
        return [Records(chunk) for chunk in plan.histories(self.study, self.outcomes)]

    @cached_property
    def history(self) -> Records:
        """Every query in its order, trial after trial; the bytes that ``search -o`` writes."""
        return Records(streams.concat([history.chunk for history in self._histories]))

    @cached_property
    def best(self) -> Records:
        """The best architecture of each trial, or its front where there are several goals; what ``search`` prints."""
        chosen = [
            history.take(np.array(outcome.results, np.int64)).chunk
            for history, outcome in zip(self._histories, self.outcomes, strict=True)
        ]
        return Records(streams.concat(chosen))

    @property
    def best_so_far(self) -> NDArray[np.float64]:
        """[trials, queries] the (first) goal of the best architecture after each query that all trials have."""
        shortest = min(len(outcome.best_so_far) for outcome in self.outcomes)
        return np.array([outcome.best_so_far[:shortest] for outcome in self.outcomes])

    def optimum(self) -> float | None:
        """The best value of the (first) goal that there is; None if nobody knows."""
        return self.study.optimum()

    def to_arrow(self) -> Any:
        """The history as an Arrow table."""
        return self.history.to_arrow()

    def to_pandas(self) -> Any:
        """The history as a pandas data frame."""
        return self.history.to_pandas()

    def to_polars(self) -> Any:
        """The history as a polars data frame."""
        return self.history.to_polars()

    def __repr__(self) -> str:
        goal = self.study.objective.name if self.study.objective else self.study.metric
        return (
            f"Search of {self.study.benchmark} for {goal}: {len(self.outcomes)} x {self.study.budget.queries} queries"
        )


def search(
    benchmark: str,
    *,
    queries: int = 192,
    seed: int | Sequence[int] = 0,
    metric: str | None = None,
    maximize: str | Sequence[str] = (),
    minimize: str | Sequence[str] = (),
    subject_to: str | Sequence[str] = (),
    combine: Any = "pareto",
    strategy: str = "bayesian",
    trials: int = 1,
    jobs: int | None = None,
    batch: int | None = None,
    init: int | None = None,
    one_cell: bool = False,
    space: str | None = None,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> Search:
    """Search for the best architecture with few queries; the command ``search`` with the same words.

    Args:
        benchmark: what answers, such as ``nb201/cifar10``.
        queries: architectures to evaluate.
        seed: decides every random choice; ``(7, 3)`` is the command's ``7:3``.
        metric: what to optimise, the way its name says; by default the benchmark's first metric.
        maximize: one or several expressions to make large, instead of ``metric``.
        minimize: one or several to make small.
        subject_to: one or several limits, such as ``"latency_ms<=5"``.
        combine: ``pareto`` or ``ranks``.
        strategy: what proposes.
        trials: searches with the seeds N, N + 1, ...
        jobs: trials at a time, by default one a core. More than one starts processes: in a script, call this below
            ``if __name__ == "__main__":``.
        batch: architectures a round.
        init: random architectures first.
        one_cell: search one cell after the other.
        space: for a benchmark that takes any.
        options: what the command takes by ``--with``.
        **settings: of the strategy: ``acquisition``, ``prior``, ``generator``, ``candidates``, ``epochs``, ``alpha``,
            ``predictor``, ``without``.

    Raises:
        InputError: if something asked for does not exist; the message is the command's.
        AgnetError: if nothing could be evaluated.
    """
    study = plan.plan(
        benchmark,
        metric=metric,
        maximize=_several(maximize),
        minimize=_several(minimize),
        limits=_several(subject_to),
        combine=combine,
        queries=queries,
        strategy=strategy,
        batch=batch,
        init=init,
        one_cell=one_cell,
        space=space,
        given={name: str(value) for name, value in (options or {}).items()},
        settings=settings,
    )
    seeds = plan.seeds(_seed(seed), trials)
    if trials == 1 or jobs == 1:
        return Search(study, seeds, [Outcome.of(study.run(one), study) for one in seeds])
    outcomes = dict(run_trials(study, seeds, [None] * trials, resume=False, jobs=jobs or os.cpu_count() or 1))
    return Search(study, seeds, [outcomes[trial] for trial in range(trials)])


def _several(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


class Oracle:
    """A benchmark to query."""

    def __init__(self, benchmark: benchmarks.Benchmark) -> None:
        self.benchmark = benchmark
        """The benchmark as the library has it."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.benchmark.name

    @property
    def space(self) -> str:
        """The space whose architectures it knows."""
        return self.benchmark.space

    @property
    def metrics(self) -> list[str]:
        """What it answers unless asked for something else."""
        return [metric.name for metric in self.benchmark.metrics]

    def query(
        self,
        architectures: Source,
        metrics: Sequence[str] | None = None,
        *,
        draw: int | Sequence[int] | None = None,
        on_error: str = "fail",
    ) -> Records:
        """The architectures with the true values of metrics.

        Args:
            architectures: see :func:`agnet.frames.records`.
            metrics: names; by default the main ones.
            draw: a seed, to answer with one training run each and not with their mean.
            on_error: ``fail``, ``skip`` or ``keep``.

        Raises:
            InputError: if a metric is unknown, or an architecture and ``on_error`` is ``fail``.
        """
        names = self.benchmark.select(metrics)
        seed = None if draw is None else _seed(draw)
        return Records(answers.answer(self.benchmark, records(architectures).chunk, names, seed, on_error))

    def optimum(self, metric: str | None = None) -> float | None:
        """The best value of a metric (the first by default) that an architecture has; None if nobody knows."""
        return self.benchmark.optimum(metric or self.metrics[0])

    def __repr__(self) -> str:
        return f"Oracle {self.name}: {self.benchmark.title}"


def load(name: str, *, space: str | None = None, **options: Any) -> Oracle:
    """A benchmark, such as ``nb201/cifar10``; ``options`` as the commands take by ``--with``.

    Raises:
        InputError: if there is none, or its data is not here; the message says how to get it.
    """
    return Oracle(benchmarks.load(name, space=space, options={key: str(value) for key, value in options.items()}))


def sample(space: str, n: int, *, seed: int | Sequence[int] = 0) -> Records:
    """``n`` random architectures of a space, no two the same: ``encode --random``.

    Raises:
        InputError: if there is no such space, or it has fewer.
    """
    of = spaces.get(space)
    return Records(TableChunk(table(of, distinct(of, n, _seed(seed)))))


def generate(
    checkpoint: str,
    n: int = 100,
    *,
    seed: int | Sequence[int] = 0,
    unique: bool = False,
    latent: Any = "normal",
    temperature: float = 1.0,
    targets: dict[str, str] | None = None,
) -> Records:
    """Architectures of a generator, with what they were decoded from: the command ``generate``.

    Args:
        checkpoint: a file of ``train-gen``, or one that comes along, such as ``nb201``.
        n: how many.
        seed: decides everything.
        unique: none twice.
        latent: ``normal`` or ``uniform``.
        temperature: below 1: rather what is likely anyway.
        targets: what to ask for, such as ``{"val_acc": "top1%"}``.

    Raises:
        InputError: if there is no such generator, or it cannot be asked for that.
        AgnetError: if it has no more to give.
    """
    from agnet.generator import records as generated  # noqa: PLC0415 - brings threads and networks
    from agnet.generator.checkpoint import load as load_checkpoint  # noqa: PLC0415
    from agnet.generator.sampling import Generation  # noqa: PLC0415

    made = load_checkpoint(checkpoint)
    space = spaces.get(made.space)
    by: Any = space.identity if unique else None
    drawn = Generation(
        made, space, n, _seed(seed), latent=latent, temperature=temperature, unique=by, targets=targets or {}
    )
    chunks: list[streams.Chunk] = [TableChunk(generated.table(space, block)) for block in drawn]
    if drawn.tally.shortfall:
        raise AgnetError(f"only {drawn.tally.shortfall}")
    return Records(streams.concat(chunks)) if chunks else records([])


class Predictor:
    """A surrogate that has learned."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        """The surrogate as the library has it."""

    def predict(self, architectures: Source, *, top: int | None = None, on_error: str = "fail") -> Records:
        """The architectures with ``pred_<metric>``, and ``pred_<metric>_std`` where it knows how sure it is.

        Args:
            architectures: see :func:`agnet.frames.records`.
            top: only so many, those with the best prediction of the first metric, best first.
            on_error: ``fail``, ``skip`` or ``keep``.

        Raises:
            InputError: if an architecture is wrong and ``on_error`` is ``fail``.
        """
        chunk, prediction = predicting.predict(self.fitted, records(architectures).chunk, on_error)
        if top is None:
            return Records(predicting.add(self.fitted, chunk, prediction))
        mean = prediction.mean[:, 0]
        best = streams.Top(top)
        best.add(chunk, -mean if direction(self.fitted.metrics[0]) == "minimize" else mean)
        chosen = best.best()
        if chosen is None:
            return records([])
        return Records(predicting.add(self.fitted, *predicting.predict(self.fitted, chosen, on_error)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned, for ``predict --model``."""
        models.save(self.fitted, os.fspath(path))

    def __repr__(self) -> str:
        return f"Predictor of {', '.join(self.fitted.metrics)} in {self.fitted.space}"


def fit(
    seen: Source,
    surrogate: str = "gp",
    metric: str | Sequence[str] = "val_acc",
    *,
    encoding: Sequence[str] | None = None,
    seed: int | Sequence[int] = 0,
) -> Predictor:
    """A surrogate that learned metrics of evaluated architectures: ``predict --fit``.

    Args:
        seen: evaluated architectures, see :func:`agnet.frames.records`.
        surrogate: ``gp``, ``bayes``, ``xgb``, ``xgb-rank``, ``mlp``, ``ensemble`` or ``gnn``.
        metric: one or several columns to learn.
        encoding: what it reads; by default ``features``.
        seed: decides every random choice.

    Raises:
        InputError: if there is nothing to learn from, or no surrogate of that name.
    """
    inputs = surrogates.Inputs(tuple(encoding)) if encoding else surrogates.Inputs()
    made = surrogates.make(surrogate, inputs)
    chunk = records(seen).chunk
    if not len(chunk):
        raise InputError("no records to learn from")
    history = examples(
        [chunk], list(_several(metric)), name="records", latent_length=inputs.latent_length, columns=inputs.columns
    )
    return Predictor(learn(made, history.batch, history.metrics, history.y, seed=_seed(seed)))
