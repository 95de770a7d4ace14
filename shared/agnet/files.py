"""Outputs: stdout, devices, and files that appear whole or not at all."""

from __future__ import annotations

import atexit
import os
import secrets
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from agnet.errors import UNNAMEABLE, AgnetError, InputError

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Names of an output that mean stdout."""


_PRIVATE: set[Path] = set()
"""Files that are being written. An interrupt may come between a file's beginning and what would remove it."""


@atexit.register
def _remove_private() -> None:
    for path in _PRIVATE:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def write_whole(output: str, content: bytes) -> None:
    """Write a file, whole or not at all, see :func:`target`.

    Raises:
        InputError: if the folder does not exist or the name is a folder's.
        AgnetError: if writing fails.
    """
    place = target(output)
    try:
        place.open()
        with place.errors():
            place.file.write(content)
            place.commit()
    finally:
        place.discard()


def target(output: str) -> Target:
    """Where the bytes of ``output`` go, not open yet.

    Stdout, a device and a named pipe are written as it comes. A file is written under a private name beside it, which
    takes its place in :meth:`Target.commit`, with the permissions of the file before; a link stays, and what it points
    to is written.

    Raises:
        InputError: if it is a folder, or no file can have that name.
    """
    path = Path(output)
    if output in STDOUT:
        return _InPlace(output, None)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in UNNAMEABLE:
            raise InputError(f"{output}: {error.strerror}") from None
        mode = stat.S_IFREG  # not there yet, or not to be looked at: to open it tells
    if stat.S_ISDIR(mode):
        raise InputError(f"{output}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        return _InPlace(output, path)
    return _WholeFile(output, Path(os.path.realpath(path)))


class Target(ABC):
    """Where bytes go."""

    file: IO[bytes]
    in_place: bool
    """Whether others can see what is written before it is complete."""

    def __init__(self, name: str) -> None:
        self.name = name

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the system refuses, as one line that names the output."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            where = "stdout" if self.name in STDOUT else self.name
            raise AgnetError(f"{where}: {error.strerror or error}") from None

    @abstractmethod
    def open(self) -> None:
        """Open ``file``.

        Raises:
            InputError: if there is no such folder.
            AgnetError: if the system refuses.
        """

    @abstractmethod
    def commit(self) -> None:
        """Let what was written count."""

    @abstractmethod
    def discard(self) -> None:
        """Close, and forget what was not committed."""

    def renew(self) -> IO[bytes]:
        """Begin again with an empty file, and give the one so far, open for reading and gone when it is closed."""
        raise NotImplementedError


class _InPlace(Target):
    """Stdout, a device or a named pipe."""

    in_place = True

    def __init__(self, name: str, path: Path | None) -> None:
        super().__init__(name)
        self._path = path

    def open(self) -> None:
        with self.errors():
            if self._path is None and sys.stdout is None:
                raise AgnetError("stdout: is closed; name a file with -o")
            self.file = sys.stdout.buffer if self._path is None else self._path.open("wb")

    def commit(self) -> None:
        self.file.flush()

    def discard(self) -> None:
        if self._path is not None and hasattr(self, "file"):
            with suppress(OSError):  # it would try once more to write what could not be written
                self.file.close()


class _WholeFile(Target):
    """A private file beside the output that takes its place in the end."""

    in_place = False

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._path = path
        self._temporary: Path | None = None

    def open(self) -> None:
        if not self._path.parent.is_dir():
            raise InputError(f"{self.name}: there is no folder {self._path.parent}")
        with self.errors():
            self._new()

    def _new(self) -> None:
        temporary = self._path.with_name(
            f".{os.fsencode(self._path.name)[:100].decode(errors='ignore')}.{secrets.token_hex(6)}.part"
        )
        # Known before it is there: an interrupt that comes while it is made would otherwise leave it behind.
        _PRIVATE.add(temporary)
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            _PRIVATE.discard(temporary)
            raise
        self._temporary = temporary
        self.file = os.fdopen(descriptor, "w+b")

    def renew(self) -> IO[bytes]:
        assert self._temporary is not None
        self.file.flush()
        self._temporary.unlink()
        _PRIVATE.discard(self._temporary)
        part = self.file
        self._new()
        return part

    def commit(self) -> None:
        assert self._temporary is not None
        self.file.flush()
        os.fchmod(self.file.fileno(), self._mode())
        os.fsync(self.file.fileno())
        self._temporary.replace(self._path)
        _PRIVATE.discard(self._temporary)
        self._temporary = None

    def _mode(self) -> int:
        """Permissions of the file that is replaced, or those a new file gets."""
        if self._path.exists():
            return stat.S_IMODE(self._path.stat().st_mode)
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask

    def discard(self) -> None:
        if hasattr(self, "file"):
            with suppress(OSError):
                self.file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            _PRIVATE.discard(self._temporary)
