"""The shell loop of the README, shortened to two rounds, and ``search`` with the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_README = (Path(__file__).parents[2] / "README.md").read_text()
_SEARCH = "search -b nb201/cifar10 --strategy agnet --queries 48 --seed 0 -o searched.jsonl > best.jsonl"


def test_a_shell_loop_and_search_make_the_same_queries(tmp_path: Path) -> None:
    start = _README.index("encode --space nb201 --random 16 --seed 0")
    loop = _README[start : _README.index("```", start)]
    script = loop.replace("in 1 2 3 4 5 6 7 8 9 10 11;", "in 1 2;")
    assert script != loop
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-c", f"set -euo pipefail\n{script}\n{_SEARCH}"]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"PATH": path}, timeout=600)
    history = (tmp_path / "seen.jsonl").read_bytes()
    assert history.count(b"\n") == 48
    assert history == (tmp_path / "searched.jsonl").read_bytes()
    assert (tmp_path / "best.jsonl").read_bytes() in history
