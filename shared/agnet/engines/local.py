"""Worker processes on this machine."""

from __future__ import annotations

import os
import pickle
from multiprocessing.connection import wait
from pathlib import Path

from agnet.engines import Call, Engine, Event, Setup
from agnet.engines.process import Worker
from agnet.errors import InputError

_DRIVER = Path("/proc/driver/nvidia/gpus")


class LocalEngine(Engine):
    """Processes, started when there is something to do for them.

    Raises:
        InputError: if workers need more GPUs than there are.
    """

    def __init__(self, setup: Setup, *, most: int | None = None) -> None:
        self._devices = _devices() if setup.gpus else []
        places = _places(setup.gpus, len(self._devices)) if setup.gpus else os.cpu_count() or 1
        wanted = setup.workers or places
        if setup.gpus and not 0 < wanted <= places:
            there = len(self._devices)
            raise InputError(f"{setup.gpus:g} GPUs for each of {wanted or 1} workers: there are {there}")
        super().__init__(setup, max(min(wanted, most or wanted), 1))
        self._places = list(range(self.workers))[::-1]
        self._idle: list[tuple[int, Worker]] = []
        self._busy: dict[Worker, tuple[int, Call]] = {}

    def pids(self) -> list[int]:
        """Processes that are working on a call."""
        return [worker.pid for worker in self._busy]

    def _begin(self, call: Call) -> None:
        if self._idle:
            place, worker = self._idle.pop()
        else:
            place = self._places.pop()
            worker = Worker(self._environment(place))
        self._busy[worker] = (place, call)
        worker.send(pickle.dumps((call.function, call.args)))

    def _events(self) -> list[Event]:
        timeout = self.setup.timeout
        left = [rest for worker in self._busy if (rest := worker.late(timeout)) is not None]
        ready = wait([worker.connection for worker in self._busy], max(min(left), 0) if left else None)
        events: list[Event] = []
        for worker, (place, call) in list(self._busy.items()):
            if worker.connection in ready:
                event = worker.receive()
            elif (rest := worker.late(timeout)) is not None and rest <= 0:
                worker.end()
                event = ("late", pickle.dumps(None))
            else:
                continue
            if event is None:
                continue
            events.append((call, event[0], pickle.loads(event[1])))
            if event[0] == "note":
                continue
            del self._busy[worker]
            if event[0] in ("late", "lost"):
                self._places.append(place)
            else:
                self._idle.append((place, worker))
        return events

    def _environment(self, place: int) -> dict[str, str]:
        """Of a worker: its share of the cores, and its GPUs."""
        threads = max((os.cpu_count() or 1) // self.workers, 1)
        changed = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
        if gpus := self.setup.gpus:
            first = int(place * gpus) if gpus >= 1 else place // int(1 / gpus)
            mine = self._devices[first : first + max(int(gpus), 1)]
            changed["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        return changed

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        for worker in [*self._busy, *(worker for _, worker in self._idle)]:
            worker.end()
        self._busy, self._idle = {}, []
        self._queue.clear()
        self._running = 0


def _places(gpus: float, devices: int) -> int:
    """Workers that have their share of the GPUs."""
    return devices * int(1 / gpus) if gpus < 1 else int(devices // gpus)


def _devices() -> list[str]:
    """The GPUs that this process may use, as CUDA names them."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(_DRIVER.iterdir())))] if _DRIVER.is_dir() else []
