"""What is killed at any moment goes on to the bytes of a run that was not: 200 kills of searches, 26 of trainings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_KILLER = Path(__file__).with_name("killer.py")


def _killed(folder: Path, tool: str, kills: int, options: str) -> int:
    """Times that a run was continued; after so many kills all have left the same as the others."""
    done, resumed = _kills(folder, tool, kills, options)
    names = {f"{seed}.{'jsonl' if tool == 'search' else 'safetensors'}" for seed in range(done)}
    # SIGKILL in the middle of writing the history leaves a private file: nobody is there to remove it.
    left = {path.name for path in (folder / "killed").iterdir() if not path.name.startswith(".")}
    assert left == {path.name for path in (folder / "whole").iterdir()} == names
    for name in names:
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes(), name
    return resumed


def _kills(folder: Path, tool: str, kills: int, options: str) -> tuple[int, int]:
    """How many runs there were, and times that one was continued."""
    words = [sys.executable, str(_KILLER), tool, str(kills), *options.split()]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    killed, done, resumed = map(int, ended.stdout.split())
    assert killed == kills
    return done, resumed


@pytest.mark.parametrize(
    "options", ["-b nb201/cifar10 --queries 40", "-b nb201/cifar10 --queries 120 --strategy evolution"]
)
def test_searches_killed_at_a_hundred_random_moments(options: str, tmp_path: Path) -> None:
    assert _killed(tmp_path, "search", 100, options) > 10


@pytest.mark.parametrize("strategy", ["random", "bayesian"])
def test_searches_killed_while_they_wait_for_a_worker(strategy: str, tmp_path: Path) -> None:
    """The evaluations are those of a process of its own, which ends with the search.

    What these strategies were asked for is not asked for again where all of it is answered.
    """
    program = tmp_path / "evaluate.sh"
    program.write_text('#!/bin/sh\nwhile read -r line; do sleep 0.05; echo "${line%?},\\"val_acc\\":0.5}"; done\n')
    program.chmod(0o700)
    options = f"-b cmd:{program} --space nb201 --metric val_acc --strategy {strategy} --queries 12 --workers 1"
    assert _killed(tmp_path, "search", 6, options) > 1


def test_searches_killed_while_several_workers_evaluate(tmp_path: Path) -> None:
    """Answers arrive in any order: all that were on disk at a kill remain, and are not asked for again."""
    program, asked = tmp_path / "evaluate.sh", tmp_path / "asked"
    told = f'echo "$line" >> {asked}; sleep 0.03; echo "${{line%?}},\\"val_acc\\":0.5}}"'
    program.write_text(f"#!/bin/sh\nwhile read -r line; do {told}; done\n")
    program.chmod(0o700)
    options = f"-b cmd:{program} --space nb201 --metric val_acc --strategy evolution --queries 40 --workers 2"
    done, resumed = _kills(tmp_path, "search", 8, options)
    assert resumed > 2
    answers = {seed: _answers(tmp_path / "killed" / f"{seed}.jsonl") for seed in range(done)}
    kept = 0
    for path in (tmp_path / "left").iterdir():
        before = _answers(path)
        kept += len(before)
        assert answers[int(path.stem)][: len(before)] == before
    assert kept
    for history in answers.values():
        assert len(history) == len({record["arch"] for record in history}) == 40
    # once each, in the runs that were killed and the others, and what was being evaluated at a kill, by each worker
    assert len(asked.read_text().splitlines()) <= 2 * 40 * done + 2 * 8


def _answers(path: Path) -> list[dict[str, object]]:
    lines = path.read_bytes().split(b"\n")[:-1]
    return [record for record in map(json.loads, lines) if "agnet_journal" not in record]


@pytest.mark.parametrize(("model", "kills"), [("autoregressive", 20), ("agnet", 6)])
def test_trainings_killed_at_random_moments(model: str, kills: int, tmp_path: Path) -> None:
    """While they learn, measure themselves, or write from where to go on."""
    options = f"--space nb201 --model {model} --sample 60 --epochs 10 --batch 16"
    assert _killed(tmp_path, "train-gen", kills, options) > kills // 4
