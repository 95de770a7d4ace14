"""Searches under a latency limit: ``python -m bench.devices --data FOLDER [--seeds N] [--strategies ...]``.

The most accurate cell of NAS-Bench-201 on ImageNet16-120 under each of the limits of AG-Net's table 5, by HW-NAS-Bench
(``hwnas/hw_nas_bench_nb201.parquet`` in FOLDER): queries until it is found, of 200. Under a limit every strategy ranks
what breaks it behind what does not. Every search is one line of the results file; what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from agnet import spaces
from agnet.benchmarks import sources
from agnet.graphs import Graphs
from agnet.search import strategies
from agnet.search.history import History
from agnet.search.loop import Budget, search
from agnet.search.objective import of
from agnet.search.study import Study
from bench.sample_efficiency import FIRST_SEED, found, read
from bench.tables import METRIC, RESULTS

LIMITS = {
    "edgegpu": (2, 4, 5, 6, 8), "raspi4": (2, 4, 6, 8, 10, 12), "edgetpu": (1,), "pixel3": (2, 4, 6, 8, 10),
    "eyeriss": (1, 2), "fpga": (1, 2),
}  # fmt: skip
"""Devices, and the paper's limits in milliseconds."""
STRATEGIES = ("bayesian", "local", "evolution", "random")
FILE = RESULTS / "devices.jsonl"
_BENCHMARK, _QUERIES = "nb201/ImageNet16-120", 200


class _Found(Exception):
    """The best architecture under the limit has been evaluated."""


def run(study: Study, seed: int, optimum: float) -> dict[str, Any]:
    """Search once, until the best is found."""
    space = spaces.get("nb201")
    history = History(space, METRIC, maximize=True, objective=study.objective)

    def check(history: History) -> None:
        best = history.best()
        if best is not None and history.values[best] >= optimum:
            raise _Found

    made = strategies.make(study.strategy, space, METRIC, maximize=True, options={}, plain=False)
    with suppress(_Found):
        search(study.oracle(), made, history, budget=study.budget, seed=(seed,), on_answers=check)
    best = history.best_so_far()
    place = int(np.searchsorted(best, optimum)) + 1
    return {"found": place if place <= len(best) else None, "val": round(float(best[-1]), 6)}


def studies(names: Sequence[str] = STRATEGIES) -> Iterator[tuple[str, Study]]:
    """Every limit and strategy."""
    for device, limits in LIMITS.items():
        for limit in limits:
            wanted = of([METRIC], [], [f"latency_ms@{device}<={limit}"], "pareto")
            for strategy in names:
                about = strategies.get(strategy)
                budget = Budget.of(about, _QUERIES)
                yield (
                    f"{device} <= {limit} ms",
                    Study(_BENCHMARK, METRIC, True, strategy, budget=budget, objective=wanted),
                )


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """Median (90th percentile) of the queries, how many searches found the best."""
    there = [strategy for strategy in STRATEGIES if strategy in {r["strategy"] for r in results}]
    yield f"| limit | keep it |{''.join(f' {strategy} |' for strategy in there)}"
    yield "|---" * (len(there) + 2) + "|"
    for limit, share in {r["limit"]: r["share"] for r in results}.items():
        cells = []
        for strategy in there:
            rows = [r for r in results if (r["limit"], r["strategy"]) == (limit, strategy)]
            count, median, p90 = found(rows)
            numbers = (f"{value:.0f}" if np.isfinite(value) else "-" for value in (median, p90))
            cells.append("{} ({}), {} of {}".format(*numbers, count, len(rows)))
        yield f"| {limit} | {100 * share:.1f} % | {' | '.join(cells)} |"


def main() -> None:
    """Run what the results file does not have, print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    args = parser.parse_args()
    os.environ["AGNET_CACHE"] = str(RESULTS / "cache")  # imports of the user's own stay as they are
    if sources.missing("hw"):
        sources.bring_in("hw", args.data / "hwnas" / "hw_nas_bench_nb201.parquet")
    everything = Graphs.concat(list(spaces.get("nb201").enumerate()))
    results = read(args.output)
    done = {(r["limit"], r["strategy"], r["seed"]) for r in results}
    shares: dict[str, float] = {}
    with args.output.open("a") as file:
        for limit, study in studies(args.strategies):
            optimum = study.optimum()
            assert optimum is not None
            assert study.objective is not None
            if limit not in shares:
                columns = study.oracle().query(everything, list(study.objective.metrics)).columns
                shares[limit] = round(float(study.objective.measure(columns).feasible.mean()), 4)
            for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
                if (limit, study.strategy, seed) not in done:
                    key = {"limit": limit, "share": shares[limit], "strategy": study.strategy, "seed": seed}
                    results.append(key | run(study, seed, optimum))
                    file.write(json.dumps(results[-1]) + "\n")
                    file.flush()
    for line in table(results):
        print(line)


if __name__ == "__main__":
    main()
