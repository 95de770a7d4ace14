"""Manuals, commands and messages agree: options, links, and what names that do not exist are told."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import typer
from tests.tools.conftest import Cli, cli

from agnet import console

__all__ = ["cli"]  # a fixture
_ROOT = Path(__file__).parents[1]
_PAGES = [
    *sorted(_ROOT.glob("*.md")),
    *sorted(_ROOT.glob("docs/*.md")),
    *sorted(_ROOT.glob("tools/*/README.md")),
]
_COMMON = {"--help", "--version", "--install-completion", "--show-completion"}


def _options(tool: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """All long options of a command and of its sub-commands."""
    apps: list[typer.Typer] = []

    def keep(app: typer.Typer, prog: str) -> None:
        apps.append(app)

    monkeypatch.setattr(console, "run", keep)
    import_module(f"agnet_{tool.replace('-', '_')}.command").main()
    command = typer.main.get_command(apps[0])
    commands = [command, *getattr(command, "commands", {}).values()]
    names = {
        name for one in commands for parameter in one.params for name in (*parameter.opts, *parameter.secondary_opts)
    }
    return {name for name in names if name.startswith("--")} - _COMMON


@pytest.mark.parametrize("tool", console.TOOLS)
def test_a_tools_page_has_its_options_and_no_others(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (_ROOT / "tools" / tool / "README.md").read_text()
    options = _options(tool, monkeypatch)
    # what is called -o everywhere has its long name in --help
    short = {"--output", "--number", "--directory", "--quiet"}
    assert {name for name in options - short if not re.search(rf"{name}(?![\w-])", page)} == set()
    table = {
        name
        for line in page.splitlines()
        if line.startswith("| `-")
        for name in re.findall(r"--[a-z][\w-]+", line.split("|")[1])
    }
    assert table - options == set()


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
