"""Real processes and a full disk, a closed pipe, a signal, no input: status, message, and what is left behind."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

_ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
_TOOLS = {
    "encode": "encode --space nb201 --all",
    "generate": "generate nb201 -n 200000",
    "predict": "predict --fit known.jsonl all.arrow",
    "query": "query nb201/cifar10 all.arrow",
    "train-gen": "train-gen --space nb201 --model agnet --sample 2000",
    "search": "search -b nb201/cifar10 --strategy random --queries 300",
}
"""A command of each tool that takes a while and writes more than a pipe holds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a history and a large stream in it."""
    folder = tmp_path_factory.mktemp("inputs")
    script = (
        "encode --space nb201 --all > all.jsonl; for i in 1 2 3 4 5 6; do cat all.jsonl; done | "
        "encode -o all.arrow; head -20 all.jsonl | query nb201/cifar10 --on-error keep > known.jsonl"
    )
    subprocess.run(["bash", "-ec", script], cwd=folder, env=_ENVIRONMENT, check=True, capture_output=True)
    return folder


@pytest.fixture
def inputs(folder: Path, tmp_path: Path) -> Path:
    """An empty folder with links to the inputs."""
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    return tmp_path


def _run(script: str, folder: Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f"set -o pipefail; {script}"]
    return subprocess.run(command, cwd=folder, env=_ENVIRONMENT, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def _left(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if not file.is_symlink()}


@pytest.mark.parametrize("tool", [tool for tool in _TOOLS if tool != "train-gen"])
def test_stdout_is_full(tool: str, inputs: Path) -> None:
    ended = _run(f"{_TOOLS[tool]} -q > /dev/full", inputs)
    assert ended.returncode == 1
    assert ended.stderr == f"{tool}: stdout: No space left on device\n"


@pytest.mark.parametrize("tool", _TOOLS)
def test_the_disk_is_full(tool: str, inputs: Path) -> None:
    """A file may have 20 kB: whatever is longer is refused, and nothing of it remains."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    ended = _run(
        f"{_TOOLS[tool]} -q -o out.{'safetensors' if tool == 'train-gen' else 'jsonl'}", inputs, preexec_fn=limit
    )
    assert ended.returncode == 1, ended.stderr
    assert "File too large" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert {name for name in _left(inputs) if not name.endswith(".journal")} == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("tool", _TOOLS)
def test_signals(tool: str, number: signal.Signals, inputs: Path) -> None:
    """While it works: when the private file that becomes its output is there."""
    ending = "safetensors" if tool == "train-gen" else "jsonl"
    process = subprocess.Popen(
        ["bash", "-c", f"exec {_TOOLS[tool]} -o out.{ending}"], cwd=inputs, env=_ENVIRONMENT, stderr=subprocess.PIPE
    )
    while process.poll() is None and not _left(inputs):
        time.sleep(0.005)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (0, 128 + number), told  # 0: it was done before
    assert b"Traceback" not in told
    assert {name for name in _left(inputs) if not name.startswith("out.")} == set(), _left(inputs)


@pytest.mark.parametrize(
    ("number", "command", "left", "least", "told"),
    [
        (
            signal.SIGTERM,
            "search -b nb201/cifar10 --strategy random --queries 15000 -q -o out.jsonl",
            "out.jsonl.journal",
            3,
            r"search: interrupted after [\d,]+ of 15,000 queries, which are in out\.jsonl\.journal; ",
        ),
        (
            signal.SIGINT,
            "search -b nb201/cifar10 --strategy random --queries 15000 --trials 2 --jobs 1 -q -o out.jsonl",
            "out.jsonl.journal.0",
            3,
            r"search: interrupted after [\d,]+ queries in 1 of 2 trials, which are in out\.jsonl\.journal\.0; ",
        ),
        (
            signal.SIGINT,
            "train-gen --space nb201 --model autoregressive --sample 60 --epochs 500 --batch 16 -o out.safetensors",
            "out.safetensors.state",
            -1,
            r"train-gen: interrupted after [\d,]+ of 30,000 architectures, as kept in out\.safetensors\.state; ",
        ),
    ],
)
def test_signals_where_one_can_go_on(
    command: str, left: str, least: int, told: str, number: signal.Signals, inputs: Path
) -> None:
    """One line says how far it came, and how to go on."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=inputs, env=_ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    there = inputs / left
    while process.poll() is None and not (there.exists() and there.read_bytes().count(b"\n", 0, 10_000) > least):
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert re.fullmatch(told + r"the same command with --resume goes on\n", said), said
    assert (inputs / left).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "command", ["plot curve fifo -o out.svg", "agnet export fifo -o out.pt2", "benchmarks import hw fifo"]
)
def test_signals_while_waiting_for_input(command: str, number: signal.Signals, tmp_path: Path) -> None:
    """A named pipe that nobody writes into."""
    os.mkfifo(tmp_path / "fifo")
    environment = _ENVIRONMENT | {"AGNET_DATA": str(tmp_path / "data")}
    process = subprocess.Popen(command.split(), cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    writer = -1
    while process.poll() is None and writer < 0:
        with suppress(OSError):  # until it reads
            writer = os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number, told
    os.close(writer)
    assert told == b""
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    "pipeline",
    [
        "generate nb201 -n 200000 -q | head -1",
        "generate nb201 -n 200000 -q | query nb201/cifar10 -q | head -1",
        "generate nb201 -n 200000 -q | predict --fit known.jsonl -q | query nb201/cifar10 -q | head -1",
        "generate nb201 -n 100000 -q | head -3 | query nb201/cifar10 -q --on-error keep",
        "generate nb201 -n 200000 -q | head -3 | predict --fit known.jsonl -q | query nb201/cifar10 -q",
        "generate nb201 -n 200000 -q | predict --fit known.jsonl -q | head -3 | query nb201/cifar10 -q",
    ],
)
def test_closed_pipes(pipeline: str, inputs: Path) -> None:
    ended = _run(pipeline, inputs)
    assert ended.returncode in (0, 128 + signal.SIGPIPE)
    assert ended.stderr == ""
    assert ended.stdout.count("\n") in (1, 3)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("encode --space nb201", 0),
        ("query nb201/cifar10", 0),
        ("predict --fit known.jsonl", 0),
        ("predict --fit -", 2),
        ("train-gen --space nb201 - -o out.safetensors", 2),
    ],
)
def test_no_records(command: str, status: int, inputs: Path) -> None:
    ended = _run(f"{command} < /dev/null", inputs)
    assert ended.returncode == status, ended.stderr
    assert ended.stdout == ""
    assert all(line.startswith(f"{command.split(maxsplit=1)[0]}: ") for line in ended.stderr.splitlines())
    assert _left(inputs) == set()


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_inputs_that_vanished_or_are_folders(make: Callable[[Path], None], inputs: Path) -> None:
    make(inputs / "gone.jsonl")
    for command in ("encode gone.jsonl", "query nb201/cifar10 gone.jsonl", "predict --fit gone.jsonl all.arrow"):
        ended = _run(command, inputs)
        assert ended.returncode == 2
        assert ended.stderr.startswith(f"{command.split()[0]}: gone.jsonl: ")
        assert ended.stderr.count("\n") == 1


def test_a_clock_that_goes_back(inputs: Path) -> None:
    """What the time of day is, and which way it goes, is in no history."""
    code = (
        "import itertools, sys, time; hours = itertools.count(); time.time = lambda: 1e9 - 3600 * next(hours);"
        "from agnet_search.command import main; sys.argv[0] = 'search'; main()"
    )
    options = "-b nb201/cifar10 --queries 30 -q -o -"
    there = _run(f"search {options}", inputs)
    back = _run(f'"{sys.executable}" -c "{code}" {options}', inputs)
    assert there.returncode == back.returncode == 0, back.stderr
    assert there.stdout == back.stdout
