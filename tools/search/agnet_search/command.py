"""The command ``search``."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError
from agnet.settings import named_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agnet.engines import Engine, Setup
    from agnet.search.history import History
    from agnet.search.study import Outcome, Study
    from agnet.seeds import Seed
    from agnet.streams import LinesChunk


class Without(StrEnum):
    """What AG-Net's search can do without: the ablations of the paper's table 6."""

    lso = "lso"
    backprop = "backprop"


class Combine(StrEnum):
    """How several goals become one order."""

    pareto = "pareto"
    ranks = "ranks"


def _preset(context: typer.Context, name: str | None) -> str | None:
    """Make the options of a preset the defaults of all others."""
    if name is None or context.resilient_parsing:
        return name
    from agnet.names import nearest  # noqa: PLC0415
    from agnet.search import presets  # noqa: PLC0415

    # --subject-to fills the argument ``limits``
    arguments = {
        option.lstrip("-"): parameter.name
        for parameter in context.command.params
        for option in parameter.opts
        if option.startswith("--") and parameter.name not in _NOT_PRESET
    }
    given = presets.load(name)
    for option in given:
        if option not in arguments:
            raise InputError(f"preset {name}: search has no option {option!r}{nearest(option, arguments)}")
    data = given.pop("data", None)
    if not isinstance(data, str | None):
        raise InputError(f"preset {name}: data: give a text")
    context.meta[_GIVEN] = named_values(given.pop("with", None), data)
    context.default_map = {str(arguments[option]): value for option, value in given.items()}
    return name


_GIVEN = "what the preset gives the benchmark"


_NOT_PRESET = ("preset", "help", "version", "install_completion", "show_completion")


def search(
    context: typer.Context,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            is_eager=True,
            callback=_preset,
            help="Options of a published search, such as agnet-nb201, or of a TOML file; others go before it.",
        ),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option("-b", "--benchmark", metavar="NAME", help="What answers the queries; see 'query --list'."),
    ] = None,
    space: Annotated[
        str | None, typer.Option("--space", metavar="NAME", help="Space to search, for a benchmark that takes any.")
    ] = None,
    given: console.With = None,
    data: console.Data = None,
    engine: console.EngineOption = None,
    workers: console.Workers = None,
    address: console.Address = None,
    gpus: console.Gpus = None,
    timeout: console.Timeout = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Metric to optimise, the way its name says; by default the benchmark's first.",
        ),
    ] = None,
    maximize: Annotated[
        list[str] | None,
        typer.Option("--maximize", metavar="EXPR", help="What to make large: a metric, or arithmetic over metrics."),
    ] = None,
    minimize: Annotated[
        list[str] | None,
        typer.Option("--minimize", metavar="EXPR", help="What to make small. Several goals: a Pareto front."),
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option("--subject-to", metavar="LIMIT", help="What has to hold, such as 'latency_ms@edgegpu<=5'."),
    ] = None,
    combine: Annotated[
        Combine, typer.Option("--combine", help="Several goals: a Pareto front, or the sum of their ranks.")
    ] = Combine.pareto,
    retries: console.Retries = 0,
    queries: Annotated[int, typer.Option("--queries", metavar="N", min=1, help="Architectures to evaluate.")] = 192,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy", metavar="NAME", help="What proposes: bayesian, agnet, bananas, local, evolution or random."
        ),
    ] = "bayesian",
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch",
            metavar="N",
            min=1,
            help="Architectures per round; by default 16 for agnet, 1 for bayesian, and 2 once 64 are answered.",
        ),
    ] = None,
    init: Annotated[
        int | None,
        typer.Option(
            "--init",
            metavar="N",
            min=1,
            help="Architectures to begin with; by default 4 for bayesian, far apart, 16 for agnet, at random.",
        ),
    ] = None,
    acquisition: Annotated[
        str | None,
        typer.Option("--acquisition", metavar="NAME", help="bayesian: ei, ucb, thompson or mean.  [default: ei]"),
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            "--prior",
            metavar="SCORES",
            help="bayesian: scores known before training, which say where to begin: FILE:COLUMN,... or params,flops.",
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option("--generator", metavar="CKPT", help="agnet: where to start; by default the space's own."),
    ] = None,
    candidates: Annotated[
        int | None,
        typer.Option("--candidates", metavar="N", min=1, help="agnet: cells generated per round.  [default: 100]"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", min=1, help="agnet: passes over the history per round.  [default: 30]"),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha",
            metavar="A",
            min=0,
            max=1,
            help="agnet: share of the predictor in the joint loss.  [default: 0.9]",
        ),
    ] = None,
    predictor: Annotated[
        str | None,
        typer.Option("--predictor", metavar="NAME", help="agnet: a surrogate such as xgb or xgb-rank beside it."),
    ] = None,
    without: Annotated[
        Without | None, typer.Option("--without", help="agnet: leave out latent space optimisation, or its gradient.")
    ] = None,
    one_cell: Annotated[
        bool, typer.Option("--one-cell", help="Search one cell of an architecture after the other.")
    ] = False,
    companions: Annotated[
        int,
        typer.Option(
            "--companions", metavar="N", min=1, help="--one-cell: random other cells that the first is tried with."
        ),
    ] = 1,
    trials: Annotated[
        int,
        typer.Option(
            "--trials", metavar="N", min=1, help="Searches to run, with seeds N, N+1, ...; adds a 'trial' column."
        ),
    ] = 1,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Trials to run at once; by default one a core, or --workers."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted search of this -o FILE.")] = False,
    seed: console.SeedOption = (0,),
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the history (every query, in order) here."),
    ] = None,
    output_format: console.OutputFormat = None,
    report: Annotated[
        str | None,
        typer.Option(
            "--report", metavar="FILE.html", help="Write a page about the search: curve, cells, table, facts."
        ),
    ] = None,
    progress: console.ProgressLines = False,
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Search for the best architecture with few queries.

    Evaluates a few architectures, then lets the strategy propose, the benchmark answer and the strategy learn, until
    the queries are used up. The best architecture goes to stdout as one record, the history to -o FILE. While the
    search runs, every answer is kept in FILE.journal; --resume continues from it after an interruption and gives the
    same history as if nothing had happened.

    Strategy 'bayesian', the default, needs the fewest queries: a Gaussian process learns from every answer and chooses
    those neighbours of the best architectures, or random ones, from which most improvement is expected.

    Strategy 'agnet' is AG-Net (Lukasik, Jung, Keuper, ECCV 2022): a generator and a predictor are retrained together
    on all evaluated architectures, the best ones weighing most; 100 new architectures are generated, the 16 with the
    best prediction are queried. Given the same seed, a shell loop over train-gen, generate, predict and query makes the
    same queries (see the README).

    BENCHMARK may be a file of measured architectures, file:measured.parquet, which then are all that is searched; or a
    program: 'cmd:./evaluate.py' is given architectures on its stdin, one line of JSON each, and writes them to its
    stdout with what it measured (see 'query').

    With several --workers, processes of this machine or of a Ray cluster (--engine ray), a new architecture is asked
    for as soon as an evaluation ends. The order of the history is that in which answers arrived.

    \b
    Examples:
      search -b nb201/cifar10
      search -b nb201/cifar100 --queries 96 --seed 1 -o history.jsonl > best.jsonl
      search -b nb201/ImageNet16-120 --trials 10 -o trials.parquet
      search -b nb201/cifar10 --prior params,flops
      search -b nb201/cifar10 --strategy agnet --seed 0:7 -o agnet.jsonl
      search -b nb201/cifar10 --strategy local --minimize latency_ms --queries 64
      search -b nb201/ImageNet16-120 --maximize val_acc --subject-to 'latency_ms@edgegpu<=5' -o limited.jsonl
      search -b nb201/cifar10 --maximize val_acc --minimize latency_ms@pixel3 -o front.jsonl
      search --preset agnet-nb201 --seed 1 -o agnet.jsonl
      search -b file:measured.parquet --queries 50
      search -b 'cmd:./evaluate.py' --space nb201 --metric val_acc --with timeout=600 -o mine.jsonl
      search -b train --space nb201 --data ./images --queries 64 -o mine.jsonl
      search -b train --space nb201 --data ./images --engine ray --address auto --gpus-per-eval 1 -o mine.jsonl
    """
    from agnet.search import plan  # noqa: PLC0415
    from agnet.streams import open_writer  # noqa: PLC0415

    reporter = console.Reporter("search", quiet=quiet, lines=progress)
    if benchmark is None:
        raise InputError("say with -b what answers the queries, such as -b nb201/cifar10; 'query --list' has all")
    setup = console.setup(engine, workers, address, gpus, timeout)
    one_by_one = trials == 1 or (jobs == 1 and setup is not None)
    _reject(resume and output in (None, "-"), companions > 1 and not one_cell)
    if report is not None:
        _reportable(report)
    settings = {
        "acquisition": acquisition,
        "prior": prior,
        "generator": generator,
        "candidates": candidates,
        "epochs": epochs,
        "alpha": alpha,
        "predictor": predictor,
        "without": without and without.value,
    }
    study = plan.plan(
        benchmark,
        metric=metric,
        maximize=maximize or (),
        minimize=minimize or (),
        limits=limits or (),
        combine=combine.value,
        queries=queries,
        strategy=strategy,
        batch=batch,
        init=init,
        companions=companions,
        one_cell=one_cell,
        retries=retries,
        space=space,
        given={**context.meta.get(_GIVEN, {}), **named_values(given, data)},
        settings=settings,
        several=setup is not None and setup.several and one_by_one,
    )
    seeds = plan.seeds(seed, trials)
    journals = plan.journals(output, trials)
    # made before the search, so that a name that cannot be written costs no queries
    to_output = None if output is None else open_writer(output, output_format)
    with console.resumable("search", lambda: _how_far(journals, queries)):
        if one_by_one:
            with nullcontext() if setup is None else setup.open(most=queries) as opened:
                outcomes = [
                    _single(study, one, journal, resume, opened, reporter)
                    for one, journal in zip(seeds, journals, strict=True)
                ]
        else:
            outcomes = _several(study, seeds, journals, resume, _of_trials(setup, jobs), reporter)
        histories = plan.histories(study, outcomes)
        if to_output is not None:
            plan.finish(to_output, histories, journals)
    if report is not None:
        from agnet.files import write_whole  # noqa: PLC0415
        from agnet.report.page import page  # noqa: PLC0415

        write_whole(report, page(study, outcomes, seeds[0], shlex.join(["search", *sys.argv[1:]])))
    if output != "-":
        _write_results(histories, outcomes, None if output else output_format)
    if study.objective and study.objective.several:
        _summarise_fronts(outcomes, study, reporter)
    else:
        _summarise(outcomes, study, study.optimum(), reporter)


def _how_far(journals: Sequence[Path | None], queries: int) -> str:
    """What is in the journals that there are."""
    from agnet.search.journal import answered  # noqa: PLC0415

    found = [(str(path), count) for path in journals if path is not None and (count := answered(path)) is not None]
    if not found:
        return ""
    trials = f" in {len(found)} of {len(journals)} trials" if len(journals) > 1 else ""
    where = found[0][0] if len(found) == 1 else f"{found[0][0]} and {len(found) - 1} more"
    each = f" of {queries:,}" if len(journals) == 1 else ""
    return f"{sum(count for _, count in found):,}{each} queries{trials}, which are in {where}"


def _write_results(histories: list[LinesChunk], outcomes: list[Outcome], output_format: str | None) -> None:
    """The best architectures to stdout."""
    import numpy as np  # noqa: PLC0415

    from agnet.streams import open_writer  # noqa: PLC0415

    with open_writer("-", output_format) as writer:
        for history, outcome in zip(histories, outcomes, strict=True):
            if outcome.results:
                writer.write(history.take(np.array(outcome.results)))


def _summarise_fronts(outcomes: list[Outcome], study: Study, reporter: console.Reporter) -> None:
    import numpy as np  # noqa: PLC0415

    from agnet.search import pareto  # noqa: PLC0415

    best = study.best_front()
    for trial, outcome in enumerate(outcomes):
        queries, feasible = len(outcome.feasible), sum(outcome.feasible)
        which = f"trial {trial}: " if len(outcomes) > 1 else ""
        if not outcome.hypervolumes:
            reporter.warn(f"{which}none of {queries} queries keeps all limits")
            continue
        share = ""
        if best is not None and (there := pareto.hypervolume(best, np.array(outcome.corner))):
            share = f", {100 * outcome.hypervolumes[-1] / there:.1f} % of what the whole space's covers"
        limited = f", {feasible} keep all limits" if study.objective and study.objective.limits else ""
        reporter.note(
            f"{which}{queries} queries{limited}; front of {len(outcome.results)} with hypervolume "
            f"{outcome.hypervolumes[-1]:.6g}{share}"
        )


def _reportable(report: str) -> None:
    """Complain about a report that cannot be written before queries are spent on it."""
    from importlib.util import find_spec  # noqa: PLC0415

    if report == "-" or Path(report).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--report {report}: a report is a page, name it FILE.html")
    if not Path(report).absolute().parent.is_dir():
        raise InputError(f"--report {report}: there is no folder {Path(report).parent}")
    if find_spec("matplotlib") is None:
        raise InputError("--report draws with matplotlib, which is not installed: pip install 'agnet[plot]'")


def _reject(resume_alone: bool, companions_alone: bool) -> None:
    """What cannot be asked for alone."""
    if resume_alone:
        raise InputError("--resume needs the -o FILE of the search that was interrupted")
    if companions_alone:
        raise InputError("--companions goes with --one-cell")


def _of_trials(setup: Setup | None, jobs: int | None) -> Setup:
    """Where trials run: each is one call, of a worker."""
    from agnet.engines import Setup  # noqa: PLC0415

    if setup is None:
        return Setup(workers=jobs)
    if setup.workers is not None and jobs is not None:
        raise InputError(
            "trials at a time are --jobs or --workers, not both; with --jobs 1 each trial has all --workers"
        )
    return replace(setup, workers=setup.workers or jobs)


def _single(
    study: Study,
    seed: Seed,
    journal: Path | None,
    resume: bool,
    engine: Engine | None,
    reporter: console.Reporter,
) -> Outcome:
    from agnet.plots.sparkline import sparkline  # noqa: PLC0415
    from agnet.search.study import Outcome  # noqa: PLC0415

    with reporter.progress("search", study.budget.queries) as update:

        def show(history: History) -> None:
            best = history.best()
            told = "-" if best is None else f"{history.values[best]:.4f}"
            way = history.objective.goals[0].maximize
            update(len(history), best=told, curve=sparkline(history.best_so_far(), maximize=way))

        return Outcome.of(study.run(seed, journal=journal, resume=resume, on_answers=show, engine=engine), study)


def _several(
    study: Study,
    seeds: list[Seed],
    journals: list[Path | None],
    resume: bool,
    setup: Setup,
    reporter: console.Reporter,
) -> list[Outcome]:
    from agnet.search.study import run_trials  # noqa: PLC0415

    outcomes: dict[int, Outcome] = {}
    with reporter.progress("trials", len(seeds)) as update:
        for trial, outcome in run_trials(study, seeds, journals, resume=resume, setup=setup):
            outcomes[trial] = outcome
            update(len(outcomes))
    return [outcomes[trial] for trial in range(len(seeds))]


def _summarise(outcomes: list[Outcome], study: Study, optimum: float | None, reporter: console.Reporter) -> None:
    limited = ""
    if study.objective and study.objective.limits:
        queries, feasible = (sum(len(o.feasible) for o in outcomes), sum(sum(o.feasible) for o in outcomes))
        limited = f"{feasible} of {queries} queries ({100 * feasible / queries:.0f} %) keep all limits; "
        if not feasible:
            reporter.warn(f"none of {queries} queries keeps all limits: {', '.join(study.objective.limits)}")
            return
    bests = [outcome.best_so_far[-1] for outcome in outcomes if outcome.best is not None]
    known = "" if optimum is None else f"; the best there is has {optimum:.6f}"
    if not bests:
        reporter.warn(f"no query answered {study.metric}")
    elif len(outcomes) == 1:
        queries, best = len(outcomes[0].best_so_far), outcomes[0].best
        reporter.note(
            f"{queries} queries; {limited}best {study.metric} {bests[0]:.6f}, found by query {(best or 0) + 1}{known}"
        )
    else:
        mean = sum(bests) / len(bests)
        error = (sum((best - mean) ** 2 for best in bests) / max(len(bests) - 1, 1) / len(bests)) ** 0.5
        reporter.note(
            f"{len(bests)} trials; {limited}best {study.metric} {mean:.6f} on average "
            f"(standard error {error:.6f}){known}"
        )
    if any(len(outcome.best_so_far) < study.budget.queries for outcome in outcomes):
        reporter.warn(f"the strategy had nothing new to propose before {study.budget.queries} queries were used")


def main(prog: str = "search") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(search, "search"), prog)
