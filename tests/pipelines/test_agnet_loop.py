from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOOP = """
set -euo pipefail
encode --space nb201 --random 16 --seed 0 | query nb201/cifar10 > seen.jsonl
train-gen seen.jsonl --init nb201-agnet --weight-by val_acc --predict val_acc --seed 0:1 -o gen.safetensors
generate gen.safetensors -n 100 --unique --exclude seen.jsonl --latent uniform --seed 0:1 |
  predict --model gen.safetensors --top 16 | query nb201/cifar10 > new.jsonl
cat seen.jsonl new.jsonl > history.jsonl
search -b nb201/cifar10 --strategy agnet --queries 32 --seed 0 -o searched.jsonl > best.jsonl
"""


def test_a_shell_loop_and_search_make_the_same_queries(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-c", LOOP], cwd=tmp_path, check=True, env=os.environ | {"PATH": path}, timeout=600)
    history = (tmp_path / "history.jsonl").read_bytes()
    assert history.count(b"\n") == 32
    assert history == (tmp_path / "searched.jsonl").read_bytes()
    assert (tmp_path / "best.jsonl").read_bytes() in history
