"""Where work is done that outgrows one process: a queue of calls, and workers that take them.

An engine is given calls (a function of a module and its arguments) and gives back what they returned, in whatever order
they end. It runs as many at a time as it has workers. A call whose worker dies is made again; one that takes longer
than ``timeout`` is ended, with every process that it started. ``local`` has worker processes on this machine, ``ray`` a
Ray cluster's.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal, Self

from agnet.errors import AgnetError, InputError
from agnet.names import nearest

Kind = Literal["local", "ray"]
KINDS: tuple[Kind, ...] = ("local", "ray")

_LOST = 3
"""Workers that a call may lose until it is given up: it may be what kills them."""

Tell = Callable[[Any], None]
"""Sends something to the process that submitted a call, before the call ends."""


@dataclass(frozen=True, slots=True)
class Setup:
    """An engine by value.

    Raises:
        InputError: if there is no such engine, or it cannot be set up so.
    """

    kind: Kind = "local"
    workers: int | None = None
    """Calls at a time; None: as many as the machine, or the cluster, has cores (or GPUs, where calls need those)."""
    address: str | None = None
    """Of a Ray cluster; None: the one that ``RAY_ADDRESS`` names, else one on this machine."""
    gpus: float = 0.0
    """GPUs that a call needs: a share of one, or whole ones."""
    timeout: float = 0.0
    """Seconds until a call is ended; 0: never."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"no engine is called {self.kind!r}{nearest(self.kind, KINDS)}")
        if self.workers is not None and self.workers < 1:
            raise InputError(f"{self.workers} workers: at least one has to work")
        if self.address is not None and self.kind != "ray":
            raise InputError("--address is that of a Ray cluster: it goes with --engine ray")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus % 1):
            raise InputError(f"--gpus-per-eval {self.gpus:g}: give a share of one GPU, such as 0.25, or whole ones")
        if self.timeout < 0:
            raise InputError(f"--timeout {self.timeout:g}: must not be negative")

    @classmethod
    def of(
        cls,
        kind: Kind | None,
        workers: int | None,
        address: str | None,
        gpus: float | None,
        timeout: float | None,
    ) -> Setup | None:
        """The engine that options ask for; None: none of them is given, and nothing runs elsewhere.

        Where only a timeout is given, one worker does what this process would.

        Raises:
            InputError: if they do not go together.
        """
        if (kind, workers, address, gpus) == (None,) * 4:
            return None if timeout is None else cls(workers=1, timeout=timeout)
        return cls(kind or "local", workers, address, gpus or 0.0, timeout or 0.0)

    @property
    def several(self) -> bool:
        """Whether calls may run at the same time."""
        return (self.workers or (os.cpu_count() if self.kind == "local" else None)) != 1

    def open(self, *, most: int | None = None) -> Engine:
        """The engine; to be closed.

        Args:
            most: calls that there will be at all: more workers would have nothing to do.

        Raises:
            InputError: if Ray is not installed, or there are fewer GPUs than asked for.
            AgnetError: if there is no cluster at the address.
        """
        if self.kind == "ray":
            from agnet.engines.cluster import RayEngine  # noqa: PLC0415 - an extra

            return RayEngine(self, most=most)
        from agnet.engines.local import LocalEngine  # noqa: PLC0415

        return LocalEngine(self, most=most)

    def alone(self) -> Setup | None:
        """What ends hanging calls within one worker; None where nothing has to."""
        return Setup(workers=1, timeout=self.timeout) if self.timeout else None


@dataclass(frozen=True, slots=True)
class Done:
    """A call that has ended."""

    ticket: int
    value: Any = None
    """What it returned."""
    failure: str | None = None
    """Why it returned nothing: it took too long, or its workers died."""
    lost: bool = False
    """Whether that was because workers died."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something to be done."""

    ticket: int
    function: Callable[..., Any]
    """Called with a :data:`Tell` and the arguments."""
    args: tuple[Any, ...]
    on_note: Tell | None
    """Given, in the process that submitted, what the function tells."""
    lives: int
    """Workers that it may still lose."""


Event = tuple[Call, str, Any]
"""What happened to a call. ``note``: it told something. ``done``: it returned. ``error``: it raised an
:class:`AgnetError`, whose exit status and message these are. ``bug``: it raised something else, of which this is the
traceback. ``late``: it was ended. ``lost``: its worker died, and how."""


class Engine(ABC):
    """Makes calls."""

    def __init__(self, setup: Setup, workers: int) -> None:
        self.setup = setup
        self.workers = workers
        self._tickets = count()
        self._queue: deque[Call] = deque()
        self._running = 0

    @property
    def unfinished(self) -> int:
        """Calls that have not ended."""
        return len(self._queue) + self._running

    def submit(self, function: Callable[..., Any], *args: Any, on_note: Tell | None = None, lives: int = _LOST) -> int:
        """Have ``function(tell, *args)`` called by a worker, which imports it by its name.

        Args:
            function: of a module.
            args: what a process can send to another.
            on_note: is given what the function tells before it ends.
            lives: workers that may die of it, or under it, until it counts as failed.

        Returns:
            What says in :class:`Done` which call has ended.
        """
        call = Call(next(self._tickets), function, args, on_note, lives)
        self._queue.append(call)
        self._start()
        return call.ticket

    def wait(self) -> list[Done]:
        """The calls that have ended, at least one as long as there are any that have not.

        Raises:
            AgnetError: that a call raised.
        """
        done: list[Done] = []
        while self.unfinished and not done:
            self._start()
            settled = [self._settle(*event) for event in self._events()]
            done = [ended for ended in settled if ended is not None]
        self._start()
        return done

    def _start(self) -> None:
        while self._queue and self._running < self.workers:
            self._running += 1
            self._begin(self._queue.popleft())

    def _settle(self, call: Call, what: str, value: Any) -> Done | None:
        if what == "note":
            if call.on_note is not None:
                call.on_note(value)
            return None
        self._running -= 1
        if what == "done":
            return Done(call.ticket, value)
        if what == "late":
            return Done(call.ticket, failure=f"no answer within {self.setup.timeout:g} s")
        if what == "lost":
            if call.lives > 1:
                self._queue.appendleft(replace(call, lives=call.lives - 1))
                return None
            return Done(call.ticket, failure=f"its worker died: {value}", lost=True)
        if what == "error":
            status, message = value
            raise (InputError if status == InputError.exit_status else AgnetError)(message)
        raise RuntimeError(f"in a worker:\n{value}")

    @abstractmethod
    def _begin(self, call: Call) -> None:
        """Give a call to a worker that has nothing to do."""

    @abstractmethod
    def _events(self) -> list[Event]:
        """What has happened; waits until something has."""

    @abstractmethod
    def close(self) -> None:
        """End all workers, whatever they are doing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
