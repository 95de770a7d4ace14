"""What workers bring: evaluations that only sleep, by 1 to 32 workers; and what a search costs beside them."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np

from agnet import benchmarks, spaces
from agnet.engines import Engine, Setup
from agnet.search import strategies
from agnet.search.history import History
from agnet.search.loop import Budget, search
from bench.measure import Row

_SECONDS = 1.0
_ROUNDS = 4
WORKERS = (1, 2, 4, 8, 16, 32)
PENDING = (0, 31, 255, 999)


def nap(tell: object, seconds: float) -> None:
    time.sleep(seconds)


def throughput(engine: Engine) -> float:
    """Evaluations a second, all workers having been started."""
    for _ in range(engine.workers):
        engine.submit(nap, 0.0 if engine.workers == 1 else 0.5)
    while engine.unfinished:
        engine.wait()
    count = _ROUNDS * engine.workers
    started = time.perf_counter()
    for _ in range(count):
        engine.submit(nap, _SECONDS)
    while engine.unfinished:
        engine.wait()
    return count / (time.perf_counter() - started)


def rows() -> Iterator[Row]:
    """Seconds for 32 evaluations' worth of sleep a worker, beside what the workers should need; Ray where it is."""
    from importlib.util import find_spec  # noqa: PLC0415

    for kind in ("local", "ray") if find_spec("ray") else ("local",):
        for workers in WORKERS:
            with Setup(kind, workers=workers).open() as engine:  # type: ignore[arg-type]
                reached = throughput(engine)
            ideal = workers / _SECONDS
            work = f"{kind}: a 1 s evaluation, {workers} workers"
            yield Row(work, workers / reached, "as many sleeping at once", _SECONDS, ideal / reached, 1.25)


def asking(name: str, known: int, pending: int) -> float:
    """Seconds of one question to ``bayesian`` with so many answers known and so many pending; the median of five."""
    benchmark = benchmarks.load(name)
    space = spaces.get(benchmark.space)
    history = History(space, "val_acc", maximize=True)
    made = strategies.make("random", space, "val_acc", maximize=True, options={})
    search(benchmark, made, history, budget=Budget(known, known, known), seed=(0,))
    strategy = strategies.make("bayesian", space, "val_acc", maximize=True, options={})
    rng = np.random.default_rng(0)
    if pending:
        graphs = space.sample(2 * pending, rng).take(slice(pending))
        keys = space.keys(graphs)
        history.expect(graphs, keys)
    times = []
    for turn in range(6):
        started = time.perf_counter()
        strategy.ask(history, 1, (1, turn))
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    """The table of questions, as Markdown."""
    print("| answers | pending | a question to bayesian |\n| --- | --- | --- |")
    for known in (100, 1000, 10_000):
        for pending in PENDING:
            print(f"| {known:,} | {pending} | {asking('nb201/cifar10', known, pending):.3f} s |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
