from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engines import calls

from agnet.engines import Done, Engine, Setup
from agnet.errors import InputError


def all_of(engine: Engine) -> list[Done]:
    done: list[Done] = []
    while engine.unfinished:
        done += engine.wait()
    return done


def eventually(what: Callable[[], bool], seconds: float = 20) -> None:
    """Waits for what must happen, however busy the machine is."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_calls_return_to_those_who_made_them() -> None:
    told: list[str] = []
    with Setup(workers=2).open() as engine:
        tickets = {engine.submit(calls.double, number, on_note=told.append): number for number in range(20)}
        assert {done.ticket: done.value for done in all_of(engine)} == {
            ticket: 2 * number for ticket, number in tickets.items()
        }
    assert sorted(told) == sorted(f"begun {number}" for number in range(20))


def test_as_many_at_a_time_as_there_are_workers() -> None:
    with Setup(workers=3).open() as engine:
        for _ in range(6):
            engine.submit(calls.nap, 0.3)
        assert len(engine.pids()) == 3  # type: ignore[attr-defined]
        assert len(Counter(done.value for done in all_of(engine))) == 3
    with Setup(workers=8).open(most=2) as engine:
        assert engine.workers == 2


def test_errors_reach_those_who_made_the_call() -> None:
    with Setup(workers=1).open() as engine:
        engine.submit(calls.wrong, "input")
        with pytest.raises(InputError, match=r"^data: not there$"):
            all_of(engine)
        engine.submit(calls.wrong, "bug")
        with pytest.raises(RuntimeError, match=r"calls\.py.*\n.*\n.*ZeroDivisionError: by nothing"):
            all_of(engine)


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    with Setup(workers=2).open() as engine:
        engine.submit(calls.once, str(tmp_path / "once"))
        engine.submit(calls.once, str(tmp_path / "killed"), True)
        eventually((tmp_path / "killed").exists)
        eventually(lambda: bool((tmp_path / "killed").read_text()))
        os.kill(int((tmp_path / "killed").read_text()), signal.SIGKILL)
        assert [done.value for done in all_of(engine)] == [7, 7]


def test_what_kills_every_worker_is_given_up() -> None:
    with Setup(workers=2).open() as engine:
        engine.submit(calls.killed)
        engine.submit(calls.double, 4)
        done = sorted(all_of(engine), key=lambda done: done.ticket)
    assert done == [Done(0, failure="its worker died: ended by SIGKILL", lost=True), Done(1, 8)]


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with Setup(workers=2, timeout=1).open() as engine:
        engine.submit(calls.hang, str(tmp_path / "pids"))
        engine.submit(calls.double, 4)
        done = sorted(all_of(engine), key=lambda done: done.ticket)
    assert done == [Done(0, failure="no answer within 1 s"), Done(1, 8)]
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        eventually(lambda pid=pid: not alive(pid))  # type: ignore[misc]


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.engines import calls; from agnet.engines import Setup\n"
        "engine = Setup(workers=1).open(); engine.submit(calls.hang, sys.argv[1]); engine.wait()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pids")], env=environment) as parent:
        eventually((tmp_path / "pids").exists)
        eventually(lambda: " " in (tmp_path / "pids").read_text())
        parent.kill()
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        eventually(lambda pid=pid: not alive(pid))  # type: ignore[misc]


@pytest.mark.parametrize(("gpus", "workers"), [(0.5, 4), (1, 2), (2, 1)])
def test_gpus_are_shared_out(gpus: float, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with Setup(gpus=gpus).open() as engine:
        assert engine.workers == workers
        for _ in range(workers):
            engine.submit(calls.where, 0.5)
        seen = Counter(done.value[2] for done in all_of(engine))
    assert seen == {0.5: {"3": 2, "5": 2}, 1: {"3": 1, "5": 1}, 2: {"3,5": 1}}[gpus]
    with pytest.raises(InputError, match="there are 2"):
        Setup(workers=workers + 1, gpus=gpus).open()


def test_what_does_not_go_together() -> None:
    for setup, told in (
        ({"kind": "rya"}, "did you mean 'ray'"),
        ({"workers": 0}, "at least one"),
        ({"address": "auto"}, "--engine ray"),
        ({"gpus": 1.5}, "share of one GPU"),
        ({"timeout": -1}, "negative"),
    ):
        with pytest.raises(InputError, match=told):
            Setup(**setup)  # type: ignore[arg-type]
    assert Setup.of(None, None, None, None, None) is None
    assert Setup.of(None, None, None, None, 5) == Setup(workers=1, timeout=5)
