"""The searches that have a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agnet import benchmarks
from agnet.errors import InputError
from agnet.search import presets, strategies
from agnet.search.strategies.agnet import AgnetStrategy

if TYPE_CHECKING:
    from tests.tools.conftest import Cli


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_complete(name: str) -> None:
    given = presets.load(name)
    benchmarks.get(given["benchmark"])
    assert strategies.get(given["strategy"]) is AgnetStrategy
    assert {"queries", "init", "batch", "candidates", "epochs"} <= set(given)


def test_the_command_line_goes_before_a_preset(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    cli("search", "--preset", "agnet-nb201", "-b", "nb201/cifar100", "--queries", 20, "--epochs", 2, "-o", path, "-q")
    assert path.read_text().count("\n") == 20
    expected = tmp_path / "expected.jsonl"
    options = ["--init", 16, "--batch", 16, "--candidates", 100, "--alpha", 0.9, "--epochs", 2]
    cli("search", "-b", "nb201/cifar100", "--strategy", "agnet", "--queries", 20, *options, "-o", expected, "-q")
    assert path.read_bytes() == expected.read_bytes()


def test_a_file_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('benchmark = "nb201/cifar10"\nsubject-to = "latency_ms<=15"\nqueries = 8\nquiet = true\n')
    result = cli("search", "--preset", path)
    assert result.records[0]["latency_ms"] <= 15
    assert result.stderr == ""


def _given(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What benchmarks are given, instead of a search."""
    seen: list[dict[str, str]] = []

    def stop(benchmark: str, *, given: dict[str, str], **others: object) -> None:
        seen.append(given)
        raise InputError("that will do")

    monkeypatch.setattr("agnet.search.plan.plan", stop)
    return seen


def test_with_changes_single_settings_of_a_preset(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = _given(monkeypatch)
    usual = {"proxies": "ntk,regions", "seeds": "3", "network": "imagenet", "image": "64"}
    for options, given in (
        ((), usual),
        (("--with", "seeds=1", "--with", "batch=8"), {**usual, "seeds": "1", "batch": "8"}),
        (("--data", "digits", "--with", "proxies=snip"), {**usual, "data": "digits", "proxies": "snip"}),
    ):
        cli("search", "--preset", "agnet-tenas", *options, status=2)
        assert seen.pop() == given
    mine = tmp_path / "mine.toml"
    mine.write_text('benchmark = "train"\nspace = "nb201"\ndata = "digits"\nwith = ["epochs=1"]\n')
    for options, data in (((), "digits"), (("--data", "a"), "a"), (("--with", "data=b"), "b")):
        cli("search", *options, "--preset", mine, status=2)
        assert seen.pop() == {"epochs": "1", "data": data}
    told = cli("search", "--preset", mine, "--with", "epochs=2", "--with", "epochs=3", status=2).stderr
    assert told == "search: --with epochs is given twice\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# " + "." * 200 + "\nquerie = 5", "search has no option 'querie'"),  # no key of 200 parts
        ("querie = 5", "search has no option 'querie'; did you mean 'queries'?"),
        ("preset = 'x'", "search has no option 'preset'"),
        ("queries = [", "not TOML: "),
        ("queries = 'many'", "invalid value for '--queries'"),
        ("with = ['epochs']", "--with epochs: give NAME=VALUE"),
        ("data = 3", "data: give a text"),
        ("maximize = 3", "maximize: give a text, or a list of texts"),
        ("subject-to = [3]", "subject-to: give a text, or a list of texts"),
        ("a = " + "[" * 5000, "not TOML: "),
        ("queries = " + "9" * 10_000, "more than 64 bits"),
        ("queries = 0x" + "f" * 100_000, "more than 64 bits"),
        ("a" + ".a" * 100_000 + " = 1", "a key of more than 50 parts"),
    ],
)
def test_files_that_are_no_presets(cli: Cli, tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"{text}\n")
    told = cli("search", "--preset", path, status=2).stderr
    assert reason in told
    assert "Traceback" not in told


def test_there_is_no_such_preset(cli: Cli, tmp_path: Path) -> None:
    assert cli("search", "--preset", "agnet-nb2o1", status=2).stderr.startswith(
        "search: no preset is called 'agnet-nb2o1'; did you mean 'agnet-nb201'?"
    )
    told = cli("search", "--preset", tmp_path / "none.toml", status=2).stderr
    assert told == f"search: {tmp_path}/none.toml: No such file or directory\n"
