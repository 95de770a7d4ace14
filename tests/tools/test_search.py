from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from agnet import benchmarks
from agnet.benchmarks.base import Answer
from agnet.benchmarks.nb201 import TrainingResults
from agnet.graphs import Graphs

if TYPE_CHECKING:
    from tests.tools.conftest import Cli, Shell

_RANDOM = ("--strategy", "random", "--queries", 60)


def _records(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_writes_the_history_and_the_best(cli: Cli, tmp_path: Path) -> None:
    result = cli("search", "-b", "nb201/cifar10", "--queries", 30, "-o", tmp_path / "history.jsonl")
    history = _records(tmp_path / "history.jsonl")
    assert len(history) == len({record["arch"] for record in history}) == 30
    best = max(history, key=lambda record: record["val_acc"])
    assert result.records == [best]
    place = history.index(best) + 1
    optimum = benchmarks.load("nb201/cifar10").optimum("val_acc")
    assert result.stderr == (
        f"search: 30 queries; best val_acc {best['val_acc']:.6f}, found by query {place}; "
        f"the best there is has {optimum:.6f}\n"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "history.jsonl"]  # the journal is gone


def test_the_history_can_be_any_stream(cli: Cli, tmp_path: Path) -> None:
    cli("search", "-b", "nb201/cifar10", *_RANDOM, "-o", tmp_path / "h.jsonl", "-q")
    cli("search", "-b", "nb201/cifar10", *_RANDOM, "-o", tmp_path / "h.parquet", "-q")
    to_stdout = cli("search", "-b", "nb201/cifar10", *_RANDOM, "-o", "-", "-q")
    assert pq.read_table(tmp_path / "h.parquet").to_pylist() == _records(tmp_path / "h.jsonl")
    assert to_stdout.stdout == (tmp_path / "h.jsonl").read_bytes()
    assert to_stdout.stderr == ""


def test_optimises_other_metrics_either_way(cli: Cli) -> None:
    search = ("search", "-b", "nb201/cifar10", *_RANDOM, "-o", "-")
    small, large = cli(*search, "--metric", "latency_ms"), cli(*search, "--maximize", "latency_ms")
    assert "best latency_ms " + _extreme(min, small.records) in small.stderr
    assert "best latency_ms " + _extreme(max, large.records) in large.stderr
    assert cli(*search, "--minimize", "latency_ms").stdout == small.stdout


def test_keeps_a_limit(cli: Cli) -> None:
    limit = ("--maximize", "val_acc", "--subject-to", "latency_ms <= 15")
    result = cli("search", "-b", "nb201/cifar10", "--queries", 30, *limit, "-o", "-")
    records = result.records
    assert [record["feasible"] for record in records] == [record["latency_ms"] <= 15 for record in records]
    feasible = [record["val_acc"] for record in records if record["feasible"]]
    assert 5 < len(feasible) < 30
    assert f"{len(feasible)} of 30 queries" in result.stderr
    assert f"best val_acc {max(feasible):.6f}" in result.stderr
    (best,) = cli("search", "-b", "nb201/cifar10", "--queries", 30, *limit).records
    assert best["val_acc"] == max(feasible)
    impossible = ("--subject-to", "latency_ms < 0")
    result = cli("search", "-b", "nb201/cifar10", *_RANDOM, *impossible)
    assert result.stdout == b""
    assert "keeps all limits: latency_ms < 0" in result.stderr


def test_finds_a_front(cli: Cli) -> None:
    goals = ("--maximize", "val_acc", "--minimize", "latency_ms")
    records = cli("search", "-b", "nb201/cifar10", "--queries", 24, *goals, "-o", "-").records
    points = [(record["val_acc"], -record["latency_ms"]) for record in records]
    for record, point in zip(records, points, strict=True):
        beaten = any(other != point and all(a >= b for a, b in zip(other, point, strict=True)) for other in points)
        assert record["front"] == (not beaten)
    volumes = [record["hypervolume"] for record in records]
    assert volumes == sorted(volumes)
    result = cli("search", "-b", "nb201/cifar10", "--queries", 24, *goals)
    assert result.records == [record for record in records if record["front"]]
    assert f"front of {len(result.records)} with hypervolume {volumes[-1]:.6g}" in result.stderr


def test_objectives_that_are_none(cli: Cli) -> None:
    for arguments, message in (
        (("--maximize", "val_ac"), "did you mean 'val_acc'"),
        (("--maximize", "val_acc +"), "a metric or a number is missing"),
        (("--subject-to", "latency_ms"), "a limit is a comparison"),
        (("--metric", "val_acc", "--minimize", "latency_ms"), "either --metric or"),
    ):
        assert message in cli("search", "-b", "nb201/cifar10", *arguments, status=2).stderr


def _extreme(which: Any, records: list[dict[str, Any]]) -> str:
    return f"{which(record['latency_ms'] for record in records):.6f}"


def test_trials_are_single_searches(cli: Cli, tmp_path: Path) -> None:
    result = cli(
        "search", "-b", "nb201/cifar10", *_RANDOM, "--trials", 3, "--jobs", 2, "--seed", 4, "-o", tmp_path / "t"
    )
    trials = _records(tmp_path / "t")
    assert [record["trial"] for record in trials] == [0] * 60 + [1] * 60 + [2] * 60
    single = cli("search", "-b", "nb201/cifar10", *_RANDOM, "--seed", 6, "-o", "-").records
    assert [record | {"trial": 2} for record in single] == trials[120:]
    assert [record["trial"] for record in result.records] == [0, 1, 2]
    values = np.array([record["val_acc"] for record in result.records])
    error = values.std(ddof=1) / 3**0.5
    assert f"3 trials; best val_acc {values.mean():.6f} on average (standard error {error:.6f})" in result.stderr


def test_options_that_a_strategy_does_not_have(cli: Cli) -> None:
    asked = ["search", "-b", "nb201/cifar10", "--queries", 9, "--acquisition", "ucb"]
    told = cli(*asked, "--subject-to", "latency_ms<=15", status=2).stderr
    assert told == "search: strategy bayesian with limits or several goals has no option --acquisition\n"
    told = cli(*asked, "--strategy", "random", status=2).stderr
    assert told == "search: strategy random has no option --acquisition\n"
    assert cli(*asked).records[0]["val_acc"] > 0
    assert "no acquisition is called 'uct'" in cli(*asked[:-1], "uct", status=2).stderr


def test_an_interrupted_search_goes_on(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("search", "-b", "nb201/cifar10", "--queries", 26)
    cli(*options, "-o", tmp_path / "whole.jsonl")
    path, journal = tmp_path / "history.jsonl", tmp_path / "history.jsonl.journal"
    query, asked = TrainingResults.query, [0]

    def interrupted(self: TrainingResults, graphs: Graphs, *arguments: Any, **options: Any) -> Answer:
        asked[0] += 1
        if asked[0] == 5:
            raise KeyboardInterrupt
        return query(self, graphs, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingResults, "query", interrupted)
        stopped = cli(*options, "-o", path, status=130)
    assert stopped.stdout == b""
    assert not path.exists()
    assert len(journal.read_bytes().splitlines()) == 1 + 4 + 3 * (1 + 1) + 1  # what was asked for, and its answer
    refused = cli(*options, "-o", path, status=2).stderr
    assert refused == (
        f"search: {journal}: a search that did not finish left its journal; continue it with --resume, or remove it\n"
    )
    other = cli(*options, "--seed", 1, "-o", path, "--resume", status=2).stderr
    assert "a search with other settings (seed)" in other
    with journal.open("ab") as file:
        file.write(b'{"space":"nb201","arch":"|nor')  # as a crash leaves it
    cli(*options, "-o", path, "--resume")
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not journal.exists()


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    """Ctrl-C and SIGKILL of the real command."""
    command = [str(Path(sys.executable).parent / "search"), "-b", "nb201/cifar10", "--queries", "150", "-o", "h.jsonl"]
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        resume = ["--resume"] if (tmp_path / "h.jsonl.journal").exists() else []
        before = _lines(tmp_path / "h.jsonl.journal")
        process = subprocess.Popen(
            [*command, *resume], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        while _lines(tmp_path / "h.jsonl.journal") < before + 12:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.01)
        os.kill(process.pid, number)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == status
        assert out == b""
        assert errors.startswith(b"search: interrupted after ") == (number == signal.SIGINT), errors
    subprocess.run([*command, "--resume"], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([*command[:-1], "again.jsonl"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "h.jsonl").read_bytes() == (tmp_path / "again.jsonl").read_bytes()


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-b", "nb201/cifar"], "nb201/cifar10"),
        (["-b", "nb201/cifar10", "--strategy", "baysian"], "bayesian"),
        (["-b", "nb201/cifar10", "--metric", "val_ac"], "val_acc"),
        (["-b", "nb201/cifar10", "--alpha", "0.5"], "--alpha"),
        (["-b", "nb201/cifar10", "--resume"], "--resume needs the -o FILE"),
        (["-b", "nb201/cifar10", "-o", "nowhere/h.jsonl"], "nowhere"),
        (["-b", "nb201/cifar10", "--strategy", "agnet", "--generator", "nothing.safetensors"], "nothing.safetensors"),
        (["-b", "nb201/cifar10", "--strategy", "agnet", "--generator", "nb101-agnet"], "nb101"),
    ],
)
def test_wrong_usage_is_one_line(cli: Cli, arguments: list[str], message: str) -> None:
    status = 2
    stderr = cli("search", *arguments, status=status).stderr
    assert stderr.startswith("search: ")
    assert stderr.count("\n") == 1
    assert message in stderr


def test_an_output_that_exists_is_replaced_only_by_a_whole_one(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text("precious\n")

    def broken(*arguments: Any, **options: Any) -> Answer:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(TrainingResults, "query", broken)
        assert cli("search", "-b", "nb201/cifar10", *_RANDOM, "-o", path, status=1).stderr.count("\n") == 1
    assert path.read_text() == "precious\n"


def test_a_closed_pipe_is_quiet(shell: Shell) -> None:
    run = shell("set -o pipefail; search -b nb201/cifar10 --strategy random --queries 3000 -o - -q | head -n 1")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("\n") == 1


def test_examples_of_the_manual(shell: Shell) -> None:
    manual = Path(__file__).parents[2] / "tools" / "search" / "README.md"
    examples = re.findall(r"```sh\n(.*?)```", manual.read_text(), re.DOTALL)
    assert len(examples) > 3
    run = shell("set -eu -o pipefail\n" + "\n".join(examples))
    assert run.returncode == 0, run.stderr
    assert not re.search("rror:|raceback", run.stderr)


def test_a_killed_search_with_workers_goes_on(tmp_path: Path) -> None:
    """SIGKILL of the real command: what was answered is not asked again, and no worker or program is left."""
    (tmp_path / "evaluate.py").write_text(
        "import json, sys, time\n"
        "for line in sys.stdin:\n"
        "    record = json.loads(line)\n"
        "    with open('asked', 'a') as file:\n"
        "        print(record['arch'], file=file)\n"
        "    time.sleep(0.1)\n"
        "    print(json.dumps(record | {'val_acc': len(record['arch']) / 100}))\n"
    )
    program = f"cmd:{sys.executable} evaluate.py"
    command = [str(Path(sys.executable).parent / "search"), "-b", program, "--space", "nb201", "--metric", "val_acc"]
    command += ["--queries", "20", "--workers", "3", "--timeout", "60", "-o", "h.jsonl"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    journal = tmp_path / "h.jsonl.journal"
    while not journal.exists() or _answers(journal) < 8:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.01)
    process.kill()
    process.communicate()
    known = _answers(journal)
    subprocess.run([*command, "--resume", "--workers", "2"], cwd=tmp_path, check=True, capture_output=True)
    found = [orjson.loads(line)["arch"] for line in (tmp_path / "h.jsonl").read_bytes().splitlines()]
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(found) == 20 == len(set(found))
    assert set(asked) == set(found)
    assert all(asked.count(arch) == 1 for arch in found[:known])
    assert len(asked) <= 23
    assert not journal.exists()


def _answers(journal: Path) -> int:
    return sum(b"agnet_journal" not in line for line in journal.read_bytes().splitlines())


def test_trials_of_workers_are_those_of_one_process(cli: Cli, tmp_path: Path) -> None:
    options = ("search", "-b", "nb201/cifar10", "--queries", 8, "--trials", 2, "-q")
    alone = cli(*options, "--jobs", 2, "-o", tmp_path / "a.jsonl")
    cli(*options, "--workers", 2, "--timeout", 100, "-o", tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert len(alone.records) == 2
    each = cli(*options, "--jobs", 1, "--workers", 2, "-o", tmp_path / "c.jsonl")
    assert [record["trial"] for record in each.records] == [0, 1]
    assert (tmp_path / "c.jsonl").read_bytes().count(b"\n") == 16
    told = cli(*options, "--jobs", 2, "--workers", 2, status=2).stderr
    assert (
        told
        == "search: trials at a time are --jobs or --workers, not both; with --jobs 1 each trial has all --workers\n"
    )


def test_a_trial_goes_on_where_its_worker_died(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that kills the worker that started it, once; nothing answered before is asked again."""
    (tmp_path / "evaluate.sh").write_text(
        "read line; echo >> asked\n"
        "[ $(wc -l < asked) != 7 ] || kill -9 $PPID\n"
        """echo "$line" | sed 's/}$/,"val_acc":0.5}/'\n"""
    )
    monkeypatch.chdir(tmp_path)
    options = ("search", "-b", "cmd:sh evaluate.sh", "--space", "nb201", "--metric", "val_acc", "--with", "batch=1")
    options = (*options, "--strategy", "random", "--queries", 10, "--trials", 2, "--jobs", 1, "--init", 2)  # type: ignore[assignment]
    cli(*options, "-o", "h.jsonl")
    assert len(Path("h.jsonl").read_bytes().splitlines()) == 20
    assert len(Path("asked").read_text()) == 21
