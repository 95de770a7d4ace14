"""Days of use in minutes: ``python -m tests.soak [--seconds S] [--rounds N]``.

Each round runs short searches and pipelines of three or four commands, and each tool once, in this process; each tenth
round also pipelines of processes: with workers, closed pipes, and a search that is killed and resumed. Prints, as
tab-separated values, how much memory, how many open files, threads and other processes there are, and what was run; the
exit status is 1 if memory grows or anything is left.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

_WARMUP = 20
"""Rounds after which everything has been imported and cached."""
_EVERY = 10
_GROWTH = 0.05
_SPACES = ("nb101", "nb201", "nb301", "nbnlp")
_STRATEGIES = (*("random", "evolution", "local") * 3, "bayesian", "agnet", "bananas")
_PROGRAM = """#!/bin/sh
while read -r line; do echo "${line%?},\\"val_acc\\":0.5}"; done
"""
_MARK = "AGNET_SOAK"


@dataclass
class Use:
    """What was run so far, and where."""

    folder: Path
    done: Counter[str] = field(default_factory=Counter)

    def tool(self, name: str, *arguments: object, stdin: bytes = b"", status: int = 0) -> bytes:
        """Run a command in this process, as its program would; its stdout."""
        before = sys.argv, sys.stdin, sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM)
        stdout, stderr = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
        sys.argv = [name, *map(str, arguments)]
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))
        sys.stdout, sys.stderr = stdout, stderr
        ended: object = None
        try:
            import_module(f"agnet_{name.replace('-', '_')}.command").main()
        except SystemExit as end:
            ended = end.code or 0
        finally:
            sys.argv, sys.stdin, sys.stdout, sys.stderr = before[:4]
            signal.signal(signal.SIGTERM, before[4])
        if ended != status:
            raise AssertionError(f"{name} {arguments}: status {ended}: {stderr.getvalue()}")
        self.done[name] += 1
        content: bytes = stdout.buffer.getvalue()  # type: ignore[attr-defined]
        return content

    def pipeline(self, *commands: Sequence[object]) -> bytes:
        """Run commands one after the other, each with the stdout of the one before; the last one's stdout."""
        content = b""
        for name, *arguments in commands:
            content = self.tool(str(name), *arguments, "-q", stdin=content)
        self.done["pipelines in one process"] += 1
        return content

    def shell(self, script: str) -> str:
        """Run a pipeline of processes; its stdout."""
        ended = subprocess.run(
            ["bash", "-c", f"set -eo pipefail; {script}"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        if ended.returncode or ended.stderr:
            raise AssertionError(f"{script}: status {ended.returncode}: {ended.stderr}")
        self.done["pipelines of processes"] += 1
        return ended.stdout


def _round(use: Use, number: int, each: int) -> None:
    space = _SPACES[number % len(_SPACES)]
    cells = use.tool("encode", "--space", space, "--random", 30, "--seed", number, "-q")
    neighbours = use.tool("encode", "--neighbours", "-q", stdin=cells.splitlines(keepends=True)[0])
    use.tool("generate", f"{space}-agnet" if number % 5 == 0 else space, "-n", 20, "--seed", number, "-q")
    if space == "nb201":
        known = use.tool("query", "nb201/cifar10", "-q", stdin=cells)
        seen = use.folder / "seen.jsonl"
        seen.write_bytes(known)
        best = use.tool("predict", "--fit", seen, "--top", 5, "-q", stdin=neighbours)
        use.tool("query", "nb201/cifar100", "-q", "--format", "arrow", stdin=best)
        use.tool("plot", "curve", seen, "-o", use.folder / "curve.svg")
        if number % 20 == 1:
            model = use.folder / "generator.safetensors"
            use.tool(
                "train-gen", seen, "--init", "nb201-agnet", "--predict", "val_acc", "--epochs", 1, "-q", "-o", model
            )
            use.tool("generate", model, "-n", 5, "-q")
    else:
        use.tool("encode", "--as", "features", "-q", "--format", "arrow", stdin=cells)
    strategy = _STRATEGIES[number // len(_SPACES) % len(_STRATEGIES)]
    history = use.folder / "history.parquet"
    options = ("-b", "nb201/cifar10", "--strategy", strategy, "--queries", 16, "--seed", number, "-o", history, "-q")
    use.tool("search", *options)
    use.tool("encode", "--space", "nb201", "-q", stdin=b"no architecture\n", status=2)
    use.tool("query", "nb201/cifar10", "-q", "--on-error", "keep", stdin=b'{"space":"nb201","arch":"x"}\n')
    for turn in range(each * number, each * (number + 1)):
        _search(use, turn)
        _pipeline(use, turn)
    if number % _EVERY == 0:
        _processes(use, number)
    for file in (
        "known.jsonl",
        "history.jsonl",
        "history.arrow",
        "seen.jsonl",
        "curve.svg",
        "history.parquet",
        "generator.safetensors",
    ):
        (use.folder / file).unlink(missing_ok=True)


def _search(use: Use, turn: int) -> None:
    """One of 20 to 40 queries."""
    history = use.folder / f"history.{('jsonl', 'arrow', 'parquet')[turn % 3]}"
    options: list[object] = [
        "-b",
        f"nb201/{('cifar10', 'cifar100', 'ImageNet16-120')[turn // 3 % 3]}",
        "-q",
        "-o",
        history,
    ]
    options += ["--strategy", _STRATEGIES[turn % len(_STRATEGIES)], "--queries", 20 + turn % 21, "--seed", turn]
    if turn % 4 == 0:
        options += ["--maximize", "val_acc", "--minimize", "latency_ms"]
    use.tool("search", *options)


def _pipeline(use: Use, turn: int) -> None:
    """What is asked for is predicted from what was asked for before."""
    known = use.folder / "known.jsonl"
    ask = ("query", "nb201/cifar10")
    known.write_bytes(use.pipeline(("encode", "--space", "nb201", "--random", 12, "--seed", turn), ask))
    predict = ("predict", "--fit", known, "--surrogate", ("bayes", "xgb", "gp")[turn % 3], "--top", 5)
    use.pipeline(("generate", "nb201", "-n", 12, "--seed", turn), predict, ask, ("encode", "--as", "features"))


def _processes(use: Use, number: int) -> None:
    use.shell(f"encode --space nb201 --random 200 --seed {number} -q | query nb201/cifar10 -q > seen.jsonl")
    use.shell("generate nb201 -n 200 -q | predict --fit seen.jsonl -q --top 20 | query nb201/cifar10 -q | tail -1")
    use.shell("set +o pipefail; generate nb201 -n 100000 -q | query nb201/cifar10 -q | head -1")
    use.shell(
        "search -b cmd:./evaluate.sh --space nb201 --metric val_acc --workers 2 --timeout 60 --queries 6 "
        "--strategy random -q -o h.jsonl"
    )
    search = "search -b nb201/cifar10 --queries 100 -q -o killed.jsonl"
    use.shell(
        f"{{ timeout -s KILL 1 {search} > /dev/null 2>&1 || true; }} 2> /dev/null;"
        f"[ -e killed.jsonl ] || {search} --resume"
    )
    use.shell("rm -f seen.jsonl h.jsonl killed.jsonl .*.part")


@dataclass(frozen=True)
class Sample:
    """What this process and those that it started hold."""

    memory: int
    """Resident bytes."""
    files: int
    threads: int
    processes: int


def _sample() -> Sample:
    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    files, threads = (len(list(Path("/proc/self", name).iterdir())) for name in ("fd", "task"))
    return Sample(memory, files, threads, len(_others()))


def _others() -> list[int]:
    """Other processes that this one or its children have started."""
    mark, found = f"{_MARK}={os.getpid()}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(process.name) != os.getpid() and mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def main(words: list[str] | None = None) -> int:
    """Run rounds and judge them."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=1200, help="begin no round after so many")
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--each", type=int, default=30, help="searches and pairs of pipelines in a round")
    given = parser.parse_args(words)
    os.environ[_MARK] = str(os.getpid())
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as root:
        use = Use(Path(root, "work"))
        temporary = Path(root, "tmp")
        for folder in (use.folder, temporary):
            folder.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        program = use.folder / "evaluate.sh"
        program.write_text(_PROGRAM)
        program.chmod(0o700)
        began, number = time.monotonic(), 0
        print("round\tMB\tfiles\tthreads\tprocesses", flush=True)
        while number < given.rounds and time.monotonic() - began < given.seconds:
            number += 1
            _round(use, number, given.each)
            if number % _EVERY == 0 and number >= _WARMUP:
                samples.append(_sample())
                now = samples[-1]
                told = (number, f"{now.memory / 1e6:.1f}", now.files, now.threads, now.processes)
                print(*told, sep="\t", flush=True)
        left = [path for path in (*use.folder.iterdir(), *temporary.iterdir()) if path != program]
    print(f"{number:,} rounds in {time.monotonic() - began:.0f} s")
    print(*(f"{name}: {count:,}" for name, count in sorted(use.done.items())), sep=", ")
    return _judge(samples, left)


def _judge(samples: list[Sample], left: list[Path]) -> int:
    """1 if something grew or remained, with a line for each."""
    first, last = samples[0], samples[-1]
    wrong = [f"left behind: {path}" for path in left]
    third = max(len(samples) // 3, 1)
    early, late = (sum(s.memory for s in part) / third for part in (samples[:third], samples[-third:]))
    print(f"memory: {early / 1e6:.1f} MB in the first third, {late / 1e6:.1f} MB in the last")
    if late > (1 + _GROWTH) * early:
        wrong.append("memory grows")
    wrong += [
        f"{name}: {getattr(first, name)} became {getattr(last, name)}"
        for name in ("files", "threads", "processes")
        if getattr(last, name) > getattr(first, name)
    ]
    if last.processes:
        wrong.append(f"{last.processes} processes are left")
    print(*wrong or ["nothing grew, nothing is left"], sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
