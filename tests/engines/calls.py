"""What workers of the tests are told to do; they import it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from agnet.engines import Tell
from agnet.errors import InputError


def double(tell: Tell, number: int) -> int:
    """Also says that it has begun."""
    tell(f"begun {number}")
    return 2 * number


def nap(tell: Tell, seconds: float) -> int:
    """Which process slept."""
    time.sleep(seconds)
    return os.getpid()


def where(tell: Tell, seconds: float) -> tuple[str, str, str]:
    """Where this is, and what it may use."""
    time.sleep(seconds)
    return str(Path.cwd()), os.environ.get("RAY_RAYLET_PID", ""), os.environ.get("CUDA_VISIBLE_DEVICES", "")


def once(tell: Tell, path: str, hang: bool = False) -> int:
    """Be killed the first time, or hang; answer the second time."""
    if not Path(path).exists():
        Path(path).write_text(str(os.getpid()))
        if hang:
            time.sleep(600)
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def killed(tell: Tell) -> None:
    """Never ends otherwise."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang(tell: Tell, path: str) -> None:
    """Start a program and wait for it, as a benchmark does; leave their numbers in a file."""
    with subprocess.Popen(["sleep", "600"]) as program:
        try:
            Path(path).write_text(f"{os.getpid()} {program.pid}")
            program.wait()
        finally:
            program.kill()


def wrong(tell: Tell, error: str) -> None:
    """Fail in one of the ways there are."""
    raise {"input": InputError("data: not there"), "bug": ZeroDivisionError("by nothing")}[error]
