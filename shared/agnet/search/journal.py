"""The history on disk while a search runs.

A journal is a JSON lines file. Its first line says which search it belongs to; each further line is one answered
query, as it stands in the final history. Lines are written and synced to disk before the search asks for more, so a
search that is killed at any moment has lost at most the batch that was being evaluated, and a half-written last line is
cut off when the journal is opened again.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson
import pyarrow as pa

from agnet.errors import InputError
from agnet.streams.chunk import Chunk, LinesChunk

HEADER = "agnet_journal"
"""The column that only the first line has, which is not a record."""


class Journal:
    """Answered queries of one search: those recorded before are replayed, new ones are appended.

    Raises:
        InputError: if the file exists and ``resume`` is not set, belongs to a search with other settings, or is in use.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self.path = path
        self._file = self._open(path, resume)
        try:
            self._lines = self._recorded(settings)
        except BaseException:
            self._file.close()
            raise
        self._replayed = 0
        self._empty = not self._lines

    @property
    def recorded(self) -> int:
        """Queries that were already answered when the journal was opened."""
        return len(self._lines)

    @staticmethod
    def _open(path: Path, resume: bool) -> BinaryIO:
        if path.exists() and not resume:
            raise InputError(
                f"{path}: a search that did not finish left its journal; continue it with --resume, or remove it"
            )
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise InputError(f"{path}: another search is writing this journal") from None
        return file

    def _recorded(self, settings: dict[str, Any]) -> list[bytes]:
        content = self._file.read()
        header = orjson.dumps({HEADER: 1, "settings": settings}) + b"\n"
        if header.startswith(content):  # new, or its first write did not finish
            self._cut(0)
            self._write(header)
            return []
        whole = content[: content.rfind(b"\n") + 1]
        first, *lines = whole.split(b"\n")[:-1] or [b""]
        try:
            known = orjson.loads(first)
            # through JSON, where tuples are lists
            before = dict(known["settings"])
            same = known[HEADER] == 1 and before == _json(settings)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise InputError(f"{self.path}: not the journal of a search") from None
        if not same:
            others = [name for name in settings if before.get(name) != _json(settings[name])]
            raise InputError(
                f"{self.path}: the journal of a search with other settings ({', '.join(others) or 'another version'}); "
                "resume with the same command"
            )
        if len(whole) < len(content):
            # The last write did not finish: its query counts as never answered.
            self._cut(len(whole))
        return lines

    def _cut(self, length: int) -> None:
        self._file.truncate(length)
        self._file.seek(length)

    def _write(self, content: bytes | pa.Buffer) -> None:
        view = memoryview(content)
        while view:
            view = view[self._file.write(view) or 0 :]
        os.fsync(self._file.fileno())

    def replay(self, arch: list[str]) -> Chunk | None:
        """The recorded answers to the next queries, at most ``len(arch)``; None when all have been replayed.

        Raises:
            InputError: if the journal's queries are others than the search asks now.
        """
        lines = self._lines[self._replayed : self._replayed + len(arch)]
        if not lines:
            return None
        # the header is line 1
        chunk = LinesChunk.of(b"\n".join(lines) + b"\n", f"{self.path}:", self._replayed + 2)
        found = chunk.column("arch", pa.string()).to_pylist()
        for row, (recorded, asked) in enumerate(zip(found, arch, strict=False)):
            if recorded != asked:
                raise InputError(
                    f"{chunk.place(row)}: arch: the journal has {recorded}, this search asks {asked}; "
                    "it was written by another version or on another platform"
                )
        self._replayed += len(lines)
        return chunk

    def append(self, chunk: Chunk) -> None:
        """Write answered queries and sync them to disk."""
        self._empty = False
        self._write(chunk.json_lines())

    def discard(self) -> None:
        """Remove the file: the history it guarded is safely elsewhere."""
        self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and self._empty:  # nothing to go on with, and in the way of the next attempt
            self.path.unlink(missing_ok=True)
        self._file.close()


def _json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
