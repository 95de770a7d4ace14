"""Tables that are made once from a package's data file and then memory-mapped from the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs
import pyarrow as pa


def folder() -> Path:
    """``$AGNET_CACHE``, or the user's cache folder of this system."""
    return Path(os.environ.get("AGNET_CACHE") or platformdirs.user_cache_dir("agnet"))


def table(name: str, source: Path, build: Callable[[], pa.Table]) -> pa.Table:
    """The table that ``build`` makes from the file ``source``, memory-mapped when it was made before.

    The cached file's name holds a digest of ``source``, so a changed source is built anew. Processes that build at the
    same time do not disturb each other. Without a writable cache folder the table is built each time.

    Args:
        name: name of the cached file, with a version of the table's layout: ``nb201-cifar10-1``.
        source: the file that the table is made from.
        build: makes the table.
    """
    found = find(name, source)
    if found is not None:
        return found
    built = build()
    with suppress(OSError):
        _write(built, _path(name, source))
    return built


def find(name: str, source: Path) -> pa.Table | None:
    """What :func:`table` has made before; None where it has not."""
    with suppress(OSError, pa.ArrowInvalid):
        return _open(_path(name, source))
    return None


def _path(name: str, source: Path) -> Path:
    digest = hashlib.blake2b(source.read_bytes(), digest_size=8).hexdigest()
    return folder() / f"{name}-{digest}.arrow"


def _open(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        return reader.read_all()


def _write(content: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # One batch, so that every column is one piece of memory; complete before it gets its name.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file, pa.ipc.new_file(file, content.schema) as writer:
            writer.write_table(content.combine_chunks())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
