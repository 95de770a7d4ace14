"""AG-Net's search with its own settings: ``python -m bench.agnet [--published FILE] [--trials N] [--jobs N]``.

192 queries of each data set of NAS-Bench-201, from the generator that comes along and, with ``--published``, from
AG-Net's own weights (``NASBench201.best.model``). Histories go to bench/results/agnet; what is there is not run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from agnet import arrow, benchmarks, streams

RESULTS = Path(__file__).parent / "results" / "agnet"
DATA = {"cifar10": 0.9155, "cifar100": 0.732, "ImageNet16-120": 0.463}
"""Data sets, and the accuracy that the mean over searches should reach."""
_BIN = Path(sys.executable).parent
_COLUMNS = pa.schema([("trial", pa.int64()), ("val_acc", pa.float64())])


def rows(published: Path | None, trials: int, jobs: int) -> Iterator[str]:
    """The table, a line at a time."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    generators = {"comes along": "nb201-agnet"}
    if published:
        generators["AG-Net's own"] = str(RESULTS / "published.safetensors")
        _run("train-gen", "--import", published, "-o", generators["AG-Net's own"])
    yield "| data set | generator | trials | mean best | standard error | wanted | best there is | queries to it |"
    yield "|---|---|---|---|---|---|---|---|"
    for data, wanted in DATA.items():
        benchmark = f"nb201/{data}"
        optimum = benchmarks.load(benchmark).optimum("val_acc")
        for title, generator in generators.items():
            history = RESULTS / f"{data}-{Path(generator).stem}-{trials}.jsonl"
            if not history.exists():
                _run(
                    *("search", "-b", benchmark, "--strategy", "agnet", "--generator", generator, "--seed", 1000),
                    *("--trials", trials, "--jobs", jobs, "-o", history, "-q"),
                )
            best, place = _found(history)
            error = best.std(ddof=1) / len(best) ** 0.5
            median = np.median(np.where(best == optimum, place, np.inf))
            yield (
                f"| {data} | {title} | {len(best)} | {best.mean():.2%} | {error:.2%} | {wanted:.2%} | {optimum:.2%} "
                f"| median {median:.0f}, {int((best == optimum).sum())} found it |"
            )


def _found(history: Path) -> tuple[np.ndarray, np.ndarray]:
    """[trials] the best accuracy, and the query that found it."""
    chunk = streams.concat(list(streams.read([str(history)], columns=_COLUMNS)))
    trial, accuracy = (arrow.to_numpy(chunk.column(field.name, field.type)) for field in _COLUMNS)
    searches = [accuracy[trial == number] for number in np.unique(trial)]
    return np.array([max(values) for values in searches]), np.array([values.argmax() + 1 for values in searches])


def _run(tool: str, *arguments: object) -> None:
    subprocess.run([_BIN / tool, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", type=Path, help="AG-Net's NASBench201.best.model")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    for row in rows(options.published, options.trials, options.jobs):
        print(row, flush=True)
