"""ZIP and tar files that may be damaged."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

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


def is_zip(file: Path | IO[bytes]) -> bool:
    """Whether a file looks like a ZIP file that can be read."""
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:  # part of one on several disks
        return False
