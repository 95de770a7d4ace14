"""Runs of a tool, killed and resumed at random moments, beside others that are not: ``killer.py TOOL KILLS OPTION...``.

TOOL is search or train-gen. The first run says how long one takes; those in the folder ``killed`` have at most half as
long until they are killed, with workers nearly as long. Goes on until there were as many kills and the run is done,
then makes the same runs in the folder ``whole``. What was left after each kill is kept in ``left``, as RUN.KILLS.

Prints how many kills there were, how many runs, and how many times one went on from what was left.

One process imports what is needed and forks; the children run the real command. To start an interpreter for each would
take minutes.
"""

from __future__ import annotations

import math
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True)
class Tool:
    """A command that can be resumed."""

    imports: tuple[str, ...]
    ending: str
    left: str
    """What an interrupted run leaves beside its output, as the end of a file's name."""


_TOOLS = {
    "search": Tool(
        ("agnet.search.study", "agnet.search.strategies.bayesian", "agnet.streams"), ".jsonl", ".jsonl.journal"
    ),
    "train-gen": Tool(
        # PyTorch's optimisers import the last of these when the first is made, which takes a second
        ("agnet.generator.training", "agnet.generator.autoregressive.training", "torch._dynamo"),
        ".safetensors",
        ".safetensors.state",
    ),
}


def _begin(name: str, seed: int, options: list[str], resume: bool) -> int:
    """The process of a run."""
    child = os.fork()
    if child:
        return child
    output = f"{seed}{_TOOLS[name].ending}"
    sys.argv = [name, *options, "--seed", str(seed), "-o", output, "-q", *(["--resume"] if resume else [])]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    status: object = 1
    try:
        import_module(f"agnet_{name.replace('-', '_')}.command").main()
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


def main(name: str, kills: int, options: list[str]) -> None:
    """See above."""
    for module in (*_TOOLS[name].imports, f"agnet_{name.replace('-', '_')}.command"):
        import_module(module)
    here = Path.cwd()

    def whole(seed: int) -> float:
        os.chdir(here / "whole")
        began = time.monotonic()
        if status := _wait(_begin(name, seed, options, False), math.inf):
            sys.exit(f"status {status} of the run with seed {seed}")
        return time.monotonic() - began

    for folder in ("killed", "left", "whole"):
        (here / folder).mkdir()
    longest = whole(0) * (0.9 if "--workers" in options else 0.5)  # workers take as long to start as to evaluate
    moments = random.Random(0)
    killed = resumed = seed = 0
    os.chdir(here / "killed")
    while killed < kills:
        left, output = (Path(f"{seed}{ending}") for ending in (_TOOLS[name].left, _TOOLS[name].ending))
        while left.exists() or not output.exists():
            seconds = moments.uniform(0, longest) if killed < kills else math.inf
            resumed += left.exists()
            status = _wait(_begin(name, seed, options, left.exists()), seconds)
            if status > 0:
                sys.exit(f"status {status} after {killed} kills")
            killed += status < 0
            if left.exists():
                (here / "left" / f"{seed}.{killed}").write_bytes(left.read_bytes())
        seed += 1
    for other in range(1, seed):
        whole(other)
    print(killed, seed, resumed)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
