"""Fuzz readers, guided by what they cover: ``python -m tests.fuzz [TARGET ...] [--runs N] [--seconds S]``.

Each target runs in a process of its own, may take 1 GiB beyond what it began with and 20 seconds for an input. Needs
atheris (``pip install --group fuzz``), which is built for Linux. An input that breaks a reader is kept as
``crash-TARGET-...`` in the folder this was started in; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_MEMORY = 1 << 30


def main() -> int:
    """Run the targets one after the other and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=0, help="longest time of each target; 0: as long as it takes")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        _fuzz(given.inside, given.runs, given.seconds)
        return 0

    from tests.fuzz.targets import TARGETS

    failed = False
    for name in given.targets or TARGETS:
        started = time.monotonic()
        each = TARGETS[name].each
        words = ["--inside", name, "--runs", str(-(-given.runs // each)), "--seconds", str(given.seconds)]
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.fuzz", *words],
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            errors="replace",
        )
        told = next((line for line in reversed(ended.stderr.splitlines()) if "exec/s" in line), "").split()
        done = int(told[0].lstrip("#")) * each if told else 0
        print(
            f"{name}\t{done:,} inputs\t{time.monotonic() - started:.0f} s\t{'broken' if ended.returncode else 'ok'}",
            flush=True,
        )
        if ended.returncode:
            failed = True
            print(ended.stderr[-6000:], file=sys.stderr)
    return int(failed)


def _fuzz(name: str, runs: int, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["agnet", "zipfile", "tarfile"]):
        from tests.fuzz.target import check
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = target.corpus()
    for data in corpus:
        check(target, data)  # what is imported late is there now
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(corpus):
            Path(folder, str(number)).write_bytes(data)
        longest = 4 * max(map(len, corpus)) + 256
        options = [f"-runs={runs}", "-timeout=20", f"-max_len={longest}", f"-artifact_prefix=crash-{name}-", "-seed=1"]
        options += [f"-max_total_time={seconds}"] if seconds else []
        atheris.Setup(["fuzz", folder, *options], lambda data: check(target, data))
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
