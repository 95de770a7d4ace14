"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from agnet.errors import AgnetError, InputError


def write_whole(output: str, content: bytes) -> None:
    """Write a file under a temporary name beside it and rename it when it is complete.

    A link is followed; a device or a named pipe is written directly.

    Raises:
        InputError: if the folder does not exist or the name is a folder's.
        AgnetError: if writing fails.
    """
    path = Path(os.path.realpath(output))
    if path.is_dir():
        raise InputError(f"{output}: is a folder; name a file in it")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except FileNotFoundError:
        raise InputError(f"{output}: the folder {path.parent} does not exist") from None
    except OSError as error:
        raise AgnetError(f"{output}: {error.strerror or error}") from None
