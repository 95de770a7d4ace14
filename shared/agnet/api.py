"""What the commands do, for Python: see docs/python.md. Everything here is also an attribute of ``agnet``."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import spaces, streams
from agnet.choosing import assemble, choices
from agnet.engines import Setup
from agnet.errors import AgnetError, InputError
from agnet.files import write_whole
from agnet.frames import Records, read, records, seed_of, several, stream, write
from agnet.names import nearest
from agnet.oracle import Oracle, load
from agnet.predictor import Predictor, fit
from agnet.records import records as table
from agnet.search import plan, presets
from agnet.search.history import History
from agnet.search.study import Outcome, Study, run_trials
from agnet.seeds import Seed
from agnet.spaces.sampling import distinct
from agnet.streams import TableChunk
from agnet.threads import one_thread

__all__ = [
    "Oracle",
    "Predictor",
    "Progress",
    "Records",
    "Search",
    "assemble",
    "choices",
    "fit",
    "generate",
    "load",
    "read",
    "sample",
    "search",
    "stream",
    "write",
]


@dataclass(frozen=True)
class Search:
    """What :func:`search` found."""

    study: Study
    """What was asked for."""
    seeds: Sequence[Seed]
    """The seed of each trial."""
    outcomes: Sequence[Outcome]
    """What each trial left."""
    asked: str = ""
    """The call, to do it again."""

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

    def report(self, path: str | os.PathLike[str], command: str = "") -> None:
        """Write a page of HTML about it, as ``search --report`` does.

        Args:
            path: where.
            command: what to say about how to do it again; by default what :func:`search` was asked for.

        Raises:
            InputError: if matplotlib is not installed.
        """
        from agnet.report.page import page  # noqa: PLC0415 - pictures

        write_whole(os.fspath(path), page(self.study, self.outcomes, self.seeds[0], command or self.asked))

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


@dataclass(frozen=True)
class Progress:
    """How far a search is."""

    found: History
    """What was evaluated, as the library has it."""

    @property
    def queries(self) -> int:
        """How many there were."""
        return len(self.found)

    @property
    def best(self) -> float | None:
        """The best value of the (first) goal so far; None if no query had an answer that keeps the limits."""
        row = self.found.best()
        return None if row is None else float(self.found.values[row])

    @property
    def history(self) -> Records:
        """Every query so far, in its order."""
        return Records(streams.concat(self.found.chunks))


_SETTINGS = ("acquisition", "prior", "generator", "candidates", "epochs", "alpha", "predictor", "without")


@presets.fill(_SETTINGS)
@one_thread
def search(
    benchmark: str | None = None,
    *,
    preset: str | None = None,
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
    companions: int = 1,
    space: str | None = None,
    options: dict[str, Any] | None = None,
    retries: int = 0,
    engine: Any = None,
    workers: int | None = None,
    address: str | None = None,
    gpus_per_eval: float | None = None,
    timeout: float | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    callback: Callable[[Progress], object] | None = None,
    **settings: Any,
) -> Search:
    """Search for the best architecture with few queries; the command ``search`` with the same words.

    Args:
        benchmark: what answers, such as ``nb201/cifar10``.
        preset: a published search, such as ``agnet-nb201``, or a TOML file; whatever else is given goes before it.
        queries: architectures to evaluate.
        seed: decides every random choice; ``(7, 3)`` is the command's ``7:3``.
        metric: what to optimise, the way its name says; by default the benchmark's first metric.
        maximize: one or several expressions to make large, instead of ``metric``.
        minimize: one or several to make small.
        subject_to: one or several limits, such as ``"latency_ms<=5"``.
        combine: ``pareto`` or ``ranks``.
        strategy: what proposes.
        trials: searches with the seeds N, N + 1, ...
        jobs: trials at a time, by default one a core; with 1 each trial has all ``workers``.
        batch: architectures a round.
        init: architectures to begin with.
        one_cell: search one cell after the other.
        companions: with ``one_cell``: random other cells that the first is tried with.
        space: for a benchmark that takes any.
        options: what the command takes by ``--with``, and ``data``.
        retries: how often an evaluation that failed is asked for again.
        engine: ``local`` or ``ray``: evaluate in other processes, of this machine or of a Ray cluster.
        workers: evaluations (or trials, where there are several) at a time; by default one a core of the engine.
        address: of the Ray cluster.
        gpus_per_eval: GPUs that an evaluation needs.
        timeout: seconds until an evaluation is ended.
        output: where the history goes when all is done; until then every answer is kept in ``OUTPUT.journal``.
        resume: continue the search of ``output`` that was interrupted.
        callback: called after each round, or each answer where several workers answer; what it raises ends the search.
            Not with several ``jobs``.
        **settings: of the strategy: ``acquisition``, ``prior``, ``generator``, ``candidates``, ``epochs``, ``alpha``,
            ``predictor``, ``without``.

    Raises:
        InputError: if something asked for does not exist; the message is the command's.
        AgnetError: if nothing could be evaluated.
    """
    asked = _call(locals())
    for name in settings:
        if name not in _SETTINGS:
            known = [*inspect.signature(search).parameters, *_SETTINGS]
            raise InputError(f"search has no option {name!r}{nearest(name, known)}")
    if benchmark is None:
        raise InputError("say which benchmark answers, such as 'nb201/cifar10', or name a preset")
    if resume and output is None:
        raise InputError("resume needs the output of the search that was interrupted")
    if callback is not None and trials > 1 and jobs is None:
        jobs = 1
    if callback is not None and jobs not in (None, 1):
        raise InputError("a callback goes with jobs=1: several trials at a time run in other processes")
    to = None if output is None else os.fspath(output)
    setup = Setup.of(engine, workers, address, gpus_per_eval, timeout)
    study = plan.plan(
        benchmark,
        metric=metric,
        maximize=several(maximize),
        minimize=several(minimize),
        limits=several(subject_to),
        combine=combine,
        queries=queries,
        strategy=strategy,
        batch=batch,
        init=init,
        companions=companions,
        one_cell=one_cell,
        retries=retries,
        space=space,
        given={name: str(value) for name, value in (options or {}).items()},
        settings=settings,
        several=setup is not None and setup.several and (trials == 1 or jobs == 1),
    )
    seeds = plan.seeds(seed_of(seed), trials)
    journals = plan.journals(to, trials)
    # made before the search, so that a name that cannot be written costs no queries
    writer = None if to is None else streams.open_writer(to)

    def tell(found: History) -> None:
        if callback is not None:
            callback(Progress(found))

    if trials == 1 or jobs == 1:
        with nullcontext() if setup is None else setup.open(most=queries) as opened:
            runs = [
                study.run(one, journal=journal, resume=resume, on_answers=tell, engine=opened)
                for one, journal in zip(seeds, journals, strict=True)
            ]
        made = Search(study, seeds, [Outcome.of(run, study) for run in runs], asked)
    else:
        spread = Setup(workers=jobs) if setup is None else replace(setup, workers=setup.workers or jobs)
        outcomes = dict(run_trials(study, seeds, journals, resume=resume, setup=spread))
        made = Search(study, seeds, [outcomes[trial] for trial in range(trials)], asked)
    if writer is not None:
        plan.finish(writer, plan.histories(study, made.outcomes), journals)
    return made


def _call(given: dict[str, Any]) -> str:
    """The call of :func:`search` with these arguments, without those that are as always."""
    usual = {name: parameter.default for name, parameter in inspect.signature(search).parameters.items()}
    given = {**given, **given["settings"]}
    named = {name: value for name, value in given.items() if value != usual.get(name) and name not in _NOT_SAID}
    said = [repr(given["benchmark"]), *(f"{name}={value!r}" for name, value in named.items())]
    return f"agnet.search({', '.join(said)})"


_NOT_SAID = ("benchmark", "preset", "settings", "callback", "resume")


def sample(space: str, n: int, *, seed: int | Sequence[int] = 0) -> Records:
    """``n`` random architectures of a space, no two the same: ``encode --random``.

    Raises:
        InputError: if there is no such space, or it has fewer.
    """
    of = spaces.get(space)
    return Records(TableChunk(table(of, distinct(of, n, seed_of(seed)))))


@one_thread
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
        made, space, n, seed_of(seed), latent=latent, temperature=temperature, unique=by, targets=targets or {}
    )
    chunks: list[streams.Chunk] = [TableChunk(generated.table(space, block)) for block in drawn]
    if drawn.tally.shortfall:
        raise AgnetError(f"only {drawn.tally.shortfall}")
    return Records(streams.concat(chunks)) if chunks else records([])
