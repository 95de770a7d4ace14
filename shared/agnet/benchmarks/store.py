"""Imported benchmarks: one memory-mapped Arrow file each, in the user's cache folder.

A file is written under another name and renamed when it is complete, so it is there whole or not at all. The digest of
its content is part of its name, and its schema says which files it was made from.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from agnet import __version__, cache
from agnet.errors import AgnetError, InputError

_METADATA = b"agnet"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Original:
    """A file that a table was made from."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What is known about an imported table."""

    name: str
    layout: int
    """Version of its columns."""
    rows: int
    version: str
    """Version of agnet that made it."""
    originals: tuple[Original, ...]
    path: Path
    bytes: int


def find(name: str) -> Path | None:
    """The file that was imported as ``name``, if there is one."""
    files = folder().glob(f"{_stem(name)}.{'[0-9a-f]' * _DIGITS}.arrow")
    return max(files, key=lambda file: file.stat().st_mtime_ns, default=None)


def folder() -> Path:
    """Where imported tables are."""
    return cache.folder() / "benchmarks"


def open_table(name: str, layout: int) -> pa.Table | None:
    """The table, memory-mapped; None if nothing was imported as ``name``.

    Raises:
        InputError: if it cannot be read, or another version of agnet made it with other columns.
    """
    path = find(name)
    if path is None:
        return None
    table = _open(path, name)
    if _facts(table, path, name)["layout"] != layout:
        raise InputError(f"{path}: made by another version of agnet; run 'benchmarks import {name} FILE' again")
    return table


def describe(name: str) -> Imported | None:
    """What is known about the table imported as ``name``, without reading its values."""
    path = find(name)
    if path is None:
        return None
    table = _open(path, name)
    facts = _facts(table, path, name)
    originals = tuple(Original(**original) for original in facts["originals"])
    return Imported(name, facts["layout"], table.num_rows, facts["version"], originals, path, path.stat().st_size)


def write(name: str, table: pa.Table, layout: int, originals: tuple[Original, ...]) -> Imported:
    """Keep a table under ``name``, in place of an earlier one.

    Raises:
        AgnetError: if the cache folder cannot be written.
    """
    facts = {"layout": layout, "version": __version__, "originals": [asdict(original) for original in originals]}
    # One batch, so that every column is one piece of memory.
    table = table.combine_chunks().replace_schema_metadata({_METADATA: orjson.dumps(facts)})
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder(), prefix=f".{_stem(name)}-")
        try:
            with os.fdopen(handle, "wb") as file:
                with pa.ipc.new_file(file, table.schema) as writer:
                    writer.write_table(table)
                file.flush()
                os.fsync(file.fileno())
            path = folder() / f"{_stem(name)}.{_digest(Path(temporary))}.arrow"
            earlier = set(_all(name)) - {path}
            Path(temporary).replace(path)
            for file_ in earlier:
                file_.unlink(missing_ok=True)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AgnetError(f"{folder()}: {error.strerror or error}; set AGNET_CACHE to a folder with room") from None
    imported = describe(name)
    assert imported is not None
    return imported


def verify(name: str) -> Imported:
    """Read the whole file and compare it with the digest that it was given.

    Raises:
        InputError: if nothing was imported as ``name``, or it has changed since.
    """
    path = find(name)
    if path is None:
        raise InputError(f"nothing was imported as {name}")
    if _digest(path) != path.name.split(".")[-2]:
        raise InputError(f"{path}: has changed since it was made; run 'benchmarks import {name} FILE' again")
    imported = describe(name)
    assert imported is not None
    return imported


def remove(name: str) -> int:
    """Delete what was imported as ``name``; the number of bytes that were freed."""
    freed = 0
    for path in _all(name):
        freed += path.stat().st_size
        path.unlink()
    return freed


def sha256(path: Path) -> str:
    """Digest of a file, or of a folder: of the names and digests of its files in order."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return hashlib.sha256(
            "".join(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n" for file in files).encode()
        ).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(path: Path) -> str:
    return sha256(path)[:_DIGITS]


def _all(name: str) -> list[Path]:
    return list(folder().glob(f"{_stem(name)}.{'[0-9a-f]' * _DIGITS}.arrow"))


def _stem(name: str) -> str:
    return name.replace("/", "-")


def _open(path: Path, name: str) -> pa.Table:
    with suppress(OSError, pa.ArrowInvalid), pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        return reader.read_all()
    raise InputError(f"{path}: damaged; run 'benchmarks import {name} FILE' again")


def _facts(table: pa.Table, path: Path, name: str) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = orjson.loads(table.schema.metadata[_METADATA])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: not a table that agnet made; run 'benchmarks import {name} FILE' again") from None
    return facts
