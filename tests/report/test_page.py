"""The page of ``search --report``: what is in it, and that it needs nothing else."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.tools.conftest import cli

from agnet.plots import style

if TYPE_CHECKING:
    from tests.tools.conftest import Cli

pytest.importorskip("matplotlib")
__all__ = ["cli"]  # a fixture
_EMPTY = {"meta", "img", "link", "br", "hr", "!doctype"}


class _Page(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _report(cli: Cli, path: Path, *options: object) -> _Page:
    cli("search", "-b", "nb201/cifar10", "--strategy", "random", "-o", path / "history.jsonl", *options)
    page = _Page((path / "report.html").read_text())
    assert page.open == []
    return page


def test_says_all_and_needs_nothing(cli: Cli, tmp_path: Path) -> None:
    page = _report(cli, tmp_path, "--queries", 30, "--seed", "5:2", "--report", tmp_path / "report.html")
    for tag, attributes in page.tags:  # no script, nothing from elsewhere
        assert tag not in ("script", "iframe", "link", "object")
        assert all(not (value or "").startswith(("http", "//")) for value in attributes.values())
    assert "url(" not in page.text
    assert "@import" not in page.text
    for words in ("nb201/cifar10", "max val_acc", "5:2", "--strategy random", "--seed 5:2", "The best there is"):
        assert words in page.text
    digest = hashlib.sha256((tmp_path / "history.jsonl").read_bytes()).hexdigest()
    assert digest in page.text
    assert len(page.all("svg")) == 2
    assert page.all("img") == page.all("metadata") == []
    # the pictures have no part of one name, and refer to nothing but their parts
    names = [value for _, attributes in page.tags if (value := attributes.get("id"))]
    assert len(set(names)) == len(names)
    parts = re.findall(r'(?:href="#|url\(#)([^")]+)', (tmp_path / "report.html").read_text())
    assert parts
    assert set(parts) <= set(names)


def test_the_pictures_turn_dark_with_the_page(cli: Cli, tmp_path: Path) -> None:
    """What is ink, paper, axis or grid has the page's colour; what is a line or a box keeps its own."""
    text = (
        _report(cli, tmp_path, "--queries", 20, "--report", tmp_path / "report.html")
        and (tmp_path / "report.html").read_text()
    )
    drawn = "".join(re.findall("<svg.*?</svg>", text, re.DOTALL))
    used = set(re.findall(r"(?:fill|stroke): (#\w+|var\(--\w+\))", drawn))
    assert {f"var(--{name})" for name in ("ink", "faint", "axis", "grid", "paper")} < used
    own = {colour.lower() for colour in (*style.SERIES, style.ON_LIGHT, style.ON_DARK)}
    assert {colour for colour in used if colour.startswith("#")} <= own
    assert "<style" not in drawn
    for name in re.findall(r"var\((--\w+)\)", drawn):
        assert text.count(f"{name}: #") == 3  # light, dark and paper


def test_can_be_read_without_seeing(cli: Cli, tmp_path: Path) -> None:
    page = _report(cli, tmp_path, "--queries", 20, "--report", tmp_path / "report.html")
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert all(image["role"] == "img" and len(image["aria-label"] or "") > 40 for image in page.all("svg"))
    assert all(cell["scope"] in ("row", "col") for cell in page.all("th"))
    assert len([cell for cell in page.all("th") if cell["scope"] == "row"]) == 20


def test_contrasts_are_enough() -> None:
    """WCAG 2.1 asks for 4.5:1; both colour schemes and paper."""
    style = (Path(__file__).parents[2] / "shared" / "agnet" / "report" / "style.css").read_text()
    schemes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", style)]
    assert len(schemes) == 3
    for scheme in schemes:
        for front in ("ink", "faint"):
            for back in ("paper", "code"):
                light, dark = sorted((_luminance(scheme[front]), _luminance(scheme[back])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_several_goals_and_trials(cli: Cli, tmp_path: Path) -> None:
    goals = ("--maximize", "val_acc", "--minimize", "latency_ms", "--subject-to", "params_m<1")
    page = _report(cli, tmp_path, "--queries", 20, *goals, "--report", tmp_path / "report.html")
    assert len(page.all("svg")) == 3
    assert "Front of validation accuracy and latency" in page.text
    assert "max val_acc, min latency_ms, params_m<1" in page.text
    sums = ("--maximize", "val_acc - 0.01 * log(params_m)")
    page = _report(cli, tmp_path, "--queries", 9, *sums, "--report", tmp_path / "report.html")
    assert re.search(r"Best objective after each query. It ends at 0\.\d+; the best there is has 0\.\d+\.", page.text)
    page = _report(cli, tmp_path, "--queries", 9, "--trials", 2, "--jobs", 1, "--report", tmp_path / "report.html")
    assert "2 searches, 18 queries" in page.text
    page = _report(cli, tmp_path, "--queries", 9, "--subject-to", "latency_ms<0", "--report", tmp_path / "report.html")
    assert "none keeps all limits" in page.text
    assert page.all("svg") == page.all("table") == []


def test_wrong_names_cost_no_queries(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = ("search", "-b", "nb201/cifar10", "--report")
    assert "name it FILE.html" in cli(*search, tmp_path / "report.pdf", status=2).stderr
    assert "there is no folder" in cli(*search, tmp_path / "none" / "report.html", status=2).stderr
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    told = cli(*search, tmp_path / "report.html", status=2).stderr
    assert "pip install 'agnet[plot]'" in told


@pytest.mark.parametrize(
    ("options", "rounds"),
    [
        (("--queries", 3), "3, the first 3 far apart, then one by one"),
        (("--queries", 12), "12, the first 4 far apart, then one by one"),
        (("--queries", 66), "66, the first 4 far apart, then one by one until 64, then 2 a round"),
        (("--queries", 12, "--batch", 2), "12, the first 4 far apart, then 2 a round"),
    ],
)
def test_says_how_many_were_asked_for_at_a_time(
    cli: Cli, tmp_path: Path, options: tuple[object, ...], rounds: str
) -> None:
    cli("search", "-b", "nb201/cifar10", *options, "--report", tmp_path / "page.html")
    assert f">{rounds}<" in (tmp_path / "page.html").read_text()
