"""The Python functions do what the commands do, to the byte."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import agnet
from agnet.errors import InputError

from .tools.conftest import Cli, cli

__all__ = ["cli"]  # a fixture


def test_importing_costs_nothing() -> None:
    code = "import sys, agnet; print(sorted({'numpy', 'pyarrow', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_search_is_the_commands(cli: Cli, tmp_path: Path) -> None:
    found = agnet.search("nb201/cifar10", queries=14, seed=3)
    command = cli("search", "-b", "nb201/cifar10", "--queries", 14, "--seed", 3, "-o", tmp_path / "command.jsonl")
    agnet.write(found.history, tmp_path / "python.jsonl")
    assert (tmp_path / "python.jsonl").read_bytes() == (tmp_path / "command.jsonl").read_bytes()
    assert found.best.to_dicts() == command.records
    assert found.best_so_far[0, -1] == found.best["val_acc"][0] == found.history["val_acc"].max()
    assert found.optimum() == agnet.load("nb201/cifar10").optimum()


def test_goals_limits_and_trials(cli: Cli, tmp_path: Path) -> None:
    found = agnet.search(
        "nb201/cifar10", queries=10, trials=2, jobs=1, strategy="random", maximize="val_acc", minimize=["latency_ms"]
    )
    goals = ("--maximize", "val_acc", "--minimize", "latency_ms", "--strategy", "random", "--trials", 2, "--jobs", 1)
    cli("search", "-b", "nb201/cifar10", "--queries", 10, *goals, "-o", tmp_path / "command.jsonl")
    assert found.history.chunk.json_lines().to_pybytes() == (tmp_path / "command.jsonl").read_bytes()
    assert found.best["front"].all()
    limited = agnet.search("nb201/cifar10", queries=10, strategy="random", subject_to="latency_ms<=15")
    assert (limited.history["feasible"] == (limited.history["latency_ms"] <= 15)).all()


def test_records_are_the_commands(cli: Cli, tmp_path: Path) -> None:
    cells = agnet.sample("nb201", 40, seed=1)
    sampled = cli("encode", "--space", "nb201", "--random", 40, "--seed", 1).stdout
    assert cells.chunk.json_lines().to_pybytes() == sampled
    answered = agnet.load("nb201/cifar10").query(cells)
    seen = cli("query", "nb201/cifar10", stdin=sampled).stdout
    assert answered.chunk.json_lines().to_pybytes() == seen
    (tmp_path / "seen.jsonl").write_bytes(seen)
    made = agnet.generate("nb201", 30, seed=2, unique=True)
    generated = cli("generate", "nb201", "-n", 30, "--seed", 2, "--unique").stdout
    assert made.chunk.json_lines().to_pybytes() == generated
    predictor = agnet.fit(agnet.read(tmp_path / "seen.jsonl"))
    predicted = cli("predict", "--fit", tmp_path / "seen.jsonl", "--top", 5, stdin=generated).stdout
    assert predictor.predict(made, top=5).chunk.json_lines().to_pybytes() == predicted
    predictor.save(tmp_path / "model.safetensors")
    assert cli("predict", "--model", tmp_path / "model.safetensors", "--top", 5, stdin=generated).stdout == predicted


def test_architectures_come_in_many_forms() -> None:
    oracle = agnet.load("nb201/cifar10")
    cells = agnet.sample("nb201", 3)
    arch = list(cells["arch"])
    expected = oracle.query(cells)["val_acc"].tolist()
    for source in (arch, cells.to_arrow(), cells.to_pandas(), cells.to_polars(), cells.to_dicts(), iter(arch)):
        assert oracle.query(source)["val_acc"].tolist() == expected
    assert oracle.query(arch[0])["val_acc"].tolist() == expected[:1]
    assert pl.DataFrame(oracle.query(cells))["val_acc"].to_list() == expected
    with pytest.raises(InputError, match="give architectures as text"):
        oracle.query(7)
    with pytest.raises(InputError, match="did you mean 'arch'"):
        cells["arhc"]
    with pytest.raises(InputError, match="did you mean 'nb201/cifar10'"):
        agnet.load("nb201/cifar1")


def test_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/python.md runs, one after the other, and prints what it says."""
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text()
    names: dict[str, object] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
        said = [line.removeprefix("# ") for line in block.splitlines() if line.startswith("# ")]
        assert capsys.readouterr().out.splitlines() == said


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells run in order; what the last two show is as the text says."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    notebook = orjson.loads((Path(__file__).parents[1] / "examples" / "notebook.ipynb").read_bytes())
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            assert cell["outputs"] == []
    assert names["history"]["trial"].nunique() == 3
    assert names["others"][["val_acc", "pred_val_acc"]].corr("kendall").iloc[0, 1] > 0.4
    assert len(names["best"]) == 5
