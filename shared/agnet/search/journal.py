"""The history on disk while a search runs.

A journal is a JSON lines file. Its first line says which search it belongs to; each further line is one answered
query, as it stands in the final history. Lines are written and synced to disk before the search asks for more, so a
search that is killed at any moment has lost at most the batch that was being evaluated, and a half-written last line is
cut off when the journal is opened again.

Lines between the answers say what was asked for then: ``{"agnet_journal":1,"round":3,"n":1,"asked":["..."]}``, with
``unknown`` where the benchmark did not know all that was proposed, ``graphs`` where names do not say all about them,
and now and then the ``state`` of the strategy before it was asked. So a search that goes on knows what its strategy
knew at every moment, most often without asking it again, and, where several workers answer in whatever order they end,
what was being evaluated when it ended.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson
import pyarrow as pa

from agnet.errors import UNNAMEABLE, AgnetError, InputError
from agnet.streams.chunk import Chunk, LinesChunk

HEADER = "agnet_journal"
"""The column that lines have which are not records: the first, and those about what was asked for."""
_MARK = b'{"agnet_journal":'
_PATIENCE = 1.0
"""Seconds. A search that was killed while it started a process has the journal locked until that process has begun."""


def answered(path: Path) -> int | None:
    """How many answers are in a journal; None if there is no such file."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return sum(not line.startswith(_MARK) for line in content.split(b"\n")[:-1])


@dataclass(frozen=True, slots=True)
class Question:
    """What a search asked for, and when: between the answers that stand before and behind it."""

    round: int
    n: int
    """How many architectures the strategy was asked for."""
    asked: list[str]
    """What it proposed, as far as the benchmark knows it."""
    unknown: list[str]
    """Keys of what else it proposed."""
    graphs: str | None = None
    """``asked`` as :func:`agnet.search.packed.pack` writes it, where the names would be read as other graphs."""
    state: str | None = None
    """Of the strategy before it was asked, as text of the same kind."""


class Record:
    """Answered queries of one search: those recorded before are replayed, new ones are appended.

    Args:
        lines: what was recorded before.
        write: what to do with new lines.
        name: what messages call it.
    """

    def __init__(
        self, lines: Sequence[bytes] = (), write: Callable[[bytes], object] | None = None, name: str = ""
    ) -> None:
        self.lines = list(lines)
        """What was recorded before."""
        self.name = name
        self._to = write
        self._replayed = 0
        self._answered: set[str] | None = None

    @property
    def recorded(self) -> int:
        """Queries that were already answered."""
        return sum(not line.startswith(_MARK) for line in self.lines)

    def write(self, content: bytes, *, sync: bool = True) -> None:
        """Record whole lines."""
        if self._to is not None:
            self._to(content)

    def replay(self, arch: list[str]) -> Chunk | None:
        """The recorded answers to the next queries, at most ``len(arch)``; None when all have been replayed.

        Raises:
            InputError: if the journal's queries are others than the search asks now.
        """
        following = self.lines[self._replayed : self._replayed + len(arch)]
        count = next((row for row, line in enumerate(following) if line.startswith(_MARK)), len(following))
        if not count:
            return None
        chunk = self._next(count)
        for row, (recorded, asked) in enumerate(zip(_archs(chunk), arch, strict=False)):
            if recorded != asked:
                raise self.other(chunk.place(row), recorded, asked)
        return chunk

    def event(self) -> Chunk | Question | None:
        """What was recorded next: one answer, or what was asked for; None at the end.

        Raises:
            InputError: if that cannot be read.
        """
        if self.is_over:
            return None
        line = self.lines[self._replayed]
        if not line.startswith(_MARK):
            return self._next(1)
        self._replayed += 1
        return self._question(self._replayed - 1)

    def question(self) -> Question | None:
        """What was asked for next; None where an answer comes next, or nothing.

        Raises:
            InputError: if that cannot be read.
        """
        if self.is_over or not self.lines[self._replayed].startswith(_MARK):
            return None
        self._replayed += 1
        return self._question(self._replayed - 1)

    @property
    def is_over(self) -> bool:
        """Whether all that was recorded before has been replayed."""
        return self._replayed == len(self.lines)

    def state_at(self) -> int:
        """Round of the last question with a state, of those before which all answers are on record; else 0."""
        found = 0
        for number, line in enumerate(self.lines):
            if line.startswith(_MARK):
                question = self._question(number)
                found = question.round if question.state is not None else found
                if question.round and not self.has_answers(question.asked):
                    break
        return found

    def _question(self, number: int) -> Question:
        try:
            said = orjson.loads(self.lines[number])
            asked, unknown = (list(map(str, said.get(key, ()))) for key in ("asked", "unknown"))
            return Question(int(said["round"]), int(said["n"]), asked, unknown, said.get("graphs"), said.get("state"))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise InputError(f"{self.name}:{number + 2}: not a line of a search's journal") from None

    def has_answers(self, arch: Sequence[str]) -> bool:
        """Whether all these architectures are answered somewhere in what was recorded."""
        if self._answered is None:
            lines = b"".join(line + b"\n" for line in self.lines if not line.startswith(_MARK))
            self._answered = set(_archs(LinesChunk.of(lines, f"{self.name}:", 2))) if lines else set()
        return self._answered.issuperset(arch)

    def other(self, place: str, recorded: object, asked: object) -> InputError:
        """That a search asks for something else than was recorded."""
        return InputError(
            f"{place}: arch: the journal has {recorded}, this search asks {asked}; "
            "it was written by another version or on another platform"
        )

    def _next(self, count: int) -> Chunk:
        lines = self.lines[self._replayed : self._replayed + count]
        # the header is line 1
        chunk = LinesChunk.of(b"\n".join(lines) + b"\n", f"{self.name}:", self._replayed + 2)
        self._replayed += count
        return chunk

    def append(self, chunk: Chunk) -> None:
        """Record answered queries; in a file they are on the disk then."""
        self.write(chunk.json_lines().to_pybytes())

    def ask(self, question: Question) -> None:
        """Record what was asked for. That is not on the disk before the next answer is: without one it says nothing."""
        line = {HEADER: 1, "round": question.round, "n": question.n, "asked": question.asked}
        line |= {name: value for name in ("unknown", "graphs", "state") if (value := getattr(question, name))}
        self.write(orjson.dumps(line) + b"\n", sync=False)


class Journal(Record):
    """The record of a search in a file.

    Raises:
        InputError: if the file exists and ``resume`` is not set, belongs to a search with other settings, or is in use.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool) -> None:
        super().__init__(name=str(path))
        self.path = path
        self._file = self._open(path, resume)
        try:
            self.lines = self._recorded(settings)
        except BaseException:
            self._file.close()
            raise
        self._empty = not self.lines

    @staticmethod
    def _open(path: Path, resume: bool) -> BinaryIO:
        if path.exists() and not resume:
            raise InputError(
                f"{path}: a search that did not finish left its journal; continue it with --resume, or remove it"
            )
        if not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}")
        with _errors(path):
            if path.exists() and not path.is_file():  # a device would never end
                raise InputError(f"{path}: not the journal of a search")
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() > until:
                    file.close()
                    raise InputError(f"{path}: another search is writing this journal") from None
                time.sleep(0.02)

    def _recorded(self, settings: dict[str, Any]) -> list[bytes]:
        content = self._file.read(len(_MARK))
        if not _MARK.startswith(content):  # before all of it is read
            raise InputError(f"{self.path}: not the journal of a search")
        content += self._file.read()
        header = orjson.dumps({HEADER: 1, "settings": settings}) + b"\n"
        if header.startswith(content):  # new, or its first write did not finish
            self._cut(0)
            self._put(header)
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
            others = [name for name in {**settings, **before} if before.get(name) != _json(settings.get(name))]
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

    def write(self, content: bytes, *, sync: bool = True) -> None:
        """Write whole lines, and sync them to disk."""
        self._empty = self._empty and not sync
        self._put(content, sync=sync)

    def _put(self, content: bytes, *, sync: bool = True) -> None:
        view = memoryview(content)
        with _errors(self.path):
            while view:
                view = view[self._file.write(view) or 0 :]
            if sync:
                os.fsync(self._file.fileno())

    def discard(self) -> None:
        """Remove the file: the history it guarded is safely elsewhere."""
        self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and self._empty:  # nothing to go on with, and in the way of the next attempt
            self.path.unlink(missing_ok=True)
        self._file.close()


def _archs(chunk: Chunk) -> list[str]:
    found: list[str] = chunk.column("arch", pa.string()).to_pylist()
    return found


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """What the system refuses, as one line that names the journal."""
    try:
        yield
    except OSError as error:
        kind = InputError if error.errno in UNNAMEABLE else AgnetError
        raise kind(f"{path}: {error.strerror or error}") from None


def _json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
