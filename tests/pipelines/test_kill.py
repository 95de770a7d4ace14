"""What is killed at any moment goes on to the bytes of a run that was not: 200 kills of searches, 26 of trainings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_KILLER = Path(__file__).with_name("killer.py")


def _killed(folder: Path, tool: str, kills: int, options: str) -> int:
    """Times that a run was continued; after so many kills all have left the same as the others."""
    words = [sys.executable, str(_KILLER), tool, str(kills), *options.split()]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    killed, done, resumed = map(int, ended.stdout.split())
    assert killed == kills
    names = {f"{seed}.{'jsonl' if tool == 'search' else 'safetensors'}" for seed in range(done)}
    # SIGKILL in the middle of writing the history leaves a private file: nobody is there to remove it.
    left = {path.name for path in (folder / "killed").iterdir() if not path.name.startswith(".")}
    assert left == {path.name for path in (folder / "whole").iterdir()} == names
    for name in names:
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes(), name
    return resumed


@pytest.mark.parametrize(
    "options", ["-b nb201/cifar10 --queries 40", "-b nb201/cifar10 --queries 120 --strategy evolution"]
)
def test_searches_killed_at_a_hundred_random_moments(options: str, tmp_path: Path) -> None:
    assert _killed(tmp_path, "search", 100, options) > 10


def test_searches_killed_while_they_wait_for_a_worker(tmp_path: Path) -> None:
    """The evaluations are those of a process of its own, which ends with the search."""
    program = tmp_path / "evaluate.sh"
    program.write_text('#!/bin/sh\nwhile read -r line; do sleep 0.05; echo "${line%?},\\"val_acc\\":0.5}"; done\n')
    program.chmod(0o700)
    options = f"-b cmd:{program} --space nb201 --metric val_acc --strategy random --queries 12 --workers 1"
    assert _killed(tmp_path, "search", 12, options) > 3


@pytest.mark.parametrize(("model", "kills"), [("autoregressive", 20), ("agnet", 6)])
def test_trainings_killed_at_random_moments(model: str, kills: int, tmp_path: Path) -> None:
    """While they learn, measure themselves, or write from where to go on."""
    options = f"--space nb201 --model {model} --sample 60 --epochs 10 --batch 16"
    assert _killed(tmp_path, "train-gen", kills, options) > kills // 4
