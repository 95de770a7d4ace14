from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
import torch
from torch.utils._pytree import tree_leaves

from agnet import networks, spaces
from agnet.networks.export import example
from agnet.seeds import integer

if TYPE_CHECKING:
    from tests.tools.conftest import Cli

_CELL = b'{"space":"nb201","arch":"(4, 3, 3, 0, 0, 0)"}\n'
_SMALL = {
    "nb101": "channels=8,image=8,cells=1,stacks=2,image_channels=1",
    "nb201": "cifar100,channels=4,image=8,cells=1",
    "nb301": "channels=4,cells=3",
    "nbnlp": "tokens=11,embedding=5,hidden=6",
}


def one(name: str) -> tuple[bytes, Any, Any]:
    """A record, and the network that it stands for with the weights of seed 0."""
    space = spaces.get(name)
    graphs = space.sample(1, np.random.default_rng(3))
    chosen: Any = networks.parse(space, _SMALL[name] + (",auxiliary=no" if name == "nb301" else ""))
    torch.manual_seed(integer((0,), "export"))
    record = orjson.dumps({"space": name, "arch": space.format(graphs)[0].as_py()})
    return record + b"\nnot read\n", networks.build(space, graphs, chosen).eval(), chosen


@pytest.mark.parametrize("name", spaces.names())
def test_the_program_computes_what_the_network_computes(cli: Cli, tmp_path: Path, name: str) -> None:
    line, network, chosen = one(name)
    result = cli("export", "--network", _SMALL[name], "-o", tmp_path / "network.pt2", stdin=line)
    program = torch.export.load(tmp_path / "network.pt2").module()
    for batch in (1, 3):
        arguments = example(network, chosen, batch)
        for found, expected in zip(tree_leaves(program(*arguments)), tree_leaves(network(*arguments)), strict=True):
            torch.testing.assert_close(found, expected)
    assert result.stdout == b""
    assert result.stderr.startswith("agnet export: 0.0")


@pytest.mark.skipif(not (find_spec("onnxscript") and find_spec("onnx")), reason="needs onnx and onnxscript")
@pytest.mark.parametrize("name", ["nb201", "nbnlp"])
def test_onnx_computes_what_the_network_computes(cli: Cli, tmp_path: Path, name: str) -> None:
    from onnx.reference import ReferenceEvaluator

    line, network, chosen = one(name)
    path = tmp_path / "network.bin"
    cli("export", "--network", _SMALL[name], "--format", "onnx", "-o", path, stdin=line)
    evaluator = ReferenceEvaluator(str(path))
    arguments = example(network, chosen, 3)
    inputs = dict(zip(evaluator.input_names, (leaf.numpy() for leaf in tree_leaves(arguments)), strict=True))
    for found, expected in zip(evaluator.run(None, inputs), tree_leaves(network(*arguments)), strict=True):
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)
    assert evaluator.output_names[0] == "scores"


def test_the_seed_draws_the_weights(cli: Cli, tmp_path: Path) -> None:
    weights = []
    for seed in (5, 5, 6):
        path = tmp_path / "network.pt2"
        cli("export", "--network", _SMALL["nb201"], "--seed", seed, "-o", path, stdin=_CELL)
        weights.append(next(iter(torch.export.load(path).state_dict.values())))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], _CELL, "say with -o where the program goes, such as -o network.pt2"),
        (
            ["-o", "cell.bin"],
            _CELL,
            "cell.bin: its ending is not .pt2 or .onnx; say with --format which of the two it shall be",
        ),
        (["-o", "cell.pt2"], b"\n", "nothing to export: the input has no architecture"),
        (["-o", "cell.pt2", "--network", "cifar10,classes=few"], _CELL, "network: classes=few: give an integer"),
        (
            ["-o", "cell.pt2", "--network", "imagenet"],
            _CELL,
            "no network of nb201 is called 'imagenet'; did you mean 'ImageNet16-120'?",
        ),
    ],
)
def test_wrong_use(cli: Cli, arguments: list[str], stdin: bytes, message: str) -> None:
    assert cli("export", *arguments, stdin=stdin, status=2).stderr == f"agnet export: {message}\n"


def test_wrong_records(cli: Cli) -> None:
    wrong = cli("export", "--space", "nb201", "-o", "cell.pt2", stdin=b"resnet50", status=2)
    assert wrong.stderr.startswith("agnet export: stdin:1: arch: 'resnet50' is not a cell: ")
    stranger = cli("export", "--space", "nb101", "-o", "cell.pt2", stdin=_CELL, status=2)
    assert stranger.stderr == "agnet export: stdin:1: arch: an architecture of nb201, not of nb101\n"


def test_onnx_says_what_it_needs(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agnet.networks.export.find_spec", lambda name: None)
    result = cli("export", "-o", tmp_path / "cell.onnx", stdin=_CELL, status=2)
    assert result.stderr == ("agnet export: ONNX needs the packages onnx and onnxscript: pip install 'agnet[onnx]'\n")
    assert not list(tmp_path.iterdir())


def test_help_is_light_and_agnet_knows_the_tool() -> None:
    code = (
        "import sys, agnet.console as c\n"
        "sys.argv = ['agnet', 'export', '--help']\n"
        "try: c.agnet()\n"
        "except SystemExit: print(*sorted({'torch', 'pyarrow', 'numpy'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"agnet export best.jsonl --network imagenet -o best.pt2" in run.stdout
    assert run.stdout.splitlines()[-1] == b""
