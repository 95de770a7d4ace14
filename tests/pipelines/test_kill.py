"""A search that is killed at any moment goes on to the history of one that was not: 200 kills."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_KILLER = Path(__file__).with_name("killer.py")


def _searches(folder: Path, kills: int, searches: int, longest: float, options: str) -> tuple[int, int]:
    folder.mkdir()
    words = [sys.executable, _KILLER, kills, searches, longest, *options.split()]
    ended = subprocess.run(list(map(str, words)), cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    killed, done = map(int, ended.stdout.split())
    # SIGKILL in the middle of writing the history leaves a private file: nobody is there to remove it.
    names = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    assert names == {f"{seed}.jsonl" for seed in range(1, done + 1)}
    return killed, done


@pytest.mark.parametrize(
    ("options", "longest"),
    [("-b nb201/cifar10 --queries 40", 0.5), ("-b nb201/cifar10 --queries 120 --strategy evolution", 0.2)],
)
def test_killed_at_a_hundred_random_moments(options: str, longest: float, tmp_path: Path) -> None:
    killed, done = _searches(tmp_path / "killed", 100, 1, longest, options)
    assert killed == 100
    _searches(tmp_path / "whole", 0, done, longest, options)
    for seed in range(1, done + 1):
        name = f"{seed}.jsonl"
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
