"""A worker process: makes the calls that it is sent, one after the other, until whoever started it is gone."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from agnet.errors import AgnetError

_POLL = 0.5
"""Seconds after which a worker sees that its parent has died."""
GRACE = 3.0
"""Seconds that a worker has to end what it started; then it is killed."""


def main(descriptor: int, parent: int) -> None:
    """Work for process ``parent``, which has the other end of the socket ``descriptor``."""
    # Ctrl-C reaches all processes of a terminal: the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unwinds the stack, so that programs which an evaluation started end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.dup2(2, 1)  # stdout is data, and the parent's
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    connection = Connection(descriptor)
    try:
        connection.send(("ready", b""))
        while True:
            connection.send(_call(connection, connection.recv_bytes()))
    except (EOFError, ConnectionError):
        pass
    finally:
        # at once: a signal that comes while the interpreter is taken down would leave a traceback
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.stderr.flush()
        os._exit(0)


def _call(connection: Connection, call: bytes) -> tuple[str, bytes]:
    """What becomes of a call: the kind of an :data:`agnet.engines.Event`, and its value."""

    def tell(value: Any) -> None:
        connection.send(("note", pickle.dumps(value)))

    try:
        function, args = pickle.loads(call)  # of our parent
        return "done", pickle.dumps(function(tell, *args))
    except AgnetError as error:
        return "error", pickle.dumps((error.exit_status, str(error)))
    except Exception:  # a bug, which is shown where the call came from
        return "bug", pickle.dumps(traceback.format_exc())


def _watch(parent: int) -> None:
    """End with the parent, however it ended."""
    while os.getppid() == parent:
        time.sleep(_POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
