"""The Python functions do what the commands do, to the byte."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pytest

import agnet
from agnet import spaces
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


def test_a_preset_is_the_commands(cli: Cli, tmp_path: Path) -> None:
    found = agnet.search(preset="agnet-nb201", queries=20, epochs=2, seed=4)
    options = ("--preset", "agnet-nb201", "--queries", 20, "--epochs", 2, "--seed", 4)
    cli("search", *options, "-o", tmp_path / "command.jsonl")
    assert found.history.chunk.json_lines().to_pybytes() == (tmp_path / "command.jsonl").read_bytes()
    mine = tmp_path / "mine.toml"
    mine.write_text(
        "benchmark = 'nb201/cifar10'\nqueries = 9\nsubject-to = 'latency_ms<=15'\nseed = '3:1'\nquiet = true\n"
    )
    again = agnet.search(preset=str(mine), strategy="random")
    assert again.seeds == [(3, 1)]
    assert len(again.history) == 9
    # what was asked for, in full, does the same again
    assert eval(again.asked).history.to_dicts() == again.history.to_dicts()


def test_options_change_single_settings_of_a_preset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []

    def stop(benchmark: str, *, given: dict[str, str], **others: object) -> None:
        seen.append(given)
        raise InputError("that will do")

    monkeypatch.setattr("agnet.search.plan.plan", stop)
    with pytest.raises(InputError, match="that will do"):
        agnet.search(preset="agnet-tenas", options={"seeds": 1, "data": "digits"})
    usual = {"proxies": "ntk,regions", "network": "imagenet", "image": "64"}
    assert seen == [{**usual, "seeds": "1", "data": "digits"}]
    mine = tmp_path / "mine.toml"
    for text, reason in (
        ("querys = 3", "search has no option 'querys'; did you mean 'queries'"),
        ("queries = 'many'", "queries: give a whole number"),
        ("maximize = 3", "maximize: give a text"),
    ):
        mine.write_text(f"benchmark = 'nb201/cifar10'\n{text}\n")
        with pytest.raises(InputError, match=reason):
            agnet.search(preset=str(mine))
    with pytest.raises(InputError, match="did you mean 'agnet-nb201'"):
        agnet.search(preset="agnet-nb21")
    with pytest.raises(InputError, match="say which benchmark"):
        agnet.search(queries=3)


@pytest.mark.parametrize("trials", [1, 2])
def test_what_was_interrupted_goes_on(cli: Cli, tmp_path: Path, trials: int) -> None:
    class EnoughError(Exception):
        pass

    told: list[tuple[int, float | None]] = []

    def look(progress: agnet.Progress) -> None:
        told.append((progress.queries, progress.best))
        assert len(progress.history) == progress.queries
        if len(told) == 3:
            raise EnoughError

    path = tmp_path / "history.jsonl"
    with pytest.raises(EnoughError):
        agnet.search("nb201/cifar10", queries=15, trials=trials, seed=2, output=path, callback=look)
    assert not path.exists()
    with pytest.raises(InputError, match="continue it with --resume"):
        agnet.search("nb201/cifar10", queries=15, trials=trials, jobs=1, seed=2, output=path)
    found = agnet.search("nb201/cifar10", queries=15, trials=trials, jobs=1, seed=2, output=path, resume=True)
    options = ("-b", "nb201/cifar10", "--queries", 15, "--trials", trials, "--jobs", 1, "--seed", 2)
    cli("search", *options, "-o", tmp_path / "command.jsonl")
    assert path.read_bytes() == (tmp_path / "command.jsonl").read_bytes()
    assert found.history.to_dicts() == agnet.read(path).to_dicts()
    assert [*tmp_path.glob("*.journal*")] == []
    assert told[2][1] == found.history["val_acc"][: told[2][0]].max()


def test_what_makes_no_sense_costs_no_queries(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="search has no option 'querys'; did you mean 'queries'"):
        agnet.search("nb201/cifar10", querys=3)
    with pytest.raises(InputError, match="resume needs the output"):
        agnet.search("nb201/cifar10", resume=True)
    with pytest.raises(InputError, match="callback goes with jobs=1"):
        agnet.search("nb201/cifar10", trials=2, jobs=2, callback=print)
    with pytest.raises(InputError, match="there is no folder"):
        agnet.search("nb201/cifar10", output=tmp_path / "none" / "history.jsonl", callback=lambda progress: 1 / 0)


def test_a_report_says_how_to_do_it_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    agnet.search("nb201/cifar10", queries=6, minimize="latency_ms", seed=(2, 1)).report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "agnet.search('nb201/cifar10', queries=6, seed=(2, 1), minimize='latency_ms')" in page


def test_retries_are_the_commands(tmp_path: Path) -> None:
    """A program that fails the first time it is asked."""
    program = tmp_path / "evaluate.sh"
    program.write_text(
        f"if mkdir {tmp_path}/failed 2>/dev/null; then exit 1; fi\nexec query -q nb201/cifar10 --metrics val_acc\n"
    )
    asked: dict[str, Any] = {"space": "nb201", "metric": "val_acc", "strategy": "random", "queries": 3, "init": 3}
    found = agnet.search(f"sh:PATH={Path(sys.executable).parent}:$PATH bash {program}", retries=1, **asked)
    assert np.isfinite(found.history["val_acc"].astype(float)).all()
    assert (tmp_path / "failed").is_dir()


def test_a_notebook_shows_a_table() -> None:
    cells = agnet.load("nb201/cifar10").query(agnet.sample("nb201", 30))
    shown = cells._repr_html_()
    assert shown.count("<tr>") == 11
    assert "<th>val_acc</th>" in shown
    assert f"<td>{cells['val_acc'][0]:.6g}</td>" in shown
    assert "30 records" in shown
    assert "<b>" not in agnet.frames.records([{"arch": "<b>", "other": None}])._repr_html_()


def test_streams_come_in_pieces(tmp_path: Path) -> None:
    cells = agnet.sample("nb201", 3000)
    for name in ("cells.jsonl", "cells.parquet", "cells.arrow"):
        agnet.write(cells, tmp_path / name)
        pieces = list(agnet.stream(tmp_path / name))
        assert sum(map(len, pieces)) == 3000
        assert [arch for piece in pieces for arch in piece.to_polars()["arch"]] == list(cells["arch"])


@pytest.mark.parametrize("space", ["nb101", "nb201", "nb301"])
def test_choices_make_architectures(space: str) -> None:
    rng = np.random.default_rng(0)
    offered = agnet.choices(space)
    assert all(len(texts) > 1 for texts in offered.values())
    made = []
    for _ in range(300):
        chosen = {name: texts[rng.integers(len(texts))] for name, texts in offered.items()}
        try:
            made.append(agnet.assemble(space, chosen))
        except InputError as error:
            assert space == "nb101"
            assert "no cell" in str(error)
    assert len(made) > 100
    found = spaces.get(space).parse(pa.array(made))
    assert found.problems == {}
    assert len(set(spaces.get(space).ids(found.graphs).to_pylist())) > 100
    name = next(iter(offered))
    with pytest.raises(InputError, match="is missing"):
        agnet.assemble(space, {other: chosen[other] for other in chosen if other != name})
    with pytest.raises(InputError, match="is not offered"):
        agnet.assemble(space, {**chosen, name: "?"})
    with pytest.raises(InputError, match=f"did you mean '{name}'"):
        agnet.assemble(space, {**chosen, f"{name}x": "?"})


def test_all_of_nb201_can_be_chosen() -> None:
    offered = agnet.choices("nb201")
    texts = [dict(zip(offered, chosen, strict=True)) for chosen in product(*offered.values())]
    made = pa.array([agnet.assemble("nb201", chosen) for chosen in texts[::7]])
    assert len(texts) == spaces.get("nb201").size
    assert spaces.get("nb201").format(spaces.get("nb201").parse(made).graphs).equals(made)


def test_choices_that_there_are_not() -> None:
    with pytest.raises(InputError, match="nbnlp is no fixed number of choices"):
        agnet.choices("nbnlp")
    with pytest.raises(InputError, match="did you mean 'nb201'"):
        agnet.choices("nb20")


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
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text()
    names: dict[str, object] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        if any(f" {package}" in block and find_spec(package) is None for package in ("optuna", "syne_tune")):
            continue
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
