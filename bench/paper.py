"""AG-Net's paper, search by search: ``python -m bench.paper [TABLE ...] [--seeds N] [--data DIR]``.

Each search is one line of the results file, written when it ends; what is there is not run again. The settings of
AG-Net's searches are those of the presets. Tables: nb101, nb201, nb301, hw, ablation; all but nb201 need ``--data``,
see :mod:`bench.tables`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from agnet import spaces
from agnet.benchmarks.joined import joined
from agnet.search import objective, presets, strategies
from agnet.search.history import History
from agnet.search.loop import Budget, search
from agnet.spaces.held import Held
from bench.devices import LIMITS
from bench.results import fill
from bench.tables import HARDWARE, KNOWN, RESULTS, YAHPO, bring, open_table

FIRST_SEED = 1000
TABLES = ("nb101", "nb201", "nb301", "hw", "ablation")
_BUDGET = ("queries", "init", "batch", "companions")
_NOT_OF_STRATEGY = {*_BUDGET, "benchmark", "strategy", "maximize", "minimize", "subject-to", "combine", "one-cell"}


@dataclass(frozen=True)
class Search:
    """One row: how it is called, what it is, and what the paper says."""

    table: str
    title: str
    options: dict[str, Any]
    published: str = ""
    """Validation / test accuracy in percent."""

    @property
    def key(self) -> str:
        return json.dumps(self.options, sort_keys=True)


def _rows() -> Iterator[Search]:
    baselines = ("bayesian", "bananas", "local", "evolution", "random")
    told = {
        "nb101": {
            "": "94.90 / 94.18", "xgb": "94.61 / 94.13", "xgb-rank": "94.60 / 94.14", "bananas": "94.73 / 94.09",
            "bayesian": "94.57 / 93.96", "local": "94.57 / 93.97", "evolution": "94.47 / 93.89",
            "random": "94.31 / 93.61",
        },
        "nb201/cifar10": {"": "91.60 / 94.37"},
        "nb201/cifar100": {"": "73.49 / 73.51"},
        "nb201/ImageNet16-120": {"": "46.64 / 46.43"},
        "nb301": {
            "": "94.79", "bananas": "94.77", "bayesian": "94.71", "local": "95.02", "evolution": "94.75",
            "random": "94.31",
        },
    }  # fmt: skip
    known = {"benchmark": KNOWN}
    for table, preset, benchmark in (
        ("nb101", "agnet-nb101", KNOWN),
        ("nb201", "agnet-nb201", "nb201/cifar10"),
        ("nb201", "agnet-nb201", "nb201/cifar100"),
        ("nb201", "agnet-nb201", "nb201/ImageNet16-120"),
        ("nb301", "agnet-nb301", YAHPO),
    ):
        given = presets.load(preset) | {"benchmark": benchmark}
        numbers = told["nb101" if table == "nb101" else "nb301" if table == "nb301" else benchmark]
        yield Search(table, "AG-Net", given, numbers[""])
        if table == "nb301":
            yield Search(table, "AG-Net, both cells at once", {**given, "one-cell": False})
        else:
            for predictor in ("xgb", "xgb-rank"):
                yield Search(
                    table, f"AG-Net, {predictor}", {**given, "predictor": predictor}, numbers.get(predictor, "")
                )
        for strategy in baselines:
            plain = {"benchmark": benchmark, "strategy": strategy, "queries": given["queries"]}
            yield Search(table, strategy, plain, numbers.get(strategy, ""))
    full = presets.load("agnet-nb101") | known
    yield Search("ablation", "AG-Net", full, "94.90 / 94.18")
    yield Search("ablation", "without latent space optimisation", {**full, "without": "lso"}, "94.38 / 93.78")
    yield Search("ablation", "without back-propagation", {**full, "without": "backprop"}, "94.71 / 94.12")
    for device, limits in LIMITS.items():
        for limit in limits:
            goal = {"maximize": ["val_acc"], "subject-to": [f"latency_ms@{device}<={limit}"], "queries": 200}
            what = {"benchmark": "nb201/ImageNet16-120", **goal}
            for strategy in ("bayesian", "random"):
                yield Search("hw", strategy, {**what, "strategy": strategy})
            yield Search("hw", "AG-Net, joint=0", presets.load("hw-joint0") | goal)
            both = {"minimize": [f"latency_ms@{device}"]}
            yield Search("hw", "AG-Net, joint=1", presets.load("hw-joint1") | goal | both)


def run(row: Search, seed: int, data: Path | None) -> dict[str, Any]:
    """Search once."""
    given = row.options
    limits = given.get("subject-to", [])
    if "maximize" in given:
        wanted = objective.of(given["maximize"], given.get("minimize", []), limits, given.get("combine", "pareto"))
    else:
        wanted = objective.single("val_acc", maximize=True)
    oracle = joined(open_table(given["benchmark"], data), wanted.metrics)
    space = spaces.get(oracle.space)
    searched = Held(space) if given.get("one-cell") else space
    about = strategies.get(given["strategy"])
    options = {name: value for name, value in given.items() if name not in _NOT_OF_STRATEGY}
    plain = wanted.plain
    strategy = strategies.make(given["strategy"], searched, "val_acc", maximize=True, options=options, plain=plain)
    history = History(searched, "val_acc", maximize=True, objective=None if plain else wanted)
    budget = Budget.of(about, given["queries"], given.get("batch"), given.get("init"))
    started = time.process_time()
    search(oracle, strategy, history, budget=budget, seed=(seed,))
    accuracy = history.columns["val_acc"]
    feasible = np.flatnonzero(history.measured.feasible)
    best = int(feasible[accuracy[feasible].argmax()]) if len(feasible) else None
    result: dict[str, Any] = {
        "row": row.key, "seed": seed, "feasible": round(len(feasible) / len(history), 4), "val": None, "test": None,
        "found": None, "cpu_s": round(time.process_time() - started, 1),
    }  # fmt: skip
    if best is not None:
        result |= {"val": round(float(accuracy[best]), 6), "found": best + 1}
        if "test_acc" in oracle.answered():
            test = oracle.query(history.graphs.take(np.array([best])), ["test_acc"]).columns["test_acc"][0]
            result["test"] = round(float(test), 6)
    return result


def lines(rows: list[Search], results: list[dict[str, Any]], data: Path | None) -> Iterator[str]:
    """The table."""
    names = "search | queries | published val / test | ours: val | test | seeds | best there is | keeps the limit"
    yield f"| benchmark | {names} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        found = [result for result in results if result["row"] == row.key]
        if not found:
            continue
        limit = next(iter(row.options.get("subject-to", [])), "")
        where = f"{row.options['benchmark']}{f', {limit}' if limit else ''}"
        share = f"{np.mean([result['feasible'] for result in found]):.0%}" if limit else ""
        best, there = _best(row.options["benchmark"], limit, data)
        yield (
            f"| {where} | {row.title} | {row.options['queries']} | {row.published} | {_mean(found, 'val')} "
            f"| {_mean(found, 'test')} | {len(found)} | {best} | {share}{there} |"
        )


@cache
def _best(benchmark: str, limit: str, data: Path | None) -> tuple[str, str]:
    """The best validation accuracy of the whole table that keeps a limit, and the share of it that does."""
    wanted = objective.of(["val_acc"], [], [limit] if limit else [], "pareto")
    oracle = joined(open_table(benchmark, data), wanted.metrics)
    if not limit:
        best = oracle.optimum("val_acc")
        return ("" if best is None else f"{100 * best:.2f}"), ""
    answers = [oracle.query(graphs, wanted.metrics).columns for graphs in spaces.get(oracle.space).enumerate()]
    measured = wanted.measure({name: np.concatenate([part[name] for part in answers]) for name in wanted.metrics})
    return f"{100 * measured.goals[measured.feasible].max():.2f}", f" of {measured.feasible.mean():.0%}"


def _mean(found: list[dict[str, Any]], name: str) -> str:
    values = np.array([result[name] for result in found if result[name] is not None])
    if not len(values):
        return ""
    error = f" ({100 * values.std(ddof=1) / len(values) ** 0.5:.2f})" if len(values) > 1 else ""
    missing = f", {len(found) - len(values)} found none" if len(values) < len(found) else ""
    return f"{100 * values.mean():.2f}{error}{missing}"


def main() -> None:
    """Run what the results file does not have, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=TABLES, default=["nb201"])
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "paper.jsonl", help="results file")
    parser.add_argument("--data", type=Path, help="folder of the benchmarks that do not come along, see bench.tables")
    parser.add_argument("--only", default="", help="rows whose title, benchmark or limit has this in it")
    parser.add_argument("--seeds", type=int, default=20, help="0: print what there is")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/results-paper.md")
    args = parser.parse_args()
    rows = [row for row in _rows() if row.table in args.tables]
    if args.data and "hw" in args.tables:
        bring(HARDWARE, args.data)  # before a benchmark that it adds to is opened
    args.output.parent.mkdir(exist_ok=True)
    lines_ = args.output.read_text().splitlines() if args.output.exists() else []
    results = list({(result["row"], result["seed"]): result for result in map(json.loads, lines_)}.values())
    done = {(result["row"], result["seed"]) for result in results}
    with args.output.open("a") as file:
        for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
            for row in rows:
                if args.only in f"{row.title} {row.key}" and (row.key, seed) not in done:
                    done.add((row.key, seed))
                    results.append(run(row, seed, args.data))
                    file.write(json.dumps(results[-1]) + "\n")
                    file.flush()
    for table in TABLES:
        written = list(lines([row for row in rows if row.table == table], results, args.data))
        if len(written) > 2:
            print(*written, "", sep="\n")
            if args.write:
                fill("results-paper.md", {table: written})


if __name__ == "__main__":
    main()
