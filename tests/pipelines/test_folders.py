"""Folders that are full, may not be written, or go away; inputs of no row and of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
_WRITERS = {
    "encode": "encode --space nb201 --random 4000 --as onehot -o small/out.jsonl",
    "generate": "generate nb201 -n 20000 -o small/out.jsonl",
    "predict": "predict --fit known.jsonl --surrogate bayes many.jsonl -o small/out.parquet",
    "query": "query nb201/cifar10 many.jsonl -o small/out.jsonl",
    "train-gen": "train-gen known.jsonl --init nb201-agnet --predict val_acc --epochs 1 -o small/out.safetensors",
    "search": "search -b nb201/cifar10 --strategy random --queries 400 -o small/out.jsonl",
    "plot": "plot curve known.jsonl -o small/out.svg",
    "export": "agnet export one.jsonl -o small/out.pt2",
}
"""A command of each tool that writes more than 64 kB, or as much as it can."""


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    script = (
        "encode --space nb201 --random 4000 > many.jsonl; head -1 many.jsonl > one.jsonl;"
        "head -20 many.jsonl | query nb201/cifar10 > known.jsonl; head -1 known.jsonl > known-one.jsonl;"
        "head -0 known.jsonl | encode --space nb201 -o none.parquet; encode one.jsonl -o one.parquet"
    )
    ended = _run(f"set -e; {script}", folder)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def small(inputs: Path) -> Iterator[Path]:
    """A file system of 64 kB in the folder ``small`` beside the inputs."""
    folder = inputs / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("nothing may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


@pytest.mark.parametrize("tool", [tool for tool in _WRITERS if tool not in ("plot", "export")])
def test_a_small_folder_is_full(tool: str, small: Path) -> None:
    ended = _run(f"{_WRITERS[tool]} -q", small.parent)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.startswith(f"{tool}: small/out.")
    assert ended.stderr.endswith("No space left on device\n")
    assert ended.stderr.count("\n") == 1
    left = {path.name for path in small.iterdir()}
    assert left <= {"out.jsonl.journal"}, left


def test_a_search_on_a_full_disk_goes_on_when_there_is_room(small: Path) -> None:
    """The journal has what was answered before the disk was full; its last line may be half a line."""
    assert _run(f"{_WRITERS['search']} -q", small.parent).returncode == 1
    journal = (small / "out.jsonl.journal").read_bytes()
    assert 20 < journal.count(b"\n") < 401
    subprocess.run(["mount", "-o", "remount,size=1m", small], check=True)
    ended = _run(f"{_WRITERS['search']} -q --resume", small.parent)
    assert ended.returncode == 0, ended.stderr
    whole = _run("search -b nb201/cifar10 --strategy random --queries 400 -q -o -", small.parent)
    assert (small / "out.jsonl").read_text() == whole.stdout
    assert {path.name for path in small.iterdir()} == {"out.jsonl"}


@pytest.mark.parametrize("tool", _WRITERS)
def test_a_folder_may_not_be_written(tool: str, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    ended = _run(_WRITERS[tool] + ("" if tool in ("plot", "export") else " -q"), small.parent)
    assert ended.returncode == 1, ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(("agnet export" if tool == "export" else tool) + ": small/out.")
    assert last.endswith("Read-only file system")
    assert "Traceback" not in ended.stderr
    assert not list(small.iterdir())


@pytest.mark.parametrize("tool", [tool for tool in _WRITERS if tool != "export"])
def test_the_folder_is_not_there(tool: str, inputs: Path) -> None:
    shutil.rmtree(inputs / "small", ignore_errors=True)
    ended = _run(_WRITERS[tool] + ("" if tool in ("plot", "export") else " -q"), inputs)
    assert ended.returncode == 2, ended.stderr
    assert "there is no folder" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("rows", ["none", "one"])
def test_as_few_rows_as_can_be(rows: str, inputs: Path) -> None:
    """Every tool takes a file of one row, and of none where there is something to do with it."""
    count = {"none": 0, "one": 1}[rows]
    for command in (
        f"encode {rows}.parquet --as features",
        f"query nb201/cifar10 {rows}.parquet",
        f"predict --fit known.jsonl {rows}.parquet",
        f"encode {rows}.parquet --format arrow | query nb201/cifar10 --format arrow | encode",
    ):
        ended = _run(f"set -o pipefail; {command}", inputs)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("\n") == count
    one = "known-one.jsonl" if count else "/dev/null"
    for command, status in (
        (f"train-gen {rows}.parquet --epochs 1 -o out.safetensors", 2 - 2 * count),
        (f"plot curve {one} -o out.svg", 2 - 2 * count),
        (f"predict --fit {one} many.jsonl", 2),  # there is nothing to learn from one
    ):
        ended = _run(command, inputs)
        assert ended.returncode == status, (command, ended.stderr)
        assert "Traceback" not in ended.stderr
        assert not status or ended.stderr.count("\n") == 1
