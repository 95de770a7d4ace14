"""What reading a damaged ZIP or tar file, or one member of it, can raise."""

from __future__ import annotations

import tarfile
import zipfile
import zlib

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
"""``RuntimeError``: a member with a password."""
