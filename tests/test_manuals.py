"""Manuals, commands and messages agree: options, links, and what names that do not exist are told."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from tests.tools.conftest import Cli, cli

from agnet import console

__all__ = ["cli"]  # a fixture
_ROOT = Path(__file__).parents[1]
_PAGES = [
    *sorted(_ROOT.glob("*.md")),
    *sorted(_ROOT.glob("docs/*.md")),
    *sorted(_ROOT.glob("tools/*/README.md")),
]
_SPEC = importlib.util.spec_from_file_location("pages", _ROOT / "docs" / "pages.py")
assert _SPEC
assert _SPEC.loader
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)


@pytest.mark.parametrize("tool", console.TOOLS)
def test_the_options_on_a_tools_page_are_those_of_its_help(tool: str) -> None:
    before, renewed = pages.renewed(tool)
    assert before == renewed, "run 'make pages'"


def test_the_options_on_a_page_are_all_there_are(cli: Cli) -> None:
    """What the parser says of itself is what a user is shown."""
    told = cli("search", "--help").stdout.decode()
    for name in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", told, re.MULTILINE):
        assert name in pages.EVERYWHERE or f"`{name}" in pages.options("search"), name


def test_an_option_on_a_page_that_does_not_exist_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = (_ROOT / "tools" / "encode" / "README.md").read_text()
    (tmp_path / "encode").mkdir()
    (tmp_path / "encode" / "README.md").write_text(page.replace("| `--names` |", "| `--labels` |"))
    monkeypatch.setattr(pages, "TOOLS", tmp_path)
    before, renewed = pages.renewed("encode")
    assert before != renewed
    assert renewed == page


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("http", "mailto")):
            path, _, anchor = target.partition("#")
            there = page.parent / path if path else page
            assert there.exists(), target
            if anchor and there.suffix == ".md":
                heads = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
                slugs = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]
                assert anchor in slugs, target


@pytest.mark.parametrize(
    ("command", "suggestion"),
    [
        (("query", "nb201/cifar1"), "'nb201/cifar10'"),
        (("encode", "--space", "nb2001", "--random", "1"), "'nb201'"),
        (("encode", "--space", "nb201", "--random", "1", "--as", "adjacensy"), "'adjacency'"),
        (("query", "nb201/cifar10", "--metrics", "val_ac"), "'val_acc'"),
        (("search", "-b", "nb201/cifar10", "--metric", "latency"), "'latency_ms'"),
        (("search", "-b", "nb201/cifar10", "--strategy", "bayes"), "'bayesian'"),
        (("search", "--preset", "agnet-nb21"), "'agnet-nb201'"),
        (("generate", "nb20"), "'nb201'"),
    ],
)
def test_misspelt_names_get_the_nearest(cli: Cli, command: tuple[str, ...], suggestion: str) -> None:
    told = cli(*command, status=2).stderr
    assert f"did you mean {suggestion}?" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("search", "--querie", 5), "search: no such option: --querie (Possible options: --queries, "),
        (("query", "--format", "xx"), "query: invalid value for '--format': 'xx' is not one of 'jsonl', 'arrow', "),
        (("search", "--queries", "many"), "search: invalid value for '--queries': Input should be a valid integer"),
        (("plot", "curv"), "plot: no such command 'curv'. Did you mean 'curve'?"),
        (("benchmarks", "import"), "benchmarks: missing argument 'NAME'; 'benchmarks import --help' tells more"),
        (("encode", "--random"), "encode: option '--random' requires an argument"),
    ],
)
def test_wrong_usage_is_one_line(cli: Cli, command: tuple[object, ...], told: str) -> None:
    found = cli(*command, status=2).stderr
    assert found.startswith(told)
    assert found.endswith("--help' tells more\n")
    assert found.count("\n") == 1


def test_a_missing_file_names_the_command_that_gets_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path))
    told = cli("query", "nb101", status=2).stderr
    assert re.search(r"benchmarks (fetch|import) nb101", told), told


def test_every_page_has_its_place_on_the_site() -> None:
    nav = (_ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = re.findall(r": (\S+\.md)$", nav, re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(_ROOT)) for page in _PAGES)
