"""Two gloo processes, started by torchrun, train what one process trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest

from agnet import spaces
from agnet.generator.checkpoint import Checkpoint, load
from agnet.generator.training import Schedule, pretrain
from agnet.spaces.sampling import distinct

# The last batch has one architecture: one of the two processes has nothing to learn from then.
_N, _BATCH, _EPOCHS = 301, 50, 2
_SCRIPT = """
import os, sys
import torch.distributed
torch.distributed.init_process_group("gloo")  # one for all that follows
from agnet_train_gen.command import main

def run(*words):
    sys.argv = ["train-gen", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        return end.code

rank = os.environ["RANK"]
options = ("--space", "nb201", "--sample", 301, "--epochs", 2, "--batch", 50, "--seed", 3, "-q")
name = "autoregressive"
assert run(*options, "-o", f"{name}.safetensors", "--log", f"{name}.jsonl") == 0
# where the first one goes on the other does
import numpy as np
from agnet.generator.state import State
from agnet.generator.together import Together
together = Together("cpu")
state = State(7, *(np.full(5, value, np.float32) for value in (1, 2, 3))) if rank == "0" else None
got = together.from_first(state, 5)
assert got.steps == 7 and [got.parameters[4], got.mean[0], got.square[2]] == [1, 2, 3]
assert together.from_first(None, 5) is None
together.close()
# nothing to share of a few seconds, nor of stdin
assert run("-o", "x.safetensors") == run("seen.jsonl", "--condition", "val_acc", "-o", "x.safetensors") == 2
# who was told otherwise must not spoil it
assert run(*options[:-3], "--seed", rank, "-q", "-o", "other.safetensors") == 1
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    (folder / "script.py").write_text(_SCRIPT)
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command = "train-gen --space nb201 --sample 301 --epochs 2 --batch 50 --seed 3 -q --model agnet"
    command = f"{Path(sys.executable).parent / command} -o agnet.safetensors --log agnet.jsonl"
    for words in (["--no-python", "--", *command.split()], ["script.py"]):
        ended = subprocess.run([*start, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        assert ended.returncode == 0, ended.stderr
    return folder


def alone(model: str) -> Checkpoint:
    space = spaces.get("nb201")
    start = Checkpoint.initial(space, (3,), model)  # type: ignore[arg-type]
    rate = Schedule.of(_N, model).rate
    return pretrain(space, distinct(space, _N, (3,)), (3,), init=start, schedule=Schedule(_EPOCHS, _BATCH, rate))


@pytest.mark.parametrize("model", ["agnet", "autoregressive"])
def test_two_processes_train_what_one_does(trained: Path, model: str) -> None:
    found, expected = load(str(trained / f"{model}.safetensors")), alone(model)
    assert found.facts["processes"] == 2 and "processes" not in expected.facts
    assert found.facts["data"] == expected.facts["data"]
    assert found.facts["loss"] == pytest.approx(expected.facts["loss"], rel=1e-3)
    start = Checkpoint.initial(spaces.get("nb201"), (3,), model).parameters  # type: ignore[arg-type]
    for name, values in expected.parameters.items():
        moved, apart = values - start[name], found.parameters[name] - values
        assert np.abs(apart).mean() <= 0.02 * np.abs(moved).mean() + 1e-7, name
    log = [orjson.loads(line) for line in (trained / f"{model}.jsonl").read_bytes().splitlines()]
    assert log[-1]["samples"] == _N * _EPOCHS
    assert [line["samples"] for line in log] == sorted({line["samples"] for line in log})


def test_only_the_first_process_writes_and_nothing_is_left(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        "script.py",
        *(f"{model}.{ending}" for model in ("agnet", "autoregressive") for ending in ("safetensors", "jsonl")),
    }
