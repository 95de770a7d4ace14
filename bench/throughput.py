"""Many records through one tool, and through several at once: rates, and what a pipeline costs beside its parts.

Rates are those of a whole process, its start included, with all the cores there are.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.measure import Row, compare, shell, timed, within
from bench.spaces import PEAK

_MANY = 1_000_000


def rows() -> Iterator[Row]:
    """Generators, notations, look-ups and the pipeline."""
    for name, n, rate in (("nb201", _MANY, 30_000), ("nb101", _MANY, 30_000), ("nb301", 50_000, 10_000),
                          ("nbnlp", 50_000, 10_000)):  # fmt: skip
        command = f"generate {name} -n {n} -q --format arrow"
        yield _rate(f"generate {name}, {n:,}", command, n, rate)
    yield _rate(
        "generate nb101 --unique, 200,000", "generate nb101 -n 200000 --unique -q --format arrow", 200_000, 30_000
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        once, often, lines = folder / "once.arrow", folder / "often.arrow", folder / "often.jsonl"
        _records(once, 1)
        _records(often, 10)
        yield _rate("encode, 1,000,000 of nb201, arrow", f"encode {once} -q --format arrow", _MANY, 1_000_000)
        yield _rate(
            "query, 10,000,000 of nb201, arrow", f"query nb201/cifar10 {often} -q --format arrow", 10 * _MANY, 2_000_000
        )
        often.unlink()
        subprocess.run(["encode", str(once), "-q", "-o", str(lines)], check=True)
        yield _rate("query, 1,000,000 of nb201, JSON lines", f"query nb201/cifar10 {lines} -q", _MANY, 400_000)
        yield from _pipeline(folder)


def _rate(work: str, command: str, n: int, rate: int) -> Row:
    return within(work, shell(command), f"{rate:,} a second", n / rate)


def _records(path: Path, times: int) -> None:
    """A million random cells of NAS-Bench-201, again and again."""
    rng = np.random.default_rng(0)
    names = np.array(["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"])
    cells = names[rng.integers(0, len(names), (_MANY, 6))].tolist()
    arch = ["|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*cell) for cell in cells]
    table = pa.table({"space": pa.repeat("nb201", _MANY), "arch": arch})
    with pa.ipc.new_stream(str(path), table.schema) as out:
        for _ in range(times):
            out.write_table(table, max_chunksize=65536)


def _pipeline(folder: Path) -> Iterator[Row]:
    """Three tools at once against the slowest of them alone, and the memory of each."""
    seen, cells, guessed = folder / "seen.jsonl", folder / "cells.arrow", folder / "guessed.arrow"
    model, found = folder / "model.safetensors", folder / "found.parquet"
    stages = {
        "generate": f"generate nb201 -n {_MANY} -q --format arrow",
        "predict": f"predict --model {model} -q --format arrow",
        "query": f"query nb201/cifar10 -q --format parquet -o {found}",
    }
    for command in (
        f"encode --space nb201 --random 200 -q | query nb201/cifar10 -q -o {seen}",
        f"predict --fit {seen} --save {model} -q {seen}",
        f"{stages['generate']} -o {cells}",
        f"{stages['predict']} {cells} -o {guessed}",
    ):
        shell(command)()
    alone = {
        "generate": stages["generate"],
        "predict": f"{stages['predict']} {cells}",
        "query": f"{stages['query']} {guessed}",
    }
    slowest = max(alone, key=lambda name: timed(shell(alone[name]), turns=1))
    yield compare(
        "generate | predict | query, 1,000,000", shell(" | ".join(stages.values())),
        f"the slowest alone, {slowest}", shell(alone[slowest]), limit=1.3, turns=3,
    )  # fmt: skip
    for name, command in alone.items():
        peak = [sys.executable, "-c", PEAK, *command.split()]
        gigabytes = int(subprocess.check_output(peak, stderr=subprocess.DEVNULL)) / 1e9
        yield Row(f"{name} in that pipeline: peak memory", gigabytes, "a gigabyte", 1.0, gigabytes, 1.0, "GB")
