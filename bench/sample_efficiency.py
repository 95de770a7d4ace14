"""How many queries each strategy takes: ``python -m bench.sample_efficiency [quick] [--data FOLDER] [--jobs 2]``.

Searches every benchmark that is there (see :mod:`bench.tables`) with every strategy: 100 seeds, 304 queries; ``quick``
takes 10 seeds and 192. A query is one distinct architecture. ``found`` counts the searches that evaluated the very best
architecture (by the mean of its training runs), ``median`` and ``p90`` are queries until then, ``inf`` where too few
did; behind them is the mean regret of the best so far. ``noise`` are searches that see one training run of each
architecture; what they found is told by the mean all the same.

Every search is one line of the results file, written when it ends; what is there is not run again, so an interrupted
study continues, and two studies can share a file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from agnet import spaces
from agnet.search import strategies
from agnet.search.history import History
from agnet.search.loop import Budget, search
from bench.tables import METRIC, NB201, RESULTS, OneRun, names, open_table, zero_cost

AT = (32, 64, 96, 192, 304)
STRATEGIES = ("bayesian", "local", "evolution", "random")
PRIORS = ("params,flops", "zerocost:nwot,synflow")
ZERO_COST = "zerocost:"
FIRST_SEED = 1000
FILE = RESULTS / "sample_efficiency.jsonl"


@dataclass(frozen=True, slots=True)
class Case:
    """One search."""

    strategy: str
    benchmark: str
    seed: int
    queries: int
    batch: int = 0
    """Architectures a round; 0: what the strategy likes."""
    noise: bool = False
    """Answers are one training run of each architecture."""
    prior: str = ""
    """What is known before any training, see :mod:`agnet.search.prior`; columns of a file are ``zerocost:...``."""

    @property
    def name(self) -> str:
        """Who searches."""
        scores = self.prior.rpartition(":")[2].replace(",", ", ")
        batch = f", {self.batch} a round" if self.batch else ""
        return self.strategy + (f", {scores} known" if scores else "") + batch

    @property
    def label(self) -> str:
        """What it is called in a table."""
        return self.name + (", noise" if self.noise else "")


class _Found(Exception):
    """The best architecture has been evaluated: what follows is known."""


def run(case: Case, data: Path | None) -> dict[str, Any]:
    """Search once, until the best architecture is found."""
    whole = open_table(case.benchmark, data)
    space = spaces.get(whole.space)
    optimum = whole.optimum(METRIC)
    history = History(space, METRIC, maximize=True)
    truth: list[float] = []

    def check(history: History) -> None:
        if len(history) > len(truth):
            truth.extend(whole.query(history.graphs.take(slice(len(truth), None))).columns[METRIC])
            if max(truth) == optimum and not case.noise:
                raise _Found

    about = strategies.get(case.strategy)
    budget = Budget.of(about, case.queries, case.batch or None)
    started = time.process_time()
    with suppress(_Found):
        benchmark = OneRun(whole, (case.seed,)) if case.noise else whole
        options = {"prior": case.prior.replace(ZERO_COST, f"{zero_cost(space.name, data)}:")} if case.prior else {}
        made = strategies.make(case.strategy, space, METRIC, maximize=True, options=options)
        search(benchmark, made, history, budget=budget, seed=(case.seed,), on_answers=check)
    cpu = time.process_time() - started
    hit = np.flatnonzero(np.array(truth) == optimum)
    # the architecture that a search would hand over after each query: the best by what it was told
    best = np.maximum.accumulate(history.scores)
    place = np.unique(np.searchsorted(best, best))
    answers = whole.query(history.graphs.take(place)).columns
    value, test = (answers.get(name, np.full(len(place), np.nan)) for name in (METRIC, "test_acc"))
    at = [int(np.searchsorted(place, min(n, len(best)), side="left")) - 1 for n in AT if n <= case.queries]
    return asdict(case) | {
        "found": int(hit[0]) + 1 if len(hit) else None, "evaluated": len(history), "cpu_s": round(cpu, 2),
        "optimum": optimum, "val": _short(value[at]), "test": _short(test[at]),
        "curve": [(place + 1).tolist(), _short(value)],
    }  # fmt: skip


def _short(values: np.ndarray) -> list[float]:
    return [round(value, 6) for value in values.tolist()]


def table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines of the table."""
    yield (
        f"{'benchmark':<22}{'strategy':<34}{'seeds':>6}{'found':>6}{'median':>7}{'p90':>6}  "
        + "".join(f"{f'regret@{at}':>11}" for at in AT)
        + f"{'val@last':>10}{'test@last':>10}{'cpu s':>7}"
    )
    for benchmark, label in sorted({(r["benchmark"], case_of(r).label) for r in results}):
        rows = [r for r in results if (r["benchmark"], case_of(r).label) == (benchmark, label)]
        count, median, p90 = found(rows)
        known = rows[0]["optimum"]
        means = 100 * np.mean([r["val"] for r in rows], axis=0)
        regrets = [f"{max(100 * known - mean, 0):>11.3f}" if known else f"{'-':>11}" for mean in means]
        test = 100 * np.mean([r["test"][-1] for r in rows])
        yield (
            f"{benchmark:<22}{label:<34}{len(rows):>6}{count:>6}{median:>7.0f}{p90:>6.0f}  "
            + "".join(regrets).ljust(11 * len(AT))
            + f"{means[-1]:>10.3f}{test:>10.3f}{np.mean([r['cpu_s'] for r in rows]):>7.1f}"
        )


def found(rows: Sequence[dict[str, Any]]) -> tuple[int, float, float]:
    """How many searches found the best, median and 90th percentile of the queries until then."""
    places = np.array([r["found"] or np.inf for r in rows])
    median, p90 = (float(np.quantile(places, q, method="higher")) for q in (0.5, 0.9))
    return int(np.isfinite(places).sum()), median, p90


def case_of(result: dict[str, Any]) -> Case:
    """The search that a line of the results file is of."""
    return Case(**{field.name: result[field.name] for field in fields(Case)})


def read(file: Path) -> list[dict[str, Any]]:
    """Lines of a results file, without one that an interruption cut short."""
    results = []
    for line in file.read_text().splitlines() if file.exists() else []:
        with suppress(ValueError):
            results.append(json.loads(line))
    return results


def cases(args: argparse.Namespace) -> list[Case]:
    """What was asked for."""
    quick = args.mode == "quick"
    seeds = range(args.first_seed, args.first_seed + (args.seeds or (10 if quick else 100)))
    queries = args.queries or (192 if quick else 304)
    benchmarks = args.benchmarks or names(args.data)
    kinds = [(name, False) for name in benchmarks]
    # a surrogate has no training runs to draw one from
    kinds += [(name, True) for name in benchmarks if args.noise and open_table(name, args.data).optimum(METRIC)]
    return [
        Case(strategy, name, seed, queries, args.batch, noise, prior)
        for seed in seeds
        for name, noise in kinds
        for strategy in args.strategies
        for prior in ("", *args.priors)
        if not prior or (strategy == "bayesian" and not noise and _scored(prior, name, args.data))
    ]


def _scored(prior: str, name: str, data: Path | None) -> bool:
    return not prior.startswith(ZERO_COST) or zero_cost(open_table(name, data).space, data) is not None


def main() -> None:
    """Run what the results file does not have, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=("quick", "full"), default="full")
    parser.add_argument("-o", "--output", type=Path, default=FILE, help="results file")
    parser.add_argument("--data", type=Path, help="folder of benchmarks that do not come along")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--priors", nargs="*", default=list(PRIORS), help="what bayesian knows, once with each")
    parser.add_argument("--benchmarks", nargs="+", help=f"by default all that are there: {', '.join(NB201)}, ...")
    parser.add_argument("--seeds", type=int, help="how many; 10 or 100")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--queries", type=int, help="192 or 304")
    parser.add_argument("--batch", type=int, default=0, help="architectures a round; each strategy's own by default")
    parser.add_argument("--noise", action=argparse.BooleanOptionalAction, default=True, help="also see but one run")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    wanted = cases(args)
    results = read(args.output)
    done = {astuple(case_of(result)) for result in results}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("a") as file:
        for result in _run([case for case in wanted if astuple(case) not in done], args.data, args.jobs):
            file.write(json.dumps(result) + "\n")
            file.flush()
            results.append(result)
    keys = {astuple(case) for case in wanted}
    for line in table([result for result in results if astuple(case_of(result)) in keys]):
        print(line)


def _run(work: Sequence[Case], data: Path | None, jobs: int) -> Iterator[dict[str, Any]]:
    for name in {case.benchmark for case in work}:
        open_table(name, data)  # imported once, before there are processes
    if jobs == 1:
        yield from (run(case, data) for case in work)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(run, case, data) for case in work]):
            yield future.result()


if __name__ == "__main__":
    main()
