"""Streams of a million rows and of ten: time and peak memory of each tool, ``python -m bench.large [--rows N]``.

Not part of ``python -m bench``: it takes minutes and a few GB of disk. Prints tab-separated values.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_ALL = 15_625
_TOOLS = {
    "encode": "encode {rows}.arrow -o out.arrow",
    "encode to JSON lines": "encode {rows}.arrow -o out.jsonl",
    "query": "query nb201/cifar10 {rows}.arrow -o out.arrow",
    "predict": "predict --fit known.jsonl --surrogate bayes {rows}.arrow -o out.arrow",
    "predict --top 100": "predict --fit known.jsonl --surrogate bayes {rows}.arrow --top 100 -o out.arrow",
}


def _measured(command: str, folder: Path) -> tuple[float, float]:
    """Seconds, and peak memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen([*command.split(), "-q"], cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command}: exit status {process.returncode}")
    return time.perf_counter() - began, used.ru_maxrss / 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="the larger of the two streams")
    most = parser.parse_args().rows
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        script = "encode -q --space nb201 --all > all.jsonl; head -100 all.jsonl | query -q nb201/cifar10 > known.jsonl"
        subprocess.run(["bash", "-ec", script], cwd=folder, check=True)
        for rows in (most // 10, most):
            with subprocess.Popen(
                ["encode", "-q", "-o", f"{rows}.arrow"], cwd=folder, stdin=subprocess.PIPE
            ) as process:
                assert process.stdin is not None
                for _ in range(rows // _ALL):
                    process.stdin.write((folder / "all.jsonl").read_bytes())
        print("tool", "rows", "seconds", "MB", sep="\t")
        for name, command in _TOOLS.items():
            for rows in (most // 10, most):
                seconds, memory = _measured(command.format(rows=rows), folder)
                print(name, rows // _ALL * _ALL, f"{seconds:.1f}", f"{memory:.0f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
