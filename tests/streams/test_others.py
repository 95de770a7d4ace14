"""What others write is read, what is written here others read."""

import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from agnet.streams import LinesChunk, TableChunk, concat, open_writer, read

_RECORDS: list[dict[str, Any]] = [
    {
        "space": "nb201",
        "arch": "|a~0|",
        "val_acc": 0.5,
        "n": 1,
        "flag": True,
        "latent": [0.5, -1.25],
        "text": 'é"\\\n😀',
    },
    {"space": "nb201", "arch": "", "val_acc": None, "n": None, "flag": None, "latent": None, "text": None},
    {
        "space": "nb201",
        "arch": "|b~0|",
        "val_acc": 1.0,
        "n": 2**53 - 1,
        "flag": False,
        "latent": [],
        "text": "2020-01-01",
    },
]
_NESTED = [
    record | {"meta": meta}
    for record, meta in zip(
        _RECORDS, [{"a": {"b": [1, 2]}, "c": "x"}, None, {"a": None, "c": "2020-01-01"}], strict=True
    )
]
_ENDINGS = ["jsonl", "jsonl.gz", "jsonl.zst", "arrow", "arrows", "parquet"]


def _rows(path: Path) -> list[dict[str, Any]]:
    chunk = concat(list(read([str(path)])))
    return [json.loads(line) for line in chunk.json_lines().to_pybytes().splitlines()]


def _write(path: Path, records: list[dict[str, Any]], *, lines: bool = True) -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records)
    chunk = LinesChunk.of(text.encode())
    with open_writer(str(path)) as out:
        out.write(chunk if lines else TableChunk(chunk.table()))
    return path


@pytest.mark.parametrize("first", _ENDINGS)
@pytest.mark.parametrize("second", _ENDINGS)
def test_round_trips_between_all_formats(first: str, second: str, tmp_path: Path) -> None:
    start = _write(tmp_path / f"a.{first}", _NESTED)
    with open_writer(str(tmp_path / f"b.{second}")) as out:
        for chunk in read([str(start)], rows=2):
            out.write(chunk)
    assert _rows(tmp_path / f"b.{second}") == _NESTED


def test_lines_pass_byte_for_byte(tmp_path: Path) -> None:
    text = b'{"a": 1.10, "big":123456789012345678901234567890,"e":1E5,"u":"\\u00e9\xc3\xa9" }\n{"b":null,"a":"x"}\n{}\n'
    (tmp_path / "a.jsonl").write_bytes(text)
    with open_writer(str(tmp_path / "b.jsonl")) as out:
        for chunk in read([str(tmp_path / "a.jsonl")]):
            out.write(chunk)
    assert (tmp_path / "b.jsonl").read_bytes() == text


def test_types_and_nulls_of_tables_pass(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i8": pa.array([1, None], pa.int8()),
            "u64": pa.array([2**64 - 1, None], pa.uint64()),
            "f32": pa.array([0.1, None], pa.float32()),
            "day": pa.array([datetime.date(2024, 2, 29), None]),
            "at": pa.array([datetime.datetime(2024, 2, 29, 1, 2, 3), None], pa.timestamp("us", "UTC")),
            "kind": pa.array(["x", None]).dictionary_encode(),
            "raw": pa.array([b"\xff", None]),
            "list": pa.array([[1], None], pa.list_(pa.int16())),
            "none": pa.nulls(2),
        }
    )
    for ending in ("arrow", "arrows", "parquet"):
        with open_writer(str(tmp_path / f"x.{ending}")) as out:
            out.write(TableChunk(table))
        back = concat(list(read([str(tmp_path / f"x.{ending}")]))).table()
        assert back.equals(table)
        assert back.schema.equals(table.schema)


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
def test_jq(lines: bool, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", _NESTED, lines=lines)
    read_back = subprocess.run(["jq", "-c", "."], stdin=path.open("rb"), capture_output=True, check=True).stdout
    assert [json.loads(line) for line in read_back.splitlines()] == _NESTED
    (tmp_path / "b.jsonl").write_bytes(subprocess.run(["jq", "-c", ".", path], capture_output=True, check=True).stdout)
    assert _rows(tmp_path / "b.jsonl") == _NESTED


@pytest.mark.parametrize("lines", [True, False])
def test_duckdb(lines: bool, tmp_path: Path) -> None:
    for ending in ("jsonl", "jsonl.gz", "parquet"):
        path = _write(tmp_path / f"a.{ending}", _NESTED, lines=lines)
        result = duckdb.sql(f"SELECT arch, val_acc, n, latent, text, meta.c FROM '{path}'").fetchall()
        assert result == [
            (r["arch"], r["val_acc"], r["n"], r["latent"], r["text"], r["meta"] and r["meta"]["c"]) for r in _NESTED
        ]
        for copy in ("json", "parquet"):
            target = tmp_path / f"{ending}.{copy}"
            duckdb.sql(f"COPY (SELECT * FROM '{path}') TO '{target}'")
            assert _rows(target) == _NESTED


@pytest.mark.parametrize("lines", [True, False])
def test_pandas(lines: bool, tmp_path: Path) -> None:
    readers = {
        "jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
        "parquet": lambda path: pd.read_parquet(path, dtype_backend="pyarrow"),
        "arrow": lambda path: pd.read_feather(path, dtype_backend="pyarrow"),
    }
    for ending, reader in readers.items():
        frame = reader(_write(tmp_path / f"a.{ending}", _RECORDS, lines=lines))
        assert frame["arch"].tolist() == [r["arch"] for r in _RECORDS]
        assert frame["val_acc"].isna().tolist() == [False, True, False]
        assert frame["n"].iloc[2] == 2**53 - 1
        assert frame["text"].iloc[0] == _RECORDS[0]["text"]
    frame = pd.DataFrame(_RECORDS).astype({"n": "Int64"})
    frame.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "p.jsonl.gz", orient="records", lines=True)
    frame.to_parquet(tmp_path / "p.parquet")
    frame.to_feather(tmp_path / "p.feather")
    for name in ("p.jsonl", "p.jsonl.gz", "p.parquet", "p.feather"):
        assert _rows(tmp_path / name) == _RECORDS


@pytest.mark.parametrize("lines", [True, False])
def test_polars(lines: bool, tmp_path: Path) -> None:
    readers: dict[str, Any] = {
        "jsonl": pl.read_ndjson,
        "parquet": pl.read_parquet,
        "arrow": pl.read_ipc,
        "arrows": pl.read_ipc_stream,
    }
    for ending, reader in readers.items():
        assert reader(_write(tmp_path / f"a.{ending}", _RECORDS, lines=lines)).to_dicts() == _RECORDS
    frame = pl.DataFrame(_RECORDS, schema_overrides={"latent": pl.List(pl.Float32), "arch": pl.Categorical})
    frame.write_ndjson(tmp_path / "p.jsonl")
    frame.write_parquet(tmp_path / "p.parquet")
    for compression in ("uncompressed", "lz4", "zstd"):
        frame.write_ipc(tmp_path / f"p.{compression}.arrow", compression=compression)  # type: ignore[call-overload]
    frame.write_ipc_stream(tmp_path / "p.arrows")
    for path in sorted(tmp_path.glob("p.*")):
        assert _rows(path) == _RECORDS, path
        assert concat(list(read([str(path)]))).column("arch", pa.string()).to_pylist() == [r["arch"] for r in _RECORDS]
