"""A worker process as its parent sees it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path

from agnet.engines.worker import GRACE

_MAIN = "import sys; sys.path[:] = sys.argv[3:]; from agnet.engines.worker import main; main(*map(int, sys.argv[1:3]))"


class Worker:
    """A process that makes one call at a time."""

    def __init__(
        self, environment: Mapping[str, str], folder: str | None = None, path: Sequence[str] | None = None
    ) -> None:
        """Start it.

        Not by :mod:`multiprocessing`, which would import the user's script again.

        Args:
            environment: variables that it has besides ours.
            folder: where it works, if that is there.
            path: where it looks for modules; by default where we do.
        """
        self.connection, theirs = Pipe()
        self.environment = dict(environment)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, str(theirs.fileno()), str(os.getpid()), *(path or sys.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | self.environment,
                cwd=folder if folder and Path(folder).is_dir() else None,
            )
        self._ready = False
        self.began = time.monotonic()
        """When it began to work on its call."""

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, call: bytes) -> None:
        """Have it make a call: a pickled function and its arguments."""
        self.began = time.monotonic()
        with suppress(OSError):  # it has died, which receive() will say
            self.connection.send_bytes(call)

    def receive(self) -> tuple[str, bytes] | None:
        """The kind of an :data:`agnet.engines.Event` and its pickled value; None if it only says that it is ready."""
        try:
            what, value = self.connection.recv()
        except (EOFError, OSError):
            return "lost", pickle.dumps(self._ending())
        if what == "ready":
            self._ready, self.began = True, time.monotonic()
            return None
        return what, value

    def late(self, timeout: float) -> float | None:
        """Seconds until its call has taken too long; None while it cannot."""
        return self.began + timeout - time.monotonic() if timeout and self._ready else None

    def end(self) -> None:
        """End it and what it started, without waiting for that."""
        self.connection.close()
        self._process.terminate()
        threading.Thread(target=self._reap).start()

    def _reap(self) -> None:
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ending(self) -> str:
        self.connection.close()
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return f"exit status {status}" if status >= 0 else f"ended by {signal.Signals(-status).name}"
