"""What comes of asking a generator for two things: ``python -m bench.conditional --data FOLDER [--seeds N]``.

The generator of NAS-Bench-201 learns accuracy on CIFAR-10 and latency from 64 random evaluated cells, and is asked for
1,000 cells of an accuracy and a latency: what these really have, beside what is made unasked. Latency is that of
HW-NAS-Bench, ``hwnas/hw_nas_bench_nb201.parquet`` in FOLDER.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from agnet import benchmarks, spaces
from agnet.benchmarks import sources
from agnet.benchmarks.joined import joined
from agnet.generator import checkpoint
from agnet.generator.autoregressive import adaptation
from agnet.generator.sampling import Generation
from bench.tables import METRIC, RESULTS

_DEVICE = "edgegpu"
_EVALUATED, _MADE = 64, 1000
ASKED: tuple[dict[str, str], ...] = (
    {},
    {METRIC: "top1%"},
    {METRIC: "0.94", f"latency_ms@{_DEVICE}": "4"},
    {METRIC: "0.9", f"latency_ms@{_DEVICE}": "4"},
    {METRIC: "0.85", f"latency_ms@{_DEVICE}": "2"},
)


def main() -> None:
    """The table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ["AGNET_CACHE"] = str(RESULTS / "cache")  # imports of the user's own stay as they are
    if sources.missing("hw"):
        sources.bring_in("hw", arguments.data / "hwnas" / "hw_nas_bench_nb201.parquet")
    space = spaces.get("nb201")
    metrics = (METRIC, f"latency_ms@{_DEVICE}")
    benchmark = joined(benchmarks.load("nb201/cifar10"), metrics)
    start = checkpoint.load("nb201")
    print("| asked for | accuracy: median, middle half | latency: median, middle half | distinct | learning, drawing |")
    print("|---|---|---|---|---|")
    for asked in ASKED:
        made, distinct, seconds = [], [], []
        for seed in range(arguments.seeds):
            known = space.sample(_EVALUATED, np.random.default_rng(1000 + seed))
            values = np.stack([benchmark.query(known, metrics).columns[name] for name in metrics], axis=1)
            started = time.process_time()
            adapted = adaptation.adapt(start, space, known, (seed,), metrics=metrics, values=values)
            learned = time.process_time()
            blocks = [block.graphs for block in Generation(adapted, space, _MADE, (seed,), targets=asked)]
            seconds.append((learned - started, time.process_time() - learned))
            distinct.append(len({arch for block in blocks for arch in space.format(block).to_pylist()}))
            for block in blocks:
                answer = benchmark.query(block, metrics).columns
                made.append(np.stack([answer[name] for name in metrics], axis=1))
        columns = np.concatenate(made).T * np.array([[100], [1]])
        cells = []
        for column, unit in zip(columns, ("%", "ms"), strict=True):
            low, middle, high = np.quantile(column, (0.25, 0.5, 0.75))
            cells.append(f"{middle:.2f}, {low:.2f} to {high:.2f} {unit}")
        text = ", ".join(f"`{name}={value}`" for name, value in asked.items()) or "nothing"
        learning, drawing = np.mean(seconds, axis=0)
        print(
            f"| {text} | {' | '.join(cells)} | {np.mean(distinct):.0f} | {learning:.1f} s, {drawing:.1f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
