"""A space of the user's own through all tools, as docs/adding-a-space.md has it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from agnet import spaces

if TYPE_CHECKING:
    from tests.tools.conftest import Cli

_PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-space.md").read_text()
(_MODULE,) = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)
(_COMMANDS,) = re.findall(r"```sh\n(.*?)```", _PAGE, re.DOTALL)


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's module in a folder that Python looks into, named as the page says."""
    (tmp_path / "kws.py").write_text(_MODULE)
    (variable,) = re.findall(r"AGNET_SPACES=(\S+)", _COMMANDS)
    monkeypatch.setenv("AGNET_SPACES", variable)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    spaces.get.cache_clear()
    yield tmp_path
    sys.modules.pop("kws", None)
    spaces.get.cache_clear()


def test_the_page(cli: Cli, registered: Path) -> None:
    """Every command of the page, in turn; the first of a pipe's results is the input of the next."""
    seen = cli("encode", "--space", "kws", "--random", 64, "--seed", 9).records
    for record in seen:
        record["val_acc"] = 0.8 + 0.01 * record["arch"].count("dw5")
    (registered / "seen.jsonl").write_bytes(b"\n".join(map(orjson.dumps, seen)))
    spoken = {
        "echo 'dw5,dw3/02,21,13' | ": b"dw5,dw3/02,21,13\n",
        " <<< 'dw5,dw3,pool/01,02,14,23,34' | wc -l": b"dw5,dw3,pool/01,02,14,23,34\n",
    }
    output = {}
    for line in _COMMANDS.splitlines()[1:]:
        command, stdin = line, b""
        for part, text in spoken.items():
            if part in command:
                command, stdin = command.replace(part, ""), text
        command, _, target = command.partition(" > ")
        result = cli(*command.split(), stdin=stdin)
        output[line.split(" ", 2)[0] + str(len(output))] = result
        if target:
            (registered / target).write_bytes(result.stdout)
    encoded, one, near, learned, made, best, adapted, asked = output.values()
    assert len(encoded.records) == 2000
    assert one.records[0]["arch"] == "dw3,dw5/01,12,23"
    assert len(one.records[0]["features"]) == 33
    assert len(near.records) > 15
    assert float(re.search(r"([\d.]+) % are valid", learned.stderr)[1]) > 90  # type: ignore[index]
    assert len({record["id"] for record in made.records}) == 100
    assert not {record["id"] for record in made.records} & {record["id"] for record in encoded.records}
    assert len(best.records) == 10
    assert [record["pred_val_acc"] for record in best.records] == sorted(
        (record["pred_val_acc"] for record in best.records), reverse=True
    )
    assert adapted.status == 0
    mean = [np.mean([record["arch"].count("dw5") for record in result.records]) for result in (encoded, asked)]
    assert mean[1] > mean[0] + 1


def test_other_generators_and_sizes(cli: Cli, registered: Path) -> None:
    cells = cli("encode", "--space", "kws", "--random", 300, "--seed", 1).stdout
    cli("train-gen", "--model", "agnet", "--epochs", 3, "-o", registered / "a.safetensors", stdin=cells)
    assert {record["space"] for record in cli("generate", registered / "a.safetensors", "-n", 5).records} == {"kws"}
    wrong = cli("encode", "--as", "params", stdin=cells, status=2)
    assert wrong.stderr.count("\n") == 1
    assert "kws" in wrong.stderr


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("kws", "'kws' is not of the form name=module:Class"),
        ("nb201=kws:Kws", "'nb201' is the name of a space that comes with agnet"),
        ("kws=no_such_module:Kws", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("kws=kws:Other", "AttributeError: module 'kws' has no attribute 'Other'"),
        ("kws=pathlib:Path", "not an agnet.spaces.Space with the name 'kws'"),
    ],
)
def test_a_wrong_variable(
    cli: Cli, registered: Path, monkeypatch: pytest.MonkeyPatch, variable: str, reason: str
) -> None:
    monkeypatch.setenv("AGNET_SPACES", variable)
    result = cli("encode", "--space", "kws", "--random", 1, status=2)
    assert result.stderr.startswith("encode: AGNET_SPACES: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_the_variable(cli: Cli) -> None:
    assert "there are nb101, nb201" in cli("encode", "--space", "kws", "--random", 1, status=2).stderr
