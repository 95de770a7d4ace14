"""Searches in this folder, each killed and resumed at random moments: ``killer.py KILLS SEARCHES LONGEST OPTION...``.

Goes on until there were as many kills and as many searches have ended; prints both numbers. One process imports what a
search needs and forks; the children run the real command. To start an interpreter for each would take minutes.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

from agnet_search import command


def _search(seed: int, options: list[str], resume: bool) -> int:
    child = os.fork()
    if child:
        return child
    sys.argv = ["search", *options, "--seed", str(seed), "-o", f"{seed}.jsonl", "-q", *(["--resume"] if resume else [])]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    status: object = 1
    try:
        command.main()
    except SystemExit as end:
        status = end.code
    finally:
        sys.stderr.flush()
        os._exit(int(str(status or 0)))


def _wait(child: int, seconds: float) -> int:
    """Its exit status, negative if it had to be killed after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        ended, state = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(state)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.0005)


def main(kills: int, searches: int, longest: float, options: list[str]) -> None:
    """See above."""
    for name in ("agnet.search.study", "agnet.search.strategies.bayesian", "agnet.streams"):
        import_module(name)
    moments = random.Random(0)
    killed = seed = 0
    while killed < kills or seed < searches:
        seed += 1
        journal = Path(f"{seed}.jsonl.journal")
        while journal.exists() or not Path(f"{seed}.jsonl").exists():
            seconds = moments.uniform(0, longest) if killed < kills else float("inf")
            status = _wait(_search(seed, options, journal.exists()), seconds)
            if status > 0:
                sys.exit(f"status {status} after {killed} kills")
            killed += status < 0
    print(killed, seed)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
