"""Whole spaces, and a million lookups: times and memory of whole processes.

The tables of NAS-Bench-101 have every cell, with random numbers in place of the results, which are not at hand: a
lookup costs the same. What has no peer that installs today is compared with ``import torch``, a unit of machine speed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from agnet import arrow, benchmarks, networks, spaces
from agnet.benchmarks import sources, store
from agnet.benchmarks.tabular import KEY, Table
from agnet.spaces.nb101_cells import enumerate_codes
from bench.measure import Row, compare, shell

_RECORDS = 1_000_000
_METRICS = ("val_acc", "test_acc", "train_time_s", "params_m")
_JOIN = """
import sys, pyarrow as pa
records, answers, output = sys.argv[1:]
table = pa.ipc.open_file(pa.memory_map(records)).read_all()
known = pa.ipc.open_file(pa.memory_map(answers)).read_all()
joined = table.join(known, "arch")
with pa.ipc.new_file(output, joined.schema) as out:
    out.write_table(joined)
"""
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def rows() -> Iterator[Row]:
    """Lookups against a join, opening against reading, and what makes or measures whole spaces."""
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, AGNET_CACHE=f"{name}/cache"):
        folder = Path(name)
        benchmarks.get.cache_clear()
        import_nb101()
        for benchmark in ("nb101", "nb201/cifar10"):
            yield from _lookups(benchmark, folder)
        yield _opening(folder)
    unit = shell(f"{sys.executable} -c 'import torch'")
    for work, limit in (
        ("encode --space nb101 --all", 30.0),
        ("encode --space nb301 --random 500000", 10.0),
        ("encode --space nbnlp --random 10000", 6.0),
    ):
        yield compare(work, shell(work), "import torch", unit, limit=limit, turns=3)
    for space, sample in (("nb201", 20), ("nb101", 20)):
        yield _sizes(space, sample)
    for work in ("encode --space nb101 --all", "encode --space nb301 --random 500000"):
        yield _memory(work, work.split())


def import_nb101() -> None:
    """Every cell, as if the official file had been imported."""
    keys = np.sort(np.concatenate(list(enumerate_codes(65536))))
    numbers = np.random.default_rng(0).random((len(_METRICS), len(keys)))
    columns = {KEY: keys} | dict(zip(_METRICS, numbers, strict=True))
    table = pa.table({name: arrow.numbers(values) for name, values in columns.items()})
    store.write("nb101", table, sources.get("nb101").layout, ())


def _lookups(name: str, folder: Path) -> Iterator[Row]:
    """``query`` of a million random records from file to file."""
    benchmark = benchmarks.load(name)
    space = spaces.get(benchmark.space)
    known = pa.concat_tables(
        pa.table(
            {"arch": space.format(graphs)} | {m: arrow.numbers(v) for m, v in benchmark.query(graphs).columns.items()}
        )
        for graphs in space.enumerate()
    )
    which = np.random.default_rng(1).integers(len(known), size=_RECORDS)
    records = pa.table({"space": pa.repeat(space.name, _RECORDS), "arch": known["arch"].take(which)})
    source, answers, target = (folder / file for file in ("records.arrow", "answers.arrow", "out.arrow"))
    for path, table in ((source, records), (answers, known)):
        with pa.ipc.new_file(str(path), table.schema) as out:
            out.write_table(table, max_chunksize=65536)
    ours = ["query", name, str(source), "-o", str(target)]
    join = [sys.executable, "-c", _JOIN, str(source), str(answers), str(target)]
    work = f"query {name}, {_RECORDS:,} records"
    # The join needs the very same text. Ours reads any notation, for NAS-Bench-101 in any numbering of vertices; it
    # also starts a third of a second later than pyarrow alone.
    yield compare(work, partial(_run, ours), "pyarrow's join of the same files", partial(_run, join), limit=1.2)
    yield _memory(work, ours)


def _opening(folder: Path) -> Row:
    """From nothing to a table that can be queried."""
    table = sources.table("nb101")
    path = folder / "nb101.parquet"
    pq.write_table(table, path)

    def ours() -> None:
        opened = sources.table("nb101")
        assert opened is not None
        Table.of(opened)

    return compare(
        "open the imported nb101", ours, "pyarrow.parquet.read_table", lambda: pq.read_table(path), limit=0.5
    )


def _sizes(name: str, sample: int) -> Row:
    """Parameters and multiply-adds of all cells against building the networks and counting parameters."""
    space = spaces.get(name)
    assert space.size is not None
    graphs = space.sample(sample, np.random.default_rng(0))

    def build() -> None:
        with torch.device("meta"):
            for row in range(sample):
                network = networks.build(space, graphs.take(np.array([row])))
                sum(parameter.numel() for parameter in network.parameters())

    work = f"encode --space {name} --all --as params,flops"
    peer = "building the networks without weights, scaled up"
    return compare(work, shell(work), peer, build, limit=0.01, turns=3, scale=space.size / sample)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _memory(work: str, command: list[str]) -> Row:
    """Peak memory of a process, started by a small one: a process begins with the peak of the one that starts it."""
    peak = int(subprocess.check_output([sys.executable, "-c", PEAK, *command], stderr=subprocess.DEVNULL)) / 1e9
    return Row(f"{work}: peak memory", peak, "a gigabyte", 1.0, peak, 1.0, "GB")
