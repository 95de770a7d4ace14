"""The page of ``search --report`` in a real browser: Chromium, without a window."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.tools.conftest import cli

if TYPE_CHECKING:
    from tests.tools.conftest import Cli

pytest.importorskip("matplotlib")
__all__ = ["cli"]  # a fixture


def _seen(page: Path, width: int, scheme: str) -> dict[str, Any]:
    """What tests/report/browser.py says."""
    if not all(map(importlib.util.find_spec, ("PyQt6", "axe_core_python"))):
        pytest.skip("no browser: pip install --group browser")
    script = Path(__file__).with_name("browser.py")
    command = [sys.executable, script, page, page.with_suffix(".pdf"), str(width), scheme]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(f"no browser: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _colour(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


@pytest.mark.parametrize(("width", "scheme", "paper"), [(1000, "light", (255, 255, 255)), (380, "dark", (25, 26, 28))])
def test_in_a_browser(cli: Cli, tmp_path: Path, width: int, scheme: str, paper: tuple[int, ...]) -> None:
    page = tmp_path / "report.html"
    goals = ("--maximize", "val_acc", "--minimize", "latency_ms")
    cli("search", "-b", "nb201/cifar10", "--strategy", "random", "--queries", 30, *goals, "--report", page)
    seen = _seen(page, width, scheme)
    assert seen["loaded"]
    assert seen["console"] == []
    assert set(seen["requests"]) == {page.as_uri()}
    for words in ("nb201/cifar10", "Front of validation accuracy and latency", "--strategy random", "SHA-256"):
        assert words in seen["text"]  # this was read without JavaScript
    assert seen["violations"] == seen["unsure"] == []  # of axe's rules, WCAG 2 among them
    assert seen["passed"] > 20
    assert _colour(seen["paper"]) == paper
    assert len(seen["pictures"]) == 3
    assert all(100 < wide < width for wide in seen["pictures"])
    # the words in the pictures are told from this paper
    assert seen["inks"]
    assert all(abs(sum(_colour(ink)) - sum(paper)) > 300 for ink in seen["inks"])
    assert seen["overflow"] <= 0
    printed = page.with_suffix(".pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 5
