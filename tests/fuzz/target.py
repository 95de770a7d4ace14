"""What a fuzzed reader is, and what it may do over an input: take it, or refuse it in one line."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agnet.errors import AgnetError

CAUGHT = (ValueError, KeyError, TypeError, AttributeError)
"""What those who read parts of files turn into a line."""
_GIVEN = "AGNET_FUZZ_FOLDER"
FOLDER = Path(
    os.environ.get(_GIVEN)
    or tempfile.mkdtemp(prefix=f"agnet-fuzz-{os.getpid()}-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
)
"""In memory where there is such a folder. The process that makes it removes it; those that it starts use it too."""
if _GIVEN not in os.environ:
    os.environ[_GIVEN] = str(FOLDER)
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


@dataclass(frozen=True)
class Target:
    """A reader and valid inputs to begin with."""

    feed: Callable[[bytes], object]
    corpus: Callable[[], list[bytes]]
    each: int = 1
    """Inputs that the reader is tried with at each call: what it is given, and more that are made from it."""
    pickled: bool = False
    """Whether the inputs are pickles, to be changed as such."""


def check(target: Target, data: bytes) -> bool:
    """Whether the target took ``data``; anything but its acceptance or a clean refusal is an exception."""
    try:
        target.feed(data)
    except AgnetError as error:
        text = str(error)
        if not text.strip() or "\n" in text or len(text) > 2000:
            raise AssertionError(f"not one line of error: {text[:3000]!r}") from error
        return False
    return True


def as_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """``read`` of a file with the bytes in it."""
    path = FOLDER / f"{os.getpid()}-{name}"

    def feed(data: bytes) -> object:
        try:
            path.write_bytes(data)
        except FileNotFoundError:  # somebody cleans up in memory
            FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
        return read(path)

    return feed


def as_member(
    folder: str, name: str, others: dict[str, bytes], read: Callable[[Path], object]
) -> Callable[[bytes], object]:
    """``read`` of a folder, one file of which has the bytes in it."""
    root = FOLDER / f"{os.getpid()}-{folder}"

    def feed(data: bytes) -> object:
        if not root.exists():
            for other, content in others.items():
                (root / other).parent.mkdir(parents=True, exist_ok=True)
                (root / other).write_bytes(content)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        return read(root)

    return feed
