"""Reading a stream, adding a column and writing it on, as every tool does, in each format."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from agnet.streams import TableChunk, open_writer, read
from bench.measure import Row, compare

_RECORDS = 200_000
_COLUMNS = pa.schema([("space", pa.string()), ("arch", pa.string())])


def rows() -> Iterator[Row]:
    """JSON lines against a loop over them and against polars, tables against plain pyarrow."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in", Path(folder) / "out"
        for ending in ("jsonl", "arrow", "parquet"):
            with open_writer(f"{source}.{ending}") as out:
                out.write(TableChunk(_records()))
        peers: list[tuple[str, str, Callable[[str, str], None], float]] = [
            ("jsonl", "json.loads, json.dumps in a loop", _json_loop, 0.5),
            ("jsonl", "polars, all in memory", _polars, 3),
            ("arrow", "pyarrow, all in memory, no fsync", _arrow, 5),
            ("parquet", "pyarrow, all in memory, no fsync", _parquet, 2),
        ]
        for ending, peer, theirs, limit in peers:
            paths = f"{source}.{ending}", f"{target}.{ending}"
            work = f"add a column to {_RECORDS} records, {ending}"
            yield compare(work, lambda p=paths: _ours(*p), peer, lambda p=paths, f=theirs: f(*p), limit=limit)


def _records() -> pa.Table:
    rng = np.random.default_rng(0)
    names = np.array(["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"])
    cells = names[rng.integers(0, len(names), (_RECORDS, 6))].tolist()
    arch = ["|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*cell) for cell in cells]
    return pa.table(
        {
            "space": pa.repeat("nb201", _RECORDS),
            "arch": arch,
            "id": [str(i) for i in range(_RECORDS)],
            "pred_val_acc": rng.random(_RECORDS),
        }
    )


def _ours(source: str, target: str) -> None:
    with open_writer(target) as out:
        for chunk in read([source]):
            chunk.columns(_COLUMNS)
            out.write(chunk.set({"val_acc": pa.array(np.linspace(0, 1, len(chunk)))}))


def _json_loop(source: str, target: str) -> None:
    with Path(source).open() as lines, Path(target).open("w") as out:
        for i, line in enumerate(lines):
            out.write(json.dumps(json.loads(line) | {"val_acc": i / _RECORDS}) + "\n")


def _polars(source: str, target: str) -> None:
    pl.read_ndjson(source).with_columns(val_acc=np.linspace(0, 1, _RECORDS)).write_ndjson(target)


def _arrow(source: str, target: str) -> None:
    table = pa.ipc.open_file(source).read_all().append_column("val_acc", pa.array(np.linspace(0, 1, _RECORDS)))
    with pa.ipc.new_file(target, table.schema) as out:
        out.write_table(table)


def _parquet(source: str, target: str) -> None:
    table = pq.read_table(source).append_column("val_acc", pa.array(np.linspace(0, 1, _RECORDS)))
    pq.write_table(table, target, compression="zstd")
