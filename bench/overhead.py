"""CPU seconds of a search beside its queries: ``python -m bench.overhead [--queries N] [--benchmarks NAME ...]``.

What the default strategy takes until 192, 500, 1,000 and 2,000 queries of a table, which itself answers at once.
"""

from __future__ import annotations

import argparse
import time

from agnet import benchmarks, spaces
from agnet.search import strategies
from agnet.search.history import History
from agnet.search.loop import Budget, search

AT = (192, 500, 1000, 2000)


def seconds(name: str, queries: int) -> dict[int, float]:
    """Number of queries to CPU seconds until then."""
    benchmark = benchmarks.load(name)
    space = spaces.get(benchmark.space)
    about = strategies.get("bayesian")
    made = strategies.make("bayesian", space, "val_acc", maximize=True, options={})
    history = History(space, "val_acc", maximize=True)
    started = time.process_time()
    taken: dict[int, float] = {}

    def check(history: History) -> None:
        for at in AT:
            if len(history) >= at:
                taken.setdefault(at, time.process_time() - started)

    search(benchmark, made, history, budget=Budget.of(about, queries), seed=(1000,), on_answers=check)
    return taken


def main() -> None:
    """The table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--queries", type=int, default=AT[-1])
    parser.add_argument("--benchmarks", nargs="+", default=["nb201/cifar10", "nb201/ImageNet16-120"])
    arguments = parser.parse_args()
    print(f"| benchmark |{''.join(f' {at} |' for at in AT)}")
    print("|---" * (len(AT) + 1) + "|")
    for name in arguments.benchmarks:
        taken = seconds(name, arguments.queries)
        print(f"| {name} | {' | '.join(f'{taken[at]:.1f} s' if at in taken else '' for at in AT)} |", flush=True)


if __name__ == "__main__":
    main()
