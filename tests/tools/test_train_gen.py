from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agnet.errors import AgnetError
from agnet.generator.checkpoint import load

if TYPE_CHECKING:
    from tests.tools.conftest import Cli, Shell

_TOOLS = Path(__file__).parents[2] / "tools"
_LOOP = """
encode -q --space nb201 --random 16 | query -q nb201/cifar10 > seen.jsonl
"""


def test_the_same_bytes_again(cli: Cli, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for output in outputs:
        cli("train-gen", "--space", "nb201", "--sample", 200, "--epochs", 2, "-o", output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    facts = load(str(outputs[0])).facts
    assert facts["data"]["rows"] == 200
    assert not list(tmp_path.glob("*.state"))


@pytest.mark.parametrize("model", ["autoregressive", "agnet"])
def test_an_interrupted_training_ends_with_the_same_bytes(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    from agnet.generator.state import State

    arguments = ("train-gen", "--space", "nb201", "--model", model, "--sample", 200, "--epochs", 4, "--batch", 32, "-o")
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    log, told = tmp_path / "log.jsonl", tmp_path / "told.jsonl"
    cli(*arguments, whole, "--log", log)
    save = State.save

    def stop(self: State, *args: object) -> None:
        save(self, *args)  # type: ignore[arg-type]
        if self.steps > 5:
            raise AgnetError("stopped")

    monkeypatch.setattr(State, "save", stop)
    cli(*arguments, broken, "--log", told, status=1)
    assert not broken.exists()
    monkeypatch.undo()
    with told.open("ab") as file:  # told after the state was written, and cut off
        file.write(log.read_bytes().splitlines(keepends=True)[-1] + b'{"samples":')
    assert "continues behind step" in cli(*arguments, broken, "--log", told, "--resume").stderr
    assert broken.read_bytes() == whole.read_bytes()
    assert told.read_bytes() == log.read_bytes()


def test_a_state_of_another_training_is_refused(cli: Cli, tmp_path: Path) -> None:
    import numpy as np

    from agnet.generator.state import State

    output = tmp_path / "x.safetensors"
    State(1, *(np.zeros(3, np.float32),) * 3).save(f"{output}.state", {"seed": [1]})
    arguments = ("train-gen", "--space", "nb201", "--sample", 50, "--epochs", 1, "-o", output, "--resume")
    assert "belongs to another training" in cli(*arguments, status=2).stderr


def test_learning_from_evaluated_architectures(cli: Cli, tmp_path: Path) -> None:
    cells = cli("encode", "--space", "nb201", "--random", 20).records
    lines = b"".join(
        orjson.dumps(cell | {"val_acc": None if i == 3 else i / 20}) + b"\n" for i, cell in enumerate(cells)
    )
    log, outputs = tmp_path / "log.jsonl", [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    options = ("--init", "nb201-agnet", "--weight-by", "val_acc", "--predict", "val_acc", "--epochs", 3, "--log", log)
    for output in outputs:
        result = cli("train-gen", *options, "-o", output, stdin=lines)
    assert "19 architectures, 1 without a value left out" in result.stderr
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert load(str(outputs[0])).config.metrics == ("val_acc",)
    assert [orjson.loads(line)["epoch"] for line in log.read_bytes().splitlines()] == [1, 2, 3]


def test_what_was_conditioned_on_can_be_asked_for(cli: Cli, tmp_path: Path) -> None:
    """The more convolutions the better: where those are asked for that have the most, they have more."""

    def convolutions(*options: str) -> float:
        made = cli("generate", tmp_path / "adapted.safetensors", "-n", 200, *options).records
        return sum(record["arch"].count("conv_3x3") for record in made) / 200

    cells = cli("encode", "--space", "nb201", "--random", 40).records
    lines = b"".join(orjson.dumps(cell | {"val_acc": cell["arch"].count("conv_3x3") / 6}) + b"\n" for cell in cells)
    cli("train-gen", "--condition", "val_acc", "-o", tmp_path / "adapted.safetensors", stdin=lines)
    assert 0.9 < convolutions() < 1.5  # as among all: 6 / 5
    assert convolutions("--target", "val_acc=top1%") > 2.5
    assert convolutions("--target", "val_acc=0.5") > 2
    assert convolutions("--target", "val_acc=0") < 0.9
    error = cli("generate", tmp_path / "adapted.safetensors", "--target", "val_ac=top1%", status=2).stderr
    assert "did you mean 'val_acc'?" in error


def test_a_published_generator(cli: Cli, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "published.safetensors"
    cli("train-gen", "--import", data / "agnet" / "NASBench201.best.model", "-o", output)
    result = cli("generate", output, "-n", 500)
    assert len(result.records) == 500
    assert float(re.findall(r"([\d.]+) % of them valid", result.stderr)[0]) > 99


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--space", "nb201"), "-o CKPT"),
        (("--space", "nb201", "-o", "x", "--weight-by", "val_acc", "--resume"), "--resume"),
        (("--space", "nb201", "-o", "x", "--freeze"), "--predict"),
        (("-o", "x"), "no architectures"),
        (("-o", "x", "--condition", "val_acc", "--predict", "val_acc"), "--condition"),
        (("-o", "x", "--init", "nb201", "--model", "agnet", "--space", "nb201"), "autoregressive"),
        (("--import", "missing.model", "-o", "x"), "no such file"),
    ],
)
def test_what_cannot_be_asked_for(cli: Cli, arguments: tuple[str, ...], reason: str) -> None:
    error = cli("train-gen", *arguments, status=2).stderr
    assert reason in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("tool", ["train-gen", "generate"])
def test_the_examples_of_the_readme(shell: Shell, tool: str) -> None:
    examples = re.findall(r"```sh\n(.*?)```", (_TOOLS / tool / "README.md").read_text(), re.DOTALL)
    run = shell("set -e\n" + _LOOP + "".join(examples))
    assert run.returncode == 0, run.stderr
