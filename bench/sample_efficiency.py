"""How many queries each strategy takes: ``python -m bench.sample_efficiency [quick] ...``.

Every search is one line of the results file, written when it ends; what is there is not run again, so an interrupted
study continues. ``quick`` takes 10 seeds and 192 queries. A query is one distinct architecture. ``found`` counts
the searches that evaluated the very best architecture (by the mean of its training runs), ``median`` and ``p90`` are
queries until then, ``inf`` where too few did. With ``--noise``, searches see one training run of each architecture;
what they found is still told by the mean.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from agnet import benchmarks, spaces
from agnet.benchmarks.base import Answer, Benchmark
from agnet.benchmarks.tabular import KEY, Tabular
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.search import strategies
from agnet.search.history import History
from agnet.search.loop import Budget, search
from agnet.seeds import Seed

METRIC = "val_acc"
AT = (32, 64, 96, 192, 304)
NB201 = ("nb201/cifar10", "nb201/cifar100", "nb201/ImageNet16-120")
FIRST_SEED = 1000


class KnownCells(Tabular):
    """The cells of NAS-Bench-101 in an NPZ file of their graphs and accuracies."""

    name, space, size = "nb101-known", "nb101", None
    title = "validation and test accuracy after 108 epochs"
    source = "a part of NAS-Bench-101"
    metrics = (Metric(METRIC, "", "maximize", ""), Metric("test_acc", "", "maximize", ""))

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self, graphs: Graphs) -> np.ndarray:
        return spaces.get("nb101").codes(graphs)  # type: ignore[attr-defined]

    def open(self) -> pa.Table:
        with np.load(self.path) as file:
            accuracy = {f"{part}_acc": file[f"final_{name}_accuracy_x9984"] / 9984 for part, name in _PARTS}
            keys = self.keys(_cells(file))
        runs = {f"{METRIC}_{run}": accuracy[METRIC][:, run] for run in range(3)}
        return pa.table({KEY: keys, **{name: values.mean(axis=1) for name, values in accuracy.items()}, **runs})

    repeats = {METRIC: [f"{METRIC}_{run}" for run in range(3)]}  # noqa: RUF012


_PARTS = (("val", "validation"), ("test", "test"))


def _cells(file: Any) -> Graphs:
    types = [spaces.get("nb101").node_types.index(name) for name in ("conv3x3", "conv1x1", "maxpool3x3")]
    sizes = file["num_vertices"]
    ops = np.zeros((len(sizes), 1, 7), np.uint8)
    adjacency = np.zeros((len(sizes), 1, 7, 7), np.bool_)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        a, b = np.triu_indices(size, 1)
        bits = file["adj_triu_bits"][rows][:, None] >> np.arange(len(a), dtype=np.uint32) & 1
        adjacency[rows[:, None], 0, a, b] = bits
        inner = np.array([*types, 0], np.uint8)[np.minimum(file["ops"][rows, : size - 2], 3)]
        ops[rows, 0, 1 : size - 1] = inner
    ops[:, :, 0] = 1
    return Graphs(ops, adjacency, sizes[:, None])


class OneRun(Benchmark):
    """A benchmark that answers with one training run of each architecture."""

    def __init__(self, whole: Benchmark, seed: Seed) -> None:
        self.whole, self.seed = whole, seed
        self.name, self.space, self.metrics = whole.name, whole.space, whole.metrics

    def has(self, graphs: Graphs) -> np.ndarray:
        return self.whole.has(graphs)

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        return self.whole.query(graphs, metrics, draw=self.seed)


@cache
def _benchmark(name: str, nb101: Path | None) -> Benchmark:
    return KnownCells(nb101) if nb101 and name == KnownCells.name else benchmarks.load(name)


class _Found(Exception):
    """The best architecture has been evaluated: what follows is known."""


def run(
    strategy: str, name: str, seed: int, queries: int, batch: int, noise: bool, nb101: Path | None
) -> dict[str, Any]:
    """Search once, until the best architecture is found."""
    whole = _benchmark(name, nb101)
    space = spaces.get(whole.space)
    optimum = whole.optimum(METRIC)
    history = History(space, METRIC, maximize=True)
    truth: list[float] = []

    def check(history: History) -> None:
        if len(history) == len(truth):
            return
        truth.extend(whole.query(history.graphs.take(slice(len(truth), None))).columns[METRIC])
        if max(truth) == optimum and not noise:
            raise _Found

    about = strategies.get(strategy)
    budget = Budget(queries, batch or about.batch, about.init)
    started = time.process_time()
    with suppress(_Found):
        benchmark = OneRun(whole, (seed,)) if noise else whole
        made = strategies.make(strategy, space, METRIC, maximize=True, options={})
        search(benchmark, made, history, budget=budget, seed=(seed,), on_answers=check)
    cpu = time.process_time() - started
    hit = np.flatnonzero(np.array(truth) == optimum)
    best = [int(history.scores[:at].argmax()) for at in AT if at <= queries]
    answers = whole.query(history.graphs.take(np.array(best))).columns
    return {
        "strategy": strategy, "benchmark": name, "seed": seed, "queries": queries, "batch": batch, "noise": noise,
        "found": int(hit[0]) + 1 if len(hit) else None, "evaluated": len(history), "cpu_s": round(cpu, 2),
        "val": [round(value, 6) for value in answers[METRIC].tolist()],
        "test": [round(value, 6) for value in answers.get("test_acc", np.full(len(best), np.nan)).tolist()],
    }  # fmt: skip


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """Lines of the table."""
    yield (
        f"{'benchmark':<22}{'strategy':<18}{'seeds':>6}{'found':>6}{'median':>7}{'p90':>6}  "
        + "".join(f"{f'val@{at}':>9}" for at in AT)
        + f"{'test@last':>10}{'cpu s':>7}"
    )
    for benchmark, strategy in sorted({(r["benchmark"], _label(r)) for r in results}):
        rows = [r for r in results if (r["benchmark"], _label(r)) == (benchmark, strategy)]
        found = np.array([r["found"] or np.inf for r in rows])
        median, p90 = (float(np.quantile(found, q, method="higher")) for q in (0.5, 0.9))
        means = 100 * np.mean([r["val"] for r in rows], axis=0)
        test = 100 * np.mean([r["test"][-1] for r in rows])
        yield (
            f"{benchmark:<22}{strategy:<18}{len(rows):>6}{np.isfinite(found).sum():>6}{median:>7.0f}{p90:>6.0f}  "
            + "".join(f"{mean:>9.3f}" for mean in means).ljust(9 * len(AT))
            + f"{test:>10.3f}{np.mean([r['cpu_s'] for r in rows]):>7.1f}"
        )


def _label(result: dict[str, Any]) -> str:
    batch = f" k={result['batch']}" if result["batch"] else ""
    return result["strategy"] + batch + (" noise" if result["noise"] else "")


def main() -> None:
    """Run what the results file does not have, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=("quick", "full"), default="full")
    parser.add_argument("-o", "--output", type=Path, default=Path("sample_efficiency.jsonl"), help="results file")
    parser.add_argument("--strategies", nargs="+", default=["bayesian", "local", "evolution", "random"])
    parser.add_argument("--benchmarks", nargs="+", default=list(NB201), help=f"also {KnownCells.name}, with --nb101")
    parser.add_argument("--nb101", type=Path, help="NPZ file of known NAS-Bench-101 cells")
    parser.add_argument("--seeds", type=int, help="how many; 10 or 100")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--queries", type=int, help="192 or 304")
    parser.add_argument("--batch", type=int, default=0, help="architectures a round; each strategy's own by default")
    parser.add_argument("--noise", action="store_true", help="answer with one training run")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    seeds = args.seeds or (10 if args.mode == "quick" else 100)
    queries = args.queries or (192 if args.mode == "quick" else 304)
    names = [*args.benchmarks, *([KnownCells.name] if args.nb101 and KnownCells.name not in args.benchmarks else [])]
    wanted = [
        (strategy, name, seed, queries, args.batch, args.noise, args.nb101)
        for seed in range(args.first_seed, args.first_seed + seeds)
        for name in names
        for strategy in args.strategies
    ]
    results = [json.loads(line) for line in args.output.read_text().splitlines()] if args.output.exists() else []
    fields = ("strategy", "benchmark", "seed", "queries", "batch", "noise")
    done = {tuple(result[field] for field in fields) for result in results}
    left = [work for work in wanted if work[:-1] not in done]
    with args.output.open("a") as file:
        for result in _map(left, args.jobs):
            file.write(json.dumps(result) + "\n")
            file.flush()
            results.append(result)
    keys = {work[:-1] for work in wanted}
    for line in table([result for result in results if tuple(result[field] for field in fields) in keys]):
        print(line)


def _map(work: list[tuple[Any, ...]], jobs: int) -> Iterator[dict[str, Any]]:
    if jobs == 1:
        yield from (run(*arguments) for arguments in work)
    else:
        with ProcessPoolExecutor(jobs) as pool:
            yield from pool.map(run, *zip(*work, strict=True))


if __name__ == "__main__":
    main()
