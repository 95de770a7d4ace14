"""Writing streams: to stdout, or to files that appear whole or not at all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from agnet import files
from agnet.errors import InputError, RecordError
from agnet.streams.chunk import Chunk, clash
from agnet.streams.schema import EMPTY, conform, describe, holds, unify

_FORMATS = ("jsonl", "arrow", "parquet")
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
    ".ipcs": "arrow",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_STREAM_ENDINGS = (".arrows", ".ipcs")
_CODECS = {".gz": "gzip", ".zst": "zstd"}
_FOREIGN = (".csv", ".tsv", ".xlsx", ".pkl", ".npz", ".safetensors")
_BATCH = 65536
"""Records in a batch of an Arrow file."""
_GROUP = 131072
"""Records in a row group of a Parquet file."""


def open_writer(output: str = "-", format: str | None = None) -> Writer:
    """A writer for ``output``, a context manager.

    The format is ``format`` (``jsonl``, ``arrow`` or ``parquet``), else what the ending says (``.gz`` and ``.zst``
    compress JSON lines), else the environment's ``AGNET_FORMAT``, else JSON lines. Arrow is the IPC file format in
    files, unless they end in ``.arrows``, and the stream format elsewhere.

    Raises:
        InputError: if the format is not known, cannot be written there, or the place does not exist.
    """
    path = Path(output)
    to_stdout = output in files.STDOUT
    codec = None if to_stdout else _CODECS.get(path.suffix.lower())
    ending = "" if to_stdout else (path.with_suffix("") if codec else path).suffix.lower()
    environment = os.environ.get("AGNET_FORMAT") or "jsonl"
    chosen = format or _ENDINGS.get(ending) or environment
    if chosen not in _FORMATS:
        raise InputError(f"AGNET_FORMAT: no format is called {chosen!r}; there are {', '.join(_FORMATS)}")
    if format is None and ending in _FOREIGN:
        raise InputError(f"{output}: cannot write {ending}; use .jsonl, .arrow or .parquet, or --format")
    if codec and chosen != "jsonl":
        raise InputError(f"{output}: only JSON lines are compressed as a whole; leave out the {path.suffix}")
    target = files.target(output)
    if chosen == "parquet" and target.in_place:
        raise InputError("Parquet needs a file: use -o FILE.parquet, or --format arrow (or jsonl) for a pipe")
    if chosen == "jsonl":
        return _JsonLines(target, codec)
    if target.in_place:
        return _ArrowPipe(target)
    return _TableFile(target, "stream" if ending in _STREAM_ENDINGS else "file" if chosen == "arrow" else "parquet")


class Writer(ABC):
    """Takes chunks; what was written counts when the ``with`` block ends without an exception."""

    def __init__(self, target: files.Target) -> None:
        self._target = target
        self.rows = 0
        """Records written so far."""

    def __enter__(self) -> Writer:
        self._target.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with self._errors():
                    self._finish()
                    self._target.commit()
        finally:
            self._target.discard()

    def write(self, chunk: Chunk) -> None:
        """Write all records of ``chunk``.

        Raises:
            AgnetError: if the disk is full and the like.
            RecordError: if the format cannot hold the records.
            BrokenPipeError: if nobody reads any more.
        """
        if len(chunk):
            with self._errors():
                self._write(chunk)
            self.rows += len(chunk)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the system or the format refuses, as one line that names the output."""
        try:
            with self._target.errors():
                yield
        except pa.ArrowException as error:  # a type that the format does not have
            raise InputError(
                f"{self._target.name}: {str(error).splitlines()[0].rstrip('.')}; use --format jsonl"
            ) from None

    @abstractmethod
    def _write(self, chunk: Chunk) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


class _JsonLines(Writer):
    def __init__(self, target: files.Target, codec: str | None) -> None:
        super().__init__(target)
        self._codec = codec
        self._stream: Any = None

    def _write(self, chunk: Chunk) -> None:
        if self._codec and self._stream is None:
            self._stream = pa.CompressedOutputStream(_sink(self._target.file), self._codec)
        (self._stream or self._target.file).write(chunk.json_lines())
        self._target.file.flush()

    def _finish(self) -> None:
        if self._codec:
            if self._stream is None:
                self._stream = pa.CompressedOutputStream(_sink(self._target.file), self._codec)
            self._stream.close()


class _Tables(Writer):
    """What Arrow pipes and table files have in common: one schema at a time."""

    _schema: pa.Schema | None = None
    _blank = 0  # records without any member: a table without columns could not even count them

    def _write(self, chunk: Chunk) -> None:
        table = chunk.table()
        if not table.num_columns:
            self._blank += len(chunk)
            return
        if self._schema is None:
            self._begin(table.schema)
        elif not holds(self._schema, table.schema):
            self._widen(chunk, table.schema)
        self._append_blank()
        self._append(conform(table, self._schema, len(chunk)))

    def _append_blank(self) -> None:
        if self._blank:
            self._append(conform(pa.table({}), self._schema, self._blank))
            self._blank = 0

    def _finish(self) -> None:
        if self._schema is None:
            self._begin(EMPTY)
        self._append_blank()
        self._end()

    def _begin(self, schema: pa.Schema) -> None:
        """Begin to write tables of this schema."""
        self._schema = schema

    @abstractmethod
    def _widen(self, chunk: Chunk, schema: pa.Schema) -> None:
        """Make room for ``chunk``, whose ``schema`` the one so far does not hold."""

    @abstractmethod
    def _append(self, table: pa.Table) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...


class _ArrowPipe(_Tables):
    """An Arrow IPC stream that is read while it is written: what the first chunk's columns are, all have to be."""

    def _begin(self, schema: pa.Schema) -> None:
        super()._begin(schema)
        self._stream = pa.ipc.new_stream(_sink(self._target.file), schema)

    def _widen(self, chunk: Chunk, schema: pa.Schema) -> NoReturn:
        assert self._schema is not None
        field = next(field for field in schema if not holds(self._schema, pa.schema([field])))
        at = self._schema.get_field_index(field.name)
        if at < 0:
            reason = "a new column in the middle of an Arrow stream"
        else:
            began = describe(self._schema.field(at).type)
            reason = f"{describe(field.type)} in an Arrow stream that began with {began}"
        raise RecordError(chunk.place(0), field.name, f"{reason}; write a file with -o, or use --format jsonl")

    def _append(self, table: pa.Table) -> None:
        self._stream.write_table(table)
        self._target.file.flush()

    def _end(self) -> None:
        self._stream.close()


class _TableFile(_Tables):
    """Arrow or Parquet in a file.

    Records are written in groups of one size, so that the bytes do not depend on chunks. When a chunk's types are
    wider than those so far, a new part begins with the wider schema; in the end all parts are written again with the
    last one.
    """

    def __init__(self, target: files.Target, kind: str) -> None:
        super().__init__(target)
        self._kind = kind
        self._parts: list[tuple[IO[bytes], str]] = []

    def _begin(self, schema: pa.Schema) -> None:
        super()._begin(schema)
        # Parquet has no objects without members, but some may come yet.
        hollow = self._kind == "parquet" and any(map(_hollow, schema.types))
        self._grouped = _Grouped(self._target.file, schema, "stream" if hollow else self._kind)

    def _widen(self, chunk: Chunk, schema: pa.Schema) -> None:
        try:
            wider = unify([self._schema, schema])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise clash(chunk, self._schema, schema) from None
        self._set_aside()
        self._begin(wider)

    def _set_aside(self) -> None:
        self._grouped.close()
        self._parts.append((self._target.renew(), self._grouped.kind))

    def _append(self, table: pa.Table) -> None:
        self._grouped.write(table)

    def _end(self) -> None:
        if self._parts or self._grouped.kind != self._kind:
            self._set_aside()
            self._grouped = _Grouped(self._target.file, self._schema, self._kind)
            for part, kind in self._parts:
                with part:
                    for table in _tables(part, kind):
                        self._append(conform(table, self._schema, table.num_rows))
        self._grouped.close()


def _hollow(kind: pa.DataType) -> bool:
    """Whether there is an object without members somewhere in the type."""
    children = [kind.field(i).type for i in range(kind.num_fields)]
    return (pa.types.is_struct(kind) and not children) or any(map(_hollow, children))


def _tables(part: IO[bytes], kind: str) -> Iterator[pa.Table]:
    part.seek(0)
    if kind == "parquet":
        for batch in pq.ParquetFile(part, pre_buffer=False, buffer_size=1 << 20).iter_batches(_BATCH):
            yield pa.Table.from_batches([batch])
        return
    if kind == "file":
        part.seek(8)
    with pa.ipc.open_stream(pa.PythonFile(part, "r")) as batches:
        for batch in batches:
            yield pa.Table.from_batches([batch])


class _Grouped:
    """Writes tables of any size in groups of one size."""

    def __init__(self, file: IO[bytes], schema: pa.Schema, kind: str) -> None:
        self.kind = kind
        self._parquet = kind == "parquet"
        self._size = _GROUP if self._parquet else _BATCH
        self._waiting: list[pa.Table] = []
        self._rows = 0
        if self._parquet:
            self._writer = pq.ParquetWriter(_sink(file), schema, compression="zstd")
        else:
            new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
            self._writer = new(_sink(file), schema)

    def write(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= self._size:
            joined = pa.concat_tables(self._waiting)
            whole = self._rows // self._size * self._size
            self._put(joined.slice(0, whole))
            self._waiting = [joined.slice(whole)]
            self._rows -= whole

    def _put(self, table: pa.Table) -> None:
        for start in range(0, table.num_rows, self._size):
            group = table.slice(start, self._size)
            if not self._parquet:
                # What Arrow's buffers hold behind their end and below nulls is written too; taking all makes them new.
                group = group.take(pa.array(np.arange(group.num_rows))).combine_chunks()
            self._writer.write_table(group)

    def close(self) -> None:
        if self._rows:
            self._put(pa.concat_tables(self._waiting))
        self._writer.close()


class _Unclosed:
    """A file as Arrow's writers see it: they may close it and it stays open; when it is gone they may still end."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell = file.tell

    def write(self, data: bytes) -> int:
        return len(data) if self._file.closed else self._file.write(data)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    close = flush


def _sink(file: IO[bytes]) -> pa.NativeFile:
    return pa.PythonFile(_Unclosed(file), "w")
