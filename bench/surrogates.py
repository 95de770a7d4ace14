"""How well surrogates rank: ``python -m bench.surrogates [--data FOLDER] [--splits N]``.

Each surrogate learns from 16, 32, 64, 128 and 256 random architectures of each benchmark that is there (see
:mod:`bench.tables`) and predicts 3,000 others: Kendall's tau between prediction and truth, the regret of the one that
is predicted to be best (how far it is from the best of these 3,000), CPU seconds of learning and predicting. All
surrogates have the same splits. Every split is one line of the results file; what is there is not run again. The table
says how many splits each number is the mean of.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import kendalltau

from agnet import benchmarks, spaces, surrogates
from agnet.benchmarks import sources
from agnet.graphs import Graphs
from agnet.search import candidates
from agnet.seeds import numpy_stream
from agnet.surrogates.base import Batch
from agnet.surrogates.fitted import fit
from bench.sample_efficiency import read
from bench.tables import METRIC, RESULTS, TITLES, names, open_table

SIZES = (16, 32, 64, 128, 256)
FILE = RESULTS / "surrogates.jsonl"
NLP = "nbnlp/wikitext-2"
_TEST, _POOL = 3000, 20_000
_LABELS = TITLES | {NLP: "NAS-Bench-NLP, trained on WikiText-2"}


@cache
def _pool(name: str, data: Path | None) -> tuple[str, Graphs, NDArray[np.float64], int]:
    """Metric, architectures, their values, and 1 if larger is better, -1 if smaller."""
    if name == NLP:
        assert data is not None
        os.environ["AGNET_CACHE"] = str(RESULTS / "cache")
        if sources.missing(NLP):
            sources.bring_in(NLP, data / "nbnlp" / "logs.zip")
        metric, sign = "val_loss", -1
        benchmark, space = benchmarks.load(NLP), spaces.get("nbnlp")
        log = json.loads((data / "nbnlp" / "nbnlp_wikitext2_345.json").read_text())
        graphs = space.parse(pa.array([json.dumps(training["recepie"]) for training in log])).graphs
        graphs = graphs.take(np.flatnonzero(benchmark.has(graphs)))
        graphs = candidates.fresh(space, graphs, pa.array([], pa.string()))[0]
    else:
        benchmark, metric, sign = open_table(name, data), METRIC, 1
        space = spaces.get(benchmark.space)
        few = space.size is not None and space.size <= _POOL
        graphs = next(space.enumerate()) if few else space.sample(3 * _POOL, numpy_stream((0,), "pool"))
        graphs = graphs.take(np.flatnonzero(benchmark.has(graphs))[:_POOL])
    values = benchmark.query(graphs, [metric]).columns[metric]
    there = np.flatnonzero(np.isfinite(values))
    return metric, graphs.take(there), values[there], sign


def run(name: str, surrogate: str, n: int, split: int, data: Path | None) -> dict[str, Any]:
    """One split."""
    metric, graphs, values, sign = _pool(name, data)
    rows = numpy_stream((split,), "split").permutation(len(values))
    known, other = rows[:n], rows[SIZES[-1] if len(rows) > 2 * _TEST else n :][:_TEST]
    space = spaces.get("nbnlp" if name == NLP else open_table(name, data).space)
    started = time.process_time()
    fitted = fit(
        surrogates.make(surrogate), Batch(space, graphs.take(known)), [metric], values[known, None], seed=(split,)
    )
    predicted = fitted.predict(Batch(space, graphs.take(other))).mean[:, 0]
    cpu = time.process_time() - started
    truth = sign * values[other]
    best = int((sign * predicted).argmax())
    return {
        "benchmark": name, "surrogate": surrogate, "n": n, "split": split,
        "tau": round(float(kendalltau(predicted, values[other])[0]), 4),
        "regret": round(float(truth.max() - truth[best]), 6), "cpu_s": round(cpu, 3),
    }  # fmt: skip


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """Markdown: for every benchmark and surrogate tau, regret and seconds by size."""
    yield "| benchmark | surrogate | splits |" + "".join(f" {n} |" for n in SIZES) + f" CPU at {SIZES[-2]} |"
    yield "|---" * (len(SIZES) + 4) + "|"
    for name in _LABELS:
        for surrogate in surrogates.names():
            rows = [r for r in results if (r["benchmark"], r["surrogate"]) == (name, surrogate)]
            if rows:
                unit, factor = ("", 1) if name == NLP else (" %", 100)
                cells = []
                for n in SIZES:
                    mine = [r for r in rows if r["n"] == n]
                    tau, regret = (np.mean([r[key] for r in mine] or [np.nan]) for key in ("tau", "regret"))
                    cells.append(f"{tau:.2f}, {factor * regret:.2f}{unit}" if mine else "")
                cpu = np.mean([r["cpu_s"] for r in rows if r["n"] == SIZES[-2]] or [np.nan])
                splits = len({r["split"] for r in rows})
                yield f"| {_LABELS[name]} | {surrogate} | {splits} | {' | '.join(cells)} | {cpu:.2f} s |"


def main() -> None:
    """Run what the results file does not have, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FILE, help="results file")
    parser.add_argument("--data", type=Path, help="folder of benchmarks that do not come along")
    parser.add_argument("--splits", type=int, default=50)
    parser.add_argument("--first-split", type=int, default=0)
    parser.add_argument("--surrogates", nargs="+", default=surrogates.names())
    parser.add_argument("--benchmarks", nargs="+")
    args = parser.parse_args()
    there = names(args.data)
    if args.data is not None and (args.data / "nbnlp" / "logs.zip").exists():
        there.append(NLP)
    results = read(args.output)
    done = {(r["benchmark"], r["surrogate"], r["n"], r["split"]) for r in results}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("a") as file:
        for split in range(args.first_split, args.splits):
            for name in args.benchmarks or there:
                for surrogate in args.surrogates:
                    for n in SIZES:
                        large = len(_pool(name, args.data)[2]) >= 1.5 * n  # enough is left to predict
                        if large and (name, surrogate, n, split) not in done:
                            results.append(run(name, surrogate, n, split, args.data))
                            file.write(json.dumps(results[-1]) + "\n")
                            file.flush()
    for line in table(results):
        print(line)


if __name__ == "__main__":
    main()
