"""A program as the benchmark, with small real programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agnet import benchmarks, spaces
from agnet.benchmarks.base import Answer
from agnet.errors import AgnetError, InputError
from agnet.search.loop import Budget
from agnet.search.study import Study

SPACE = spaces.get("nb201")
GRAPHS = next(SPACE.enumerate(6))
ARCH = SPACE.format(GRAPHS).to_pylist()
CONVOLUTIONS = [arch.count("nor_conv_3x3") for arch in ARCH]
HEAD = "import json, sys\nrecords = [json.loads(line) for line in sys.stdin]\n"
COUNT = "for r in records: r['val_acc'] = r['arch'].count('nor_conv_3x3')\n"
WRITE = "print(*map(json.dumps, records), sep='\\n')\n"


def program(folder: Path, code: str) -> str:
    path = folder / "evaluate it.py"  # a name with a space
    path.write_text(HEAD + code)
    return f"cmd:{sys.executable} '{path}'"


def ask(name: str, metrics: list[str] | None = None, **options: str) -> Answer:
    return benchmarks.load(name, space="nb201", options=options).query(GRAPHS, metrics)


def test_reads_the_stream_and_writes_it(tmp_path: Path) -> None:
    answer = ask(
        program(tmp_path, COUNT + "for r in records: r |= {'n': 1, 'ok': True, 'name': 'x', 'time_s': None}\n" + WRITE)
    )
    assert not answer.problems
    assert list(answer.columns) == ["val_acc", "n", "time_s"]
    assert answer.columns["val_acc"].tolist() == CONVOLUTIONS
    assert np.isnan(answer.columns["time_s"]).all()


def test_any_order_and_any_batch(tmp_path: Path) -> None:
    name = program(tmp_path, COUNT + "records.reverse()\nfor r in records: r['given'] = len(records)\n" + WRITE)
    answer = ask(name, batch="4")
    assert answer.columns["val_acc"].tolist() == CONVOLUTIONS
    assert answer.columns["given"].tolist() == [4, 4, 4, 4, 2, 2]


def test_order_counts_where_no_line_says_what_it_is_about(tmp_path: Path) -> None:
    answer = ask(program(tmp_path, "for i, r in enumerate(records): print(json.dumps({'x': i}))"))
    assert answer.columns["x"].tolist() == [0, 1, 2, 3, 4, 5]
    answer = ask(program(tmp_path, "for i, r in enumerate(records[1:]): print(json.dumps({'x': i}))"))
    assert list(answer.problems) == list(range(6))
    assert "5 records without 'arch' for 6 architectures" in answer.problems[0]


def test_what_is_wrong_with_one_answer_concerns_one_architecture(tmp_path: Path) -> None:
    code = COUNT + (
        "records[0]['val_acc'] = float('nan'); records[1]['val_acc'] = 'high'; del records[2]['val_acc']\n"
        "records[3]['error'] = 'diverged'; del records[4]\n"
    )
    answer = ask(program(tmp_path, code + WRITE), ["val_acc"])
    assert answer.problems[0] == "val_acc is nan"
    assert answer.problems[1] == "val_acc is 'high'"
    assert answer.problems[2] == "the answer has no 'val_acc'"
    assert answer.problems[3] == "diverged"
    assert answer.problems[4].endswith("no answer")
    assert list(answer.problems) == [0, 1, 2, 3, 4]
    assert np.isnan(answer.columns["val_acc"][[0, 1, 2, 4]]).all()
    assert answer.columns["val_acc"][5] == CONVOLUTIONS[5]


def test_what_was_answered_before_a_failure_counts(tmp_path: Path) -> None:
    code = (
        COUNT
        + "print(json.dumps(records[0])); sys.stdout.flush(); print('out of memory', file=sys.stderr); sys.exit(3)"
    )
    answer = ask(program(tmp_path, code))
    assert list(answer.problems) == [1, 2, 3, 4, 5]
    assert answer.problems[1].endswith("exit status 3: out of memory")
    assert answer.columns["val_acc"][0] == CONVOLUTIONS[0]
    answer = ask(program(tmp_path, "print('loading')"))
    assert "line 1 of its output is not a JSON object: loading" in answer.problems[0]


def test_a_timeout_ends_the_program_and_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        COUNT + "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "print(json.dumps(records[0])); print('{\"arch', end='', flush=True); child.wait()"
    )
    answer = ask(program(tmp_path, code), timeout="2")
    assert list(answer.problems) == [1, 2, 3, 4, 5]
    assert answer.problems[1].endswith("no answer within 2 s")
    assert answer.columns["val_acc"][0] == CONVOLUTIONS[0]
    ends(int(pid.read_text()))


def ends(child: int) -> None:
    for _ in range(200):  # init may not have buried it yet
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    os.kill(child, 9)
    pytest.fail("the child of the program is still running")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_program_ends_with_whoever_started_it(workers: int, tmp_path: Path) -> None:
    """Also where that is killed: the process of the search, or its worker, which is replaced until it is given up."""
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pids)!r}, 'a').write(f'{{os.getppid()}} {{os.getpid()}} {{child.pid}}\\n'); child.wait()"
    )
    search = [sys.executable, "-c", "from agnet_search.command import main; main()", "-q", "--space", "nb201"]
    search += ["-b", program(tmp_path, code), "--metric", "val_acc", "-o", str(tmp_path / "h.jsonl")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [*search, *(["--workers", "1"] if workers else [])]
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not (pids.exists() and pids.read_text().endswith("\n")):
            assert time.monotonic() < until
            time.sleep(0.05)
        parent, *started = map(int, pids.read_text().split()[:3])
        assert (parent == process.pid) == (not workers)
        os.kill(parent, signal.SIGKILL)
        for pid in started:
            ends(pid)
        process.kill()
    for pid in map(int, pids.read_text().split()):
        ends(pid)


def test_no_shell_unless_asked(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    ask(f"cmd:cat ; touch {marker}")
    assert not marker.exists()
    assert ask("sh:sed 's/}$/,\"x\":2}/' | cat").columns["x"].tolist() == [2] * 6
    ask(f"sh:cat ; touch {marker}")
    assert marker.exists()


def test_wrong_usage() -> None:
    for name, options, message in (
        ("cmd:", {}, "name the program"),
        ("cmd:a 'b", {}, "no closing quotation"),
        ("cmd:cat", {"timeot": "1"}, "did you mean 'timeout'"),
        ("cmd:cat", {"timeout": "soon"}, "give a number"),
        ("cmd:cat", {"batch": "-1"}, "must not be negative"),
        ("nb201/cifar10", {"batch": "1"}, "has no options"),
    ):
        with pytest.raises(InputError, match=message):
            benchmarks.load(name, space="nb201", options=options)
    with pytest.raises(InputError, match="--space"):
        benchmarks.load("cmd:cat")
    with pytest.raises(InputError, match="No such file"):
        ask("cmd:/no/such/program")


def test_search_goes_on_after_failures_and_stops_where_all_fail(tmp_path: Path) -> None:
    name = program(tmp_path, COUNT + "records = [r for r in records if 'none' not in r['arch']]\n" + WRITE)
    study = Study(name, "val_acc", True, "evolution", budget=Budget(40, 5, 10), space="nb201")
    history = study.run((0,))
    assert len(history) == 40
    table = history.chunks[0].table()
    failed = np.array(["none" in arch for arch in table["arch"].to_pylist()])
    assert 0 < failed.sum() < 10
    assert [error is not None for error in table["error"].to_pylist()] == failed.tolist()
    assert np.isnan(history.values[:10]).tolist() == failed.tolist()
    with pytest.raises(AgnetError, match=r"none of the first 10 architectures could be evaluated: .*status 1"):
        Study("cmd:false", "val_acc", True, "random", budget=Budget(40, 5, 10), space="nb201").run((0,))


def test_search_continues_with_the_answers_of_a_program(tmp_path: Path) -> None:
    study = Study(program(tmp_path, COUNT + WRITE), "val_acc", True, "random", budget=Budget(12, 4, 4), space="nb201")
    whole = study.run((0,), journal=tmp_path / "journal")
    lines = (tmp_path / "journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal").write_bytes(b"".join(lines[:7]))
    again = study.run((0,), journal=tmp_path / "journal", resume=True)
    assert again.values.tolist() == whole.values.tolist()
    assert (tmp_path / "journal").read_bytes() == b"".join(lines)
