"""Manuals, commands and messages agree: options, links, and what names that do not exist are told."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from tests.tools.conftest import Cli, cli

from agnet import benchmarks, console
from agnet.benchmarks import sources

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
        (("search", "-b", "nb201/cifar10", "--maximize", "val_acc - params"), "'params_m'"),
        (("search", "-b", "nb201/cifar10", "--maximize", "val_acc - lg(params_m)"), "'log'"),
        (("search", "-b", "nb201/cifar10", "--subject-to", "latency_ms@edgegp<=5"), "'latency_ms@edgegpu'"),
        (("search", "-b", "nb201/cifar10", "--strategy", "agnet", "--predictor", "xgbb"), "'xgb'"),
        (("search", "-b", "nb201/cifar10", "--strategy", "agnet", "--generator", "nb21"), "'nb201'"),
        (("search", "-b", "nb201/cifar10", "--acquisition", "eii"), "'ei'"),
        (("search", "-b", "nb201/cifar10", "--prior", "{seen}:val_ac"), "'val_acc'"),
        (("search", "-b", "train", "--space", "nb201", "--data", "digts"), "'digits'"),
        (("search", "-b", "train", "--space", "nb201", "--data", "digits", "--with", "epoch=1"), "'epochs'"),
        (("search", "-b", "zerocost", "--space", "nb201", "--with", "proxies=ntkk"), "'ntk'"),
        (("search", "-b", "cmd:cat", "--space", "nb201", "--metric", "x", "--with", "timeot=1"), "'timeout'"),
        (("query", "hw/pixel33"), "'hw/pixel3'"),
        (("predict", "--fit", "{seen}", "--metric", "val_ac"), "'val_acc'"),
        (("predict", "--fit", "{seen}", "--surrogate", "gpp"), "'gp'"),
        (("predict", "--fit", "{seen}", "--surrogate", "mlp", "--encoding", "featurs"), "'features'"),
        (("predict", "--fit", "{seen}", "--surrogate", "mlp", "--feature", "param_m"), "'params_m'"),
        (("predict", "-q", "--fit", "{seen}", "--top", 3, "--acquisition", "eii"), "'ei'"),
        (("encode", "{seen}", "--as", "params", "--network", "cifar1"), "'cifar10'"),
        (("encode", "{seen}", "--as", "params", "--network", "cifar10,clases=3"), "'classes'"),
        (("plot", "curve", "{seen}", "--format", "text", "--metric", "val_ac"), "'val_acc'"),
        (("plot", "curve", "{seen}", "--format", "text", "--benchmark", "nb201/cifr10"), "'nb201/cifar10'"),
        (("plot", "scatter", "{seen}", "--format", "text", "--y", "params"), "'params_m'"),
        (("plot", "pareto", "{seen}", "--format", "text", "--x", "params"), "'params_m'"),
        (("plot", "distribution", "{seen}", "--format", "text", "--metric", "vall_acc"), "'val_acc'"),
        (("plot", "latent", "{seen}", "--format", "text", "--metric", "vall_acc"), "'val_acc'"),
        (("plot", "cells", "{seen}", "--format", "text", "--top", 2, "--metric", "valacc"), "'val_acc'"),
        (("train-gen", "{seen}", "--init", "nb201", "--condition", "val_ac", "-o", "x"), "'val_acc'"),
        (("train-gen", "{seen}", "--init", "nb201-agnt", "--weight-by", "val_acc", "-o", "x"), "'nb201-agnet'"),
        (("train-gen", "{seen}", "--init", "nb201-agnet", "--predict", "val_ac", "-o", "x"), "'val_acc'"),
        (("benchmarks", "info", "nb11"), "'nb101'"),
        (("benchmarks", "fetch", "nb20"), "'nb201'"),
        (("benchmarks", "import", "nb3o1", "x"), "'nb301'"),
    ],
)
def test_misspelt_names_get_the_nearest(cli: Cli, tmp_path: Path, command: tuple[object, ...], suggestion: str) -> None:
    seen = tmp_path / "seen.jsonl"
    if "{seen}" in str(command):
        latent = {"latent": [0.5, 1.0]}
        cells = (
            "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|",
            "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        )
        lines = ({"space": "nb201", "arch": cell, "val_acc": 0.5, "params_m": 0.07, **latent} for cell in cells)
        seen.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = cli(*(str(word).replace("{seen}", str(seen)) for word in command), status=2).stderr
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


_IMPORTED = [name for name in benchmarks.names() if not name.startswith("nb201/")]


@pytest.mark.parametrize("name", _IMPORTED)
def test_a_missing_file_names_the_command_that_gets_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path))
    told = cli("query", name, status=2).stderr
    commands = re.findall(r"'benchmarks (fetch|import) (\S+?)( FILE)?'", told)
    assert ("import", commands[-1][1], " FILE") == commands[-1], told
    for _, what, _ in commands:
        sources.get(what)  # this is something to import
    assert told.count("\n") == 1


def test_agnet_knows_its_tools(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["agnet", "serch"])
    with pytest.raises(SystemExit, match="2"):
        console.agnet()
    assert capsys.readouterr().err == "agnet: no tool is called 'serch'; did you mean 'search'?\n"


def test_every_benchmark_that_is_listed_has_its_page(cli: Cli) -> None:
    listed = {row["benchmark"] for row in cli("query", "--list", "--format", "jsonl").records}
    assert listed == {*benchmarks.names(), *benchmarks.open_names()}
    page = (_ROOT / "docs" / "benchmarks.md").read_text()
    pages_of_their_own = {"train": "training.md", "zerocost": "zero-cost.md"}
    for name in listed:
        assert f"`{name}`" in page
        if name in pages_of_their_own:
            assert f"]({pages_of_their_own[name]})" in page
            assert name in (_ROOT / "docs" / pages_of_their_own[name]).read_text()
    families = {name.partition("/")[0] for name in listed}
    readme = (_ROOT / "README.md").read_text()
    assert {name for name in families if f"`{name}" not in readme} == set()


def test_every_page_has_its_place_on_the_site() -> None:
    nav = (_ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = re.findall(r": (\S+\.md)$", nav, re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(_ROOT)) for page in _PAGES)
