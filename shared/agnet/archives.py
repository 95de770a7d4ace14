"""ZIP and tar files that may be damaged."""

from __future__ import annotations

import bz2
import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

try:
    from lzma import LZMAError
except ImportError:  # Python was built without
    LZMAError = zlib.error  # type: ignore[misc,assignment]

ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)
"""What reading one, or a member of it, can raise; ``RuntimeError`` for a member with a password."""


_PACKED: dict[bytes, Callable[[Path], Any]] = {b"BZh": bz2.open, b"\x1f\x8b": gzip.open}


class _Member(tarfile.TarInfo):
    """A member whose header says no more than headers do; ``tarfile`` would read a name of a gigabyte."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if not self.isreg() and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError("it has a header that is too long")
        return super()._proc_member(archive)  # type: ignore[misc]


_LONGEST_HEADER = 1 << 20


def is_tar(path: Path) -> bool:
    """Whether a file is a tar file, packed or not."""
    try:
        with tar_stream(path):
            return True
    except ERRORS:
        return False


@contextmanager
def tar_stream(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar file, to be read from its beginning to its end, unpacked as far as it is read.

    ``tarfile`` itself gives a decompressor 10 kB at a time, of which bzip2 may make 10 GB.
    """
    with path.open("rb") as file:
        head = file.read(3)
    opened = next((unpack for magic, unpack in _PACKED.items() if head.startswith(magic)), None)
    with ExitStack() as stack:
        if opened is None:  # not packed, or by what expands less
            yield stack.enter_context(tarfile.open(path, "r|*", tarinfo=_Member))
            return
        content = stack.enter_context(opened(path))
        yield stack.enter_context(tarfile.open(fileobj=content, mode="r|", tarinfo=_Member))


def is_zip(file: Path | IO[bytes]) -> bool:
    """Whether a file looks like a ZIP file that can be read."""
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:  # part of one on several disks
        return False
