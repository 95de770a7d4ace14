"""On a real Ray cluster of three nodes on this machine."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.engines import calls
from tests.engines.test_local import alive, all_of, eventually
from tests.tools.conftest import Cli, cli

from agnet import spaces
from agnet.engines import Done, Setup
from agnet.engines.evaluating import Asked, Evaluator
from agnet.errors import AgnetError, InputError

pytest.importorskip("ray")
if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

__all__ = ["cli"]  # a fixture


def test_ray_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"pip install 'agnet\[ray\]'"):
            Setup("ray").open()
    with pytest.raises(InputError, match="give HOST:PORT"):
        Setup("ray", address="ray://there:10001").open()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(AgnetError, match=rf"no Ray cluster at 127\.0\.0\.1:{port}: .*refused"):
        Setup("ray", address=f"127.0.0.1:{port}").open()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head and two nodes with two places each, one of them with two GPUs that are but said to be there."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=2)
    made.add_node(num_cpus=2, num_gpus=2)
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def test_work_is_spread_over_nodes_and_answers_are_the_same(cluster: Cluster) -> None:
    graphs = next(spaces.get("nb201").enumerate()).take(slice(24))
    asked = Asked.of("nb201/cifar10", None, {})
    with Setup("ray").open() as engine:
        assert engine.workers == 4
        for _ in range(8):
            engine.submit(calls.where, 0.3)
        nodes = Counter(done.value[1] for done in all_of(engine))
        assert len(nodes) == 2 and min(nodes.values()) >= 2
        evaluator = Evaluator(engine, asked, ["val_acc"])
        rows = {evaluator.submit(graphs.take(slice(row, row + 1))): row for row in range(len(graphs))}
        found = np.full(len(graphs), np.nan)
        while evaluator.unfinished:
            for number, answer in evaluator.wait():
                found[rows[number]] = answer.columns["val_acc"][0]
    assert np.array_equal(found, asked.benchmark().query(graphs).columns["val_acc"])


def test_what_is_told_errors_and_what_hangs(cluster: Cluster, tmp_path: Path) -> None:
    told: list[str] = []
    with Setup("ray", timeout=1).open() as engine:
        engine.submit(calls.hang, str(tmp_path / "pids"))
        engine.submit(calls.double, 4, on_note=told.append)
        assert sorted(all_of(engine), key=lambda done: done.ticket) == [
            Done(0, failure="no answer within 1 s"),
            Done(1, 8),
        ]
        assert told == ["begun 4"]
        for error, kind, message in (("input", InputError, "^data: not there$"), ("bug", RuntimeError, "by nothing")):
            engine.submit(calls.wrong, error)
            with pytest.raises(kind, match=message):
                all_of(engine)
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        eventually(lambda pid=pid: not alive(pid))  # type: ignore[misc]


def test_gpus_are_a_resource(cluster: Cluster) -> None:
    with Setup("ray", gpus=1).open() as engine:
        assert engine.workers == 2
        for _ in range(2):
            engine.submit(calls.where, 1)
        assert sorted(done.value[2] for done in all_of(engine)) == ["0", "1"]
    with pytest.raises(InputError, match="no node of the Ray cluster has the 4 GPUs"):
        Setup("ray", gpus=4).open()


def test_a_killed_worker_and_a_killed_node_lose_nothing(cluster: Cluster, tmp_path: Path) -> None:
    lost = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    with Setup("ray").open() as engine:
        assert engine.workers == 6
        for number in range(6):
            engine.submit(calls.once, str(tmp_path / str(number)), True)
        eventually(lambda: all((tmp_path / str(n)).exists() and (tmp_path / str(n)).read_text() for n in range(6)), 60)
        workers = [int((tmp_path / str(number)).read_text().split()[0]) for number in range(6)]
        there = {pid for pid in workers if _node(pid) == lost.all_processes["raylet"][0].process.pid}
        assert len(there) == 2
        cluster.remove_node(lost, allow_graceful=False)
        for pid in set(workers) - there:
            os.kill(_parent(pid), signal.SIGKILL)  # the Ray worker, not the process that it started
        assert [done.value for done in all_of(engine)] == [7] * 6
    for pid in workers:
        eventually(lambda pid=pid: not alive(pid))  # type: ignore[misc]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _node(pid: int) -> int:
    """The raylet above a process of ours."""
    return _parent(_parent(pid))


def test_searches_and_trials(cluster: Cluster, cli: Cli, tmp_path: Path) -> None:
    program = "sh:sed 's/}$/,\"val_acc\":0.5}/'"
    options: tuple[Any, ...] = (
        "search",
        "-b",
        "nb201/cifar10",
        "--strategy",
        "random",
        "--queries",
        8,
        "--init",
        2,
        "-q",
    )
    ray = ("--engine", "ray", "--workers", 2)
    cli(*options, *ray, "-o", tmp_path / "spread.jsonl")
    cli(*options, "-o", tmp_path / "alone.jsonl")
    spread, alone = ((tmp_path / f"{name}.jsonl").read_bytes().splitlines() for name in ("spread", "alone"))
    # the first are drawn alike, and what is asked is answered alike
    assert set(alone[:2]) <= set(spread)
    cli(*options, "--trials", 2, *ray, "-o", tmp_path / "trials.jsonl")
    cli(*options, "--trials", 2, "-o", tmp_path / "processes.jsonl")
    assert (tmp_path / "trials.jsonl").read_bytes() == (tmp_path / "processes.jsonl").read_bytes()
    stream = b"\n".join(alone)
    query = ("query", program, "--metrics", "val_acc", "-q")
    assert cli(*query, *ray, stdin=stream).stdout == cli(*query, stdin=stream).stdout
