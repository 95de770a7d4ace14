"""The scripts beside the tests do what they are for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.audit import judge
from tests.soak import Sample, _judge


def test_a_known_weakness_fails_the_audit(capsys: pytest.CaptureFixture[str]) -> None:
    fine = {"name": "a", "version": "1", "vulns": []}
    unknown = {"name": "b", "skip_reason": "not found"}
    weak = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
    assert judge([fine, unknown]) == 0
    assert judge([fine, weak]) == 1
    told = capsys.readouterr().out
    assert "1 of 2 packages were looked up, 0 known" in told
    assert "c 2: PYSEC-1, mended in 3" in told


def test_a_short_soak() -> None:
    """At length: python -m tests.soak."""
    words = [sys.executable, "-m", "tests.soak", "--rounds", "20", "--each", "1"]
    ended = subprocess.run(words, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "nothing grew, nothing is left" in ended.stdout


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (Sample(1 << 28, 8, 4, 0), "memory grows"),
        (Sample(1 << 27, 9, 4, 0), "files: 8 became 9"),
        (Sample(1 << 27, 8, 4, 1), "1 processes are left"),
    ],
)
def test_a_soak_sees_what_grows(last: Sample, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = Sample(1 << 27, 8, 4, 0)
    assert _judge([first, first, last], []) == 1
    assert said in capsys.readouterr().out
    assert _judge([first] * 3, [Path("x")]) == 1
    assert _judge([first] * 3, []) == 0
