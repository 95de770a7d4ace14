from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from agnet import spaces
from agnet.console import OnError
from agnet.encodings import KINDS, columns, encode

if TYPE_CHECKING:
    from tests.tools.conftest import Cli, Shell

_README = Path(__file__).parents[2] / "tools" / "encode" / "README.md"
_SPACE = spaces.get("nb201")
_CELL = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
_OTHER = _SPACE.example


def test_the_whole_space(shell: Shell) -> None:
    run = shell("encode --space nb201 --all | tee all.jsonl | wc -l; sort -u all.jsonl | wc -l; head -1 all.jsonl")
    total, distinct, first = run.stdout.splitlines()
    assert (total, distinct) == ("15625", "15625")
    assert list(orjson.loads(first)) == ["space", "arch", "id"]
    assert re.fullmatch(r"encode: 15,625 architectures, \d+\.\d\d s\n", run.stderr)


def test_a_closed_pipe_is_quiet(shell: Shell) -> None:
    run = shell("set -o pipefail; encode -q --space nb201 --random 1000000 --with-replacement | head -1")
    assert (run.returncode, run.stderr, run.stdout.count("\n")) == (0, "", 1)


def test_every_way_to_write_a_cell(cli: Cli) -> None:
    lines = [
        _CELL,
        f"  {_CELL}  ",
        f'"{_CELL}"',
        "(4, 3, 3, 0, 0, 0)",
        "[4,3,3,0,0,0]",
        '"(4,3,3,0,0,0)"',
        "",
        f'{{"arch":"{_CELL}"}}',
        '{"space":"nb201","arch":"[4,3,3,0,0,0]"}',
    ]
    result = cli("encode", "--space", "nb201", stdin="\n".join(lines).encode())
    assert [record["arch"] for record in result.records] == [_CELL] * 8
    assert {record["space"] for record in result.records} == {"nb201"}
    assert len({record["id"] for record in result.records}) == 1
    assert result.stderr.startswith("encode: 8 architectures, ")


def test_other_columns_pass_and_right_lines_stay(cli: Cli) -> None:
    made = cli("encode", "--space", "nb201", "--random", "3").stdout.splitlines()
    lines = [line[:-1] + b', "x": 1.50, "y": [null, {"a": 1e3}]}' for line in made]
    assert cli("encode", stdin=b"\n".join(lines)).stdout.splitlines() == lines
    encoded = cli("encode", "--as", "adjacency", stdin=b"\n".join(lines)).stdout.splitlines()
    assert [line[: len(before) - 1] for line, before in zip(encoded, lines, strict=True)] == [b[:-1] for b in lines]


def test_wrong_ids_and_notations_are_put_right(cli: Cli) -> None:
    line = b'{"x":1,"id":"old","arch":"(4,3,3,0,0,0)","space":null}'
    (record,) = cli("encode", "--space", "nb201", stdin=line).records
    (right,) = cli("encode", "--space", "nb201", stdin=_CELL.encode()).records
    assert list(record.items()) == [("x", 1), ("id", right["id"]), ("arch", _CELL), ("space", "nb201")]


def test_fail(cli: Cli) -> None:
    result = cli("encode", "--space", "nb201", stdin=f"{_CELL}\n|none~0|\n".encode(), status=2)
    assert result.stdout == b""
    assert result.stderr.startswith("encode: stdin:2: arch: '|none~0|' is not a cell: write |op~0|")
    assert result.stderr.count("\n") == 1


def test_skip(cli: Cli) -> None:
    stream = f'{_CELL}\nnothing\n{{"arch":3}}\n{_OTHER}\n'.encode()
    result = cli("encode", "--space", "nb201", "--on-error", "skip", "--as", "paths", stdin=stream)
    assert [record["arch"] for record in result.records] == [_CELL, _OTHER]
    assert result.stderr.splitlines()[0] == "encode: 2 wrong records left out"


def test_keep(cli: Cli) -> None:
    stream = f'{{"n":1,"arch":"nothing"}}\n{{"n":2,"arch":"{_CELL}"}}\n{{"n":3}}\n'.encode()
    result = cli("encode", "--space", "nb201", "--on-error", "keep", "--as", "onehot", stdin=stream)
    wrong, right, missing = result.records
    assert (wrong["n"], wrong["arch"], wrong["id"], wrong["onehot"]) == (1, "nothing", None, None)
    assert wrong["error"].startswith("arch: 'nothing' is not a cell")
    assert (missing["n"], missing["error"], missing["onehot"]) == (3, "arch: no architecture", None)
    assert right["arch"] == _CELL
    assert right["onehot"] == encode(_SPACE, _SPACE.parse(pa.array([_CELL])).graphs, "onehot")[0].tolist()
    assert "error" not in right
    assert result.stderr.splitlines()[0] == "encode: 2 wrong records, see their column 'error'"


@pytest.mark.parametrize("kind", KINDS)
def test_encodings(cli: Cli, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cells.parquet"
    cli("encode", "--space", "nb201", "--random", "50", "--as", kind, "-o", path)
    table = pq.read_table(path)
    graphs = _SPACE.parse(table["arch"].combine_chunks()).graphs
    assert table.column_names == ["space", "arch", "id", kind]
    assert np.array_equal(np.array(table[kind].to_pylist()), encode(_SPACE, graphs, kind))
    # from a stream, and as lines
    again = cli("encode", path, "--as", kind, "--format", "jsonl")
    assert [record[kind] for record in again.records] == table[kind].to_pylist()


def test_several_encodings_in_the_order_asked_for(cli: Cli) -> None:
    result = cli("encode", "--space", "nb201", "--random", "1", "--as", "features,onehot,features")
    assert list(result.records[0]) == ["space", "arch", "id", "features", "onehot"]
    wrong = cli("encode", "--space", "nb201", "--random", "1", "--as", "one-hot", status=2)
    assert wrong.stderr == "encode: --as: no encoding is called 'one-hot'; did you mean 'onehot'?\n"


def test_parquet_in_and_out(cli: Cli, tmp_path: Path) -> None:
    before = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int16()),
            "arch": pa.array([_CELL, "(0, 0, 0, 0, 0, 0)", _OTHER], pa.large_string()),
            "when": pa.array([0, None, 10**9], pa.timestamp("ms")),
            "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
        }
    )
    pq.write_table(before, tmp_path / "in.parquet")
    cli("encode", tmp_path / "in.parquet", "--space", "nb201", "-o", tmp_path / "out.parquet")
    after = pq.read_table(tmp_path / "out.parquet")
    assert after.column_names == ["n", "arch", "when", "tags", "space", "id"]
    for column in ("n", "when", "tags"):
        assert after[column].equals(before[column])
    assert after["arch"].to_pylist() == [
        _CELL,
        _SPACE.format(_SPACE.from_index(np.array([11_718]))).to_pylist()[0],
        _OTHER,
    ]


def test_arrow_between_tools(shell: Shell) -> None:
    run = shell(
        "export AGNET_FORMAT=arrow\n"
        "encode --space nb201 --random 100 | encode --as features | encode --format jsonl > a.jsonl\n"
        "encode --space nb201 --random 100 --as features --format jsonl | cmp a.jsonl"
    )
    assert run.returncode == 0, run.stderr


def test_random_architectures(cli: Cli) -> None:
    def draw(n: int, *more: str) -> bytes:
        return cli("encode", "--space", "nb201", "--random", n, *more).stdout

    once = draw(500, "--seed", "3")
    assert once == draw(500, "--seed", "3")
    assert len(set(once.splitlines())) == 500
    assert once != draw(500, "--seed", "4")
    assert once != draw(500, "--seed", "3:1")
    assert draw(500) == draw(500, "--seed", "0")
    assert once.startswith(draw(20, "--seed", "3"))
    assert draw(0) == b""


def test_more_than_there_are(cli: Cli) -> None:
    assert len(set(cli("encode", "--space", "nb201", "--random", 15625).stdout.splitlines())) == 15625
    result = cli("encode", "--space", "nb201", "--random", 15626, status=2)
    assert result.stderr == "encode: 15,626 distinct architectures asked for, but nb201 has 15,625\n"
    again = cli("encode", "--space", "nb201", "--random", 70_000, "--with-replacement").stdout.splitlines()
    assert len(again) == 70_000
    # 70,000 draws leave out exp(-70000 / 15625) of the cells
    assert abs(len(set(again)) - 15_625 * (1 - np.exp(-70_000 / 15_625))) < 60


def test_sizes_are_columns_of_millions(cli: Cli) -> None:
    stream = f'{{"space":"nb201","arch":"{_OTHER}","params_m":1.0}}\nwrong'.encode()
    records = cli("encode", "--space", "nb201", "--as", "params,flops", "--on-error", "keep", stdin=stream).records
    assert (records[0]["params_m"], records[0]["flops_m"]) == (0.802426, 113.95137)
    assert records[1]["params_m"] is None
    sized = cli("encode", "--as", "flops", "--network", "ImageNet16-120,classes=10", stdin=stream.splitlines()[0])
    assert sized.records[0]["flops_m"] == 28.48833
    named = cli("encode", "--space", "nb201", "--as", "params,flops", "--names")
    assert named.stdout == b"params\t0\tparams_m\nflops\t0\tflops_m\n"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("cifar", "no network of nb201 is called 'cifar'; did you mean 'cifar10'?"),
        ("cifar10,width=3", "networks of nb201 have no setting 'width'; there are classes, image, image_channels, "
         "channels, cells"),
        ("cells=many", "network: cells=many: give an integer"),
        ("cells=0", "cells 0: must be at least 1"),
        ("cifar10,5", "network 'cifar10,5': '5' is not NAME=VALUE, such as classes=7"),
    ],
)  # fmt: skip
def test_networks_that_do_not_exist(cli: Cli, network: str, message: str) -> None:
    result = cli("encode", "--space", "nb201", "--random", "1", "--as", "params", "--network", network, status=2)
    assert result.stderr == f"encode: {message}\n"
    alone = cli("encode", "--space", "nb201", "--random", "1", "--network", network, status=2)
    assert alone.stderr == "encode: --network goes with --as params or --as flops\n"


def test_neighbours(cli: Cli) -> None:
    stream = f'{{"space":"nb201","arch":"{_CELL}","val_acc":0.9}}\n{{"arch":"{_OTHER}"}}'.encode()
    records = cli("encode", "--neighbours", "--as", "adjacency", stdin=stream).records
    assert [record["parent"] for record in records] == [_CELL] * 24 + [_OTHER] * 24
    assert list(records[0]) == ["space", "arch", "id", "parent", "adjacency"]
    for record in records:
        assert sum(map(str.__ne__, record["arch"].split("|"), record["parent"].split("|"))) == 1
    skipped = cli("encode", "--neighbours", "--on-error", "skip", stdin=stream + b'\n{"arch":"x"}')
    assert skipped.records == cli("encode", "--neighbours", stdin=stream).records
    kept = cli("encode", "--neighbours", "--on-error", "keep", stdin=stream, status=2)
    assert "--on-error skip" in kept.stderr


def test_names(cli: Cli) -> None:
    lines = cli("encode", "--space", "nb201", "--as", "features,onehot", "--names").stdout.decode().splitlines()
    names = [f"{kind}\t{i}\t{name}" for kind in ("features", "onehot") for i, name in enumerate(columns(_SPACE, kind))]
    assert lines == names
    assert "--as KIND" in cli("encode", "--space", "nb201", "--names", status=2).stderr


def test_which_space(cli: Cli) -> None:
    assert cli("encode", stdin=_CELL.encode(), status=2).stderr.startswith("encode: stdin:1: space: not said")
    assert "there are nb101, nb201" in cli("encode", "--all", status=2).stderr
    assert "no space is called 'nb2'" in cli("encode", "--space", "nb2", "--all", status=2).stderr
    mixed = f'{{"space":"nb201","arch":"{_CELL}"}}\n{{"space":"nb101","arch":"{_CELL}"}}'.encode()
    assert cli("encode", stdin=mixed, status=2).stderr.startswith(
        "encode: stdin:2: arch: an architecture of nb101, not of nb201"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--all", "--random", "3"], "--all makes architectures by itself: leave out --random"),
        (["--random", "3", "--neighbours"], "--random makes architectures by itself: leave out --neighbours"),
        (["--all", "cells.jsonl"], "--all makes architectures by itself: leave out the file cells.jsonl"),
        (["--with-replacement"], "--with-replacement goes with --random N"),
        (["no-such-file"], "no-such-file: No such file or directory"),
    ],
)
def test_usage(cli: Cli, arguments: list[str], says: str) -> None:
    assert cli("encode", "--space", "nb201", *arguments, status=2).stderr == f"encode: {says}\n"


def test_a_space_too_large_to_list(cli: Cli) -> None:
    assert cli("encode", "--space", "nb301", "--all", status=2).stderr == (
        "encode: nb301 is too large for --all; use --random N\n"
    )


@pytest.mark.parametrize("on_error", list(OnError))
@pytest.mark.parametrize("more", [[], ["--space", "nb201", "--as", "onehot"], ["--neighbours"]])
def test_nothing_in_nothing_out(cli: Cli, on_error: OnError, more: list[str]) -> None:
    if "--neighbours" in more and on_error is OnError.keep:
        return
    result = cli("encode", "--on-error", on_error, *more)
    assert (result.stdout, result.stderr[:23]) == (b"", "encode: 0 architectures")


def test_nothing_in_an_empty_table_out(cli: Cli, tmp_path: Path) -> None:
    cli("encode", "--space", "nb201", "-o", tmp_path / "none.parquet")
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_failed_run_leaves_no_file(cli: Cli, tmp_path: Path) -> None:
    cli("encode", "--space", "nb201", "-o", tmp_path / "cells.jsonl", stdin=f"{_CELL}\nno cell".encode(), status=2)
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_is_told_what_to_do() -> None:
    master, terminal = pty.openpty()
    try:
        run = subprocess.run(
            [Path(sys.executable).with_name("encode"), "--space", "nb201"],
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(master)
        os.close(terminal)
    assert run.returncode == 2
    assert run.stderr == ("encode: nothing to encode: pipe architectures in, name files, or use --all or --random N\n")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"torch", "xgboost", "pyarrow", "numpy"}),
        (["--space", "nb201", "--random", "1", "--as", "features"], {"torch", "xgboost", "scipy", "pandas"}),
    ],
)
def test_what_is_not_needed_is_not_loaded(arguments: list[str], unwanted: set[str]) -> None:
    code = (
        "import sys, agnet_encode.command as c\n"
        f"sys.argv = {['encode', *arguments]}\n"
        "try: c.main()\n"
        f"except SystemExit: print(*sorted({unwanted} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == ""


def test_as_a_sub_command(shell: Shell) -> None:
    run = shell("agnet encode --space nb201 --random 2 -q | encode -q")
    assert (run.returncode, run.stderr, run.stdout.count("\n")) == (0, "", 2)


@pytest.mark.parametrize("example", re.findall(r"```sh\n(.*?)```", _README.read_text(), re.DOTALL))
def test_examples_of_the_manual(shell: Shell, example: str) -> None:
    # `| head` closes pipes, which is no failure of what writes into them
    run = shell(f"set -eu\n{example}")
    assert run.returncode == 0, run.stderr
    assert "encode: " in run.stderr or "--names" in example
    assert not re.search("rror:|raceback", run.stderr)
