"""The workers of a Ray cluster.

Each call is a Ray task that asks for one core and for the GPUs of an evaluation; Ray spreads the tasks over its nodes.
A task makes the call in a process of its own, as on one machine: so what hangs, or crashes, takes no Ray worker with
it. What a call tells comes back while it runs. Nodes need agnet installed, and what evaluations read under the same
path; a cluster's members trust each other, as Ray does.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from agnet.engines import Call, Engine, Event, Setup
from agnet.engines.process import Worker
from agnet.errors import AgnetError, InputError

_FORWARDED = "AGNET_"
"""What the names of environment variables begin with that evaluations are given."""
_REACHED = 10.0
"""Seconds that a cluster may take to answer at all."""
_child: Worker | None = None
"""The process of this Ray worker, which has kept what it read for the last call."""


class RayEngine(Engine):
    """A Ray cluster: one that runs, or one of this machine alone, which is started.

    Raises:
        InputError: if Ray is not installed, or no node has the GPUs that a call needs.
        AgnetError: if there is no cluster at the address.
    """

    def __init__(self, setup: Setup, *, most: int | None = None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise InputError("--engine ray needs Ray, which is not installed: pip install 'agnet[ray]'")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray  # noqa: PLC0415 - heavy, and an extra

        self._ray = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            _connect(ray, setup)
        try:
            super().__init__(setup, max(min(self._wanted(setup), most or sys.maxsize), 1))
        except BaseException:
            self._disconnect()
            raise
        self._running_calls: dict[Any, Call] = {}
        self._task = ray.remote(supervise).options(
            num_cpus=1,
            num_gpus=setup.gpus or None,
            max_retries=0,
            num_returns="streaming",
            scheduling_strategy="SPREAD",
        )
        variables = {name: value for name, value in os.environ.items() if name.startswith(_FORWARDED)}
        self._there = (str(Path.cwd()), sys.path, variables, setup.timeout)

    def _wanted(self, setup: Setup) -> int:
        """Calls at a time."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        places = int(sum(node.get("CPU", 0) for node in nodes))
        if setup.gpus:
            most = sum(int(node.get("GPU", 0) / setup.gpus) for node in nodes)
            if not most:
                raise InputError(f"no node of the Ray cluster has the {setup.gpus:g} GPUs that an evaluation needs")
            places = min(places, most)
        return setup.workers or places

    def _begin(self, call: Call) -> None:
        self._running_calls[self._task.remote(pickle.dumps((call.function, call.args)), *self._there)] = call

    def _events(self) -> list[Event]:
        ready, _ = self._ray.wait(list(self._running_calls), num_returns=1, fetch_local=False)
        events = []
        for task in ready:
            call = self._running_calls[task]
            what, value = self._said(task)
            if what != "note":
                del self._running_calls[task]
            events.append((call, what, value))
        return events

    def _said(self, task: Any) -> tuple[str, Any]:
        errors = self._ray.exceptions
        try:
            what, value = self._ray.get(next(task))
        except StopIteration:
            return "lost", "it said nothing"
        except errors.RayTaskError as error:
            return "bug", str(error)
        except errors.RayError as error:
            return "lost", str(error).partition("\n")[0]
        return what, pickle.loads(value)  # of a worker of ours

    def close(self) -> None:
        """See :meth:`Engine.close`; a cluster that was there before stays."""
        for task in self._running_calls:
            self._ray.cancel(task, force=True)
        self._running_calls = {}
        self._queue.clear()
        self._running = 0
        self._disconnect()

    def _disconnect(self) -> None:
        if self._ours:
            self._ray.shutdown()


def _connect(ray: Any, setup: Setup) -> None:
    address = setup.address or os.environ.get("RAY_ADDRESS")
    # a cluster of this machine has as many places as were asked for, whatever the cores: evaluations may wait elsewhere
    own = {} if address else {"num_cpus": max(setup.workers or 0, os.cpu_count() or 1), "include_dashboard": False}
    if address and address not in ("auto", "local"):
        _reach(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise AgnetError(f"no Ray cluster at {address or 'this machine'}: {str(error)[:200]}") from None
    finally:
        signal.signal(signal.SIGTERM, handler)


def _reach(address: str) -> None:
    """Complain at once about an address where nobody answers: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise InputError(f"--address {address}: give HOST:PORT of the cluster's head, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACHED).close()
    except (OSError, OverflowError) as error:
        raise AgnetError(f"no Ray cluster at {address}: {error}") from None


def supervise(
    call: bytes, folder: str, path: list[str], variables: Mapping[str, str], timeout: float
) -> Iterator[tuple[str, bytes]]:
    """What a Ray worker does: have its process make a call, and pass on what that says.

    Args:
        call: the function and its arguments, pickled.
        folder: where to work, if it is there.
        path: where to look for modules, behind what is known here.
        variables: of the environment.
        timeout: seconds until the process is ended; 0: never.
    """
    global _child  # noqa: PLW0603 - a Ray worker has nothing else that stays
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")  # Ray chooses them for each task
    environment = dict(variables) | ({} if devices is None else {"CUDA_VISIBLE_DEVICES": devices})
    if _child is not None and _child.environment != environment:
        _child.end()
        _child = None
    if _child is None:
        _child = Worker(environment, folder, [*sys.path, *(part for part in path if part not in sys.path)])
    worker = _child
    worker.send(call)
    what = "note"
    while what == "note":
        left = worker.late(timeout)
        if wait([worker.connection], None if left is None else max(left, 0)):
            said = worker.receive()
        else:
            said = ("late", pickle.dumps(None))
        if said is None:
            continue
        what = said[0]
        if what in ("late", "lost"):
            worker.end()
            _child = None
        yield said
