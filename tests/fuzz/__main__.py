"""Fuzz readers, guided by what they cover: ``python -m tests.fuzz (TARGET ... | --all) [--runs N] [--seconds S]``.

Each reader has N inputs altogether, counted in ``build/fuzz``: what was interrupted goes on from there, with what it
has found. The first tenth is guided by what it covers; the others are mutations of what that found, without the cost
of measuring. Each runs in a process of its own, and may take 1 GiB beyond what it began with and 5 CPU seconds for an
input. Needs atheris (``pip install --group fuzz``), which is built for Linux. An input that breaks a reader is kept as
``crash-TARGET-...`` in the folder this was started in; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import guided
from tests.fuzz.guided import counted

_FOLDER = Path("build", "fuzz")


def main() -> int:
    """Run the targets one after the other and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--all", action="store_true", help="every reader")
    parser.add_argument("--list", action="store_true", help="say how many inputs each has had, and stop")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=0, help="CPU time of each target; 0: as long as it takes")
    parser.add_argument("--guided", type=int, help="inputs that are guided by what they cover; otherwise a tenth")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    first = given.runs // 10 if given.guided is None else given.guided
    if given.inside:
        _inside(given.inside, given.runs, first, given.seconds)
        return 0

    from tests.fuzz.targets import TARGETS

    if given.list:
        for name in TARGETS:
            print(f"{name}\t{counted(_FOLDER / name):,}")
        return 0
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no reader is called {min(unknown)}; there are {', '.join(TARGETS)}")
    if given.all == bool(given.targets):
        parser.error("name readers, or give --all")
    broken = [name for name in given.targets or TARGETS if _broken(name, given.runs, first, given.seconds)]
    return int(bool(broken))


def _inside(name: str, runs: int, first: int, seconds: float) -> None:
    """One process's share of a reader's inputs."""
    folder = _FOLDER / name
    if counted(folder) < first:
        guided.fuzz(name, folder, min(first, runs), seconds)
    else:
        from tests.fuzz import plain

        plain.fuzz(name, folder, runs, seconds)


def _broken(name: str, runs: int, first: int, seconds: float) -> bool:
    """Whether a reader broke while it had inputs until there were ``runs``, or for so many CPU seconds."""
    folder = _FOLDER / name
    before, began, status, words = counted(folder), time.monotonic(), 0, ""
    while not status and counted(folder) < runs:
        had = counted(folder)
        limits = ["--runs", str(runs), "--guided", str(first), "--seconds", str(seconds)]
        command = ["-W", "ignore", "-m", "tests.fuzz", "--inside", name, *limits]
        ended = subprocess.run(
            [sys.executable, *command], stderr=subprocess.PIPE, check=False, text=True, errors="replace"
        )
        status, words = ended.returncode, ended.stderr
        if seconds or counted(folder) == had:
            break
    told = f"{counted(folder):,} inputs, {counted(folder) - before:,} of them in {time.monotonic() - began:.0f} s"
    print(f"{name}\t{told}\t{'broken' if status else 'ok'}", flush=True)
    if status:
        print(words[-6000:], file=sys.stderr)
    return bool(status)


if __name__ == "__main__":
    sys.exit(main())
