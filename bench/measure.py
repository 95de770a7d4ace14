"""Taking turns: ours, the peer, ours, the peer."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    work: str
    ours: float
    """Median seconds."""
    peer: str
    """What it is compared with."""
    theirs: float
    """Median seconds of the peer, for the same amount of work."""
    ratio: float
    """Median of ours / theirs, turn by turn."""
    limit: float
    """The ratio that is aimed for, at most."""
    unit: str = "s"

    def __str__(self) -> str:
        verdict = "ok" if self.ratio <= self.limit else "MISSED"
        return (
            f"{self.work:<58} {self.ours:>9.3f} {self.unit:<2} {self.peer:<44} {self.theirs:>9.3f} {self.unit:<2} "
            f"{self.ratio:>7.3f} of at most {self.limit:<7.3g} {verdict}"
        )


def compare(
    work: str,
    ours: Callable[[], object],
    peer: str,
    theirs: Callable[[], object],
    *,
    limit: float,
    turns: int = 5,
    scale: float = 1.0,
) -> Row:
    """Run both in turns after one warm-up each; ``scale`` multiplies the peer's time (if it did a part of the work)."""
    mine, yours = [], []
    for turn in range(turns + 1):
        for function, times, factor in ((ours, mine, 1.0), (theirs, yours, scale)):
            started = time.perf_counter()
            function()
            if turn:
                times.append((time.perf_counter() - started) * factor)
    ratios = [a / b for a, b in zip(mine, yours, strict=True)]
    return Row(work, statistics.median(mine), peer, statistics.median(yours), statistics.median(ratios), limit)


def shell(command: str) -> Callable[[], None]:
    """A shell command to be timed as a whole."""

    def run() -> None:
        subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"AGNET_FORMAT": "jsonl"},
        )

    return run


def timed(function: Callable[[], object], *, turns: int = 3) -> float:
    """Median seconds of ``turns`` calls, after one to warm up."""
    times = []
    for turn in range(turns + 1):
        started = time.perf_counter()
        function()
        if turn:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def within(work: str, ours: Callable[[], object], budget: str, seconds: float) -> Row:
    """Compare with a time that was set, not one that is measured beside it."""
    taken = timed(ours)
    return Row(work, taken, budget, seconds, taken / seconds, 1.0)
