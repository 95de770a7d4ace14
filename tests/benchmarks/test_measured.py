"""Files of measured architectures as benchmarks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agnet import benchmarks, spaces
from agnet.errors import InputError, RecordError
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search.plan import plan
from agnet.streams import TableChunk

SPACE = spaces.get("nb201")
CELLS = next(SPACE.enumerate(4000)).take(np.arange(0, 4000, 13))
CONVOLUTIONS = [arch.count("nor_conv_3x3") / 6 for arch in SPACE.format(CELLS).to_pylist()]


def write(path: Path, table: pa.Table) -> str:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        path.write_bytes(TableChunk(table).json_lines().to_pybytes())
    return f"file:{path}"


def measured(**columns: list[float | None]) -> pa.Table:
    table = records(SPACE, CELLS)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl"])
def test_answers_what_the_file_says(tmp_path: Path, name: str) -> None:
    latency = [float(row) for row in range(len(CELLS))]
    named = write(tmp_path / name, measured(latency_ms=latency, val_acc=CONVOLUTIONS, pred_val_acc=latency))
    benchmark = benchmarks.load(named)
    assert [(m.name, m.direction) for m in benchmark.metrics] == [("val_acc", "maximize"), ("latency_ms", "minimize")]
    assert (benchmark.space, benchmark.size) == ("nb201", len(CELLS))
    answer = benchmark.query(CELLS)
    assert not answer.problems
    assert answer.columns["val_acc"].tolist() == CONVOLUTIONS
    assert answer.columns["latency_ms"].tolist() == latency
    assert benchmark.optimum("val_acc") == max(CONVOLUTIONS)
    assert benchmark.optimum("latency_ms") == 0
    strange = next(SPACE.enumerate(2)).take(np.array([1]))
    assert "does not have this architecture" in benchmark.query(strange).problems[0]


def test_rows_about_one_architecture_are_one(tmp_path: Path) -> None:
    three = records(SPACE, CELLS.take(np.array([5, 5, 6, 7])))
    three = three.append_column("val_acc", pa.array([0.25, 0.75, None, None])).append_column(
        "loss", pa.array([None, 2.0, 3.0, None])
    )
    benchmark = benchmarks.load(write(tmp_path / "runs.jsonl", three))
    assert benchmark.size == 2  # the evaluation of the last has failed
    answer = benchmark.query(CELLS.take(np.array([5, 6])))
    np.testing.assert_equal(answer.columns["val_acc"], [0.5, np.nan])
    np.testing.assert_equal(answer.columns["loss"], [2.0, 3.0])


def test_isomorphic_cells_are_one_where_the_space_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    path.write_text('{"space":"nb101","arch":"conv3x3:0,conv1x1:0,output:12","val_acc":0.9}\n')
    same = spaces.get("nb101").parse(pa.array(["conv1x1:0,conv3x3:0,output:12"])).graphs
    assert benchmarks.load(f"file:{path}").query(same).columns["val_acc"].tolist() == [0.9]


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    named = write(path, measured(val_acc=CONVOLUTIONS))
    assert benchmarks.load(named).optimum("val_acc") == max(CONVOLUTIONS)
    assert benchmarks.load(named) is benchmarks.load(named)
    write(path, measured(val_acc=[2 * value for value in CONVOLUTIONS]))
    os.utime(path, ns=(1, 1))
    assert benchmarks.load(named).optimum("val_acc") == 2 * max(CONVOLUTIONS)


def test_wrong_files(tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"arch":"|none~0|+|none~0|none~1|+|none~0|none~1|none~2|","val_acc":0.1}\n')
    with pytest.raises(InputError, match="space: not said"):
        benchmarks.load(f"file:{plain}")
    assert benchmarks.load(f"file:{plain}", space="nb201").size == 1
    with pytest.raises(RecordError, match=r"plain.jsonl:1"):
        benchmarks.load(f"file:{plain}", space="nb101")
    empty, bare = tmp_path / "empty.jsonl", tmp_path / "bare.jsonl"
    empty.write_text("")
    bare.write_text(plain.read_text().replace('"val_acc":0.1', '"verdict":"high"'))
    failed = write(tmp_path / "failed.parquet", measured(val_acc=[float("nan")] * len(CELLS)))
    for name, reason in (
        (failed, "no number in any of val_acc"),
        (f"file:{empty}", "no records"),
        (f"file:{bare}", "no column of numbers"),
        (f"file:{tmp_path}", "not a file"),
        ("file:/dev/stdin", "not a file|No such"),
        (f"file:{tmp_path}/none", "No such file"),
        ("file:a\0b", "null byte"),
    ):
        with pytest.raises(InputError, match=reason):
            benchmarks.load(name, space="nb201")
    with pytest.raises(InputError, match="has no options"):
        benchmarks.load(f"file:{plain}", space="nb201", options={"batch": "1"})


@pytest.mark.parametrize("strategy", ["bayesian", "local", "evolution", "random", "bananas"])
def test_a_search_looks_at_nothing_else(tmp_path: Path, strategy: str) -> None:
    sparse = CELLS.take(np.arange(0, len(CELLS), 3))
    table = records(SPACE, sparse).append_column("val_acc", pa.array(CONVOLUTIONS[::3]))
    study = plan(write(tmp_path / "sparse.parquet", table), queries=len(sparse) + 5, strategy=strategy)
    history = study.run((0,))
    assert len(history) == len(sparse)  # all of them, each once, and then it ends
    assert set(SPACE.format(history.graphs).to_pylist()) == set(SPACE.format(sparse).to_pylist())
    assert history.values[history.best()] == study.optimum() == max(CONVOLUTIONS[::3])


def test_limits_know_the_best_of_the_file(tmp_path: Path) -> None:
    named = write(tmp_path / "all.parquet", measured(val_acc=CONVOLUTIONS, size=[10 * c for c in CONVOLUTIONS]))
    study = plan(named, maximize=["val_acc"], limits=["size<=2"], queries=30)
    assert study.optimum() == max(value for value in CONVOLUTIONS if 10 * value <= 2)
    assert len(study.run((0,))) == 30


def test_a_pool_has_no_other_cells_to_hold(tmp_path: Path) -> None:
    space = spaces.get("nb301")
    graphs: Graphs = space.sample(30, np.random.default_rng(0))
    table = records(space, graphs).append_column("val_acc", pa.array(np.arange(30.0)))
    study = plan(write(tmp_path / "darts.jsonl", table), one_cell=True)
    with pytest.raises(InputError, match="one cell after the other"):
        study.run((0,))
