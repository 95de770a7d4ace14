"""Reading streams: files, pipes, compressed or not, told apart by their first bytes."""

from __future__ import annotations

import io
import os
import select
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from agnet.errors import InputError, RecordError
from agnet.streams import jsonlines, jsonparse, pages
from agnet.streams.chunk import Chunk, LinesChunk, TableChunk
from agnet.streams.jsontext import json_key, json_objects
from agnet.streams.places import Places

ROWS = 65536
"""Most records in one chunk."""
_BLOCK = 4 << 20
"""Bytes of JSON lines that are looked at together; a chunk is no longer, except for its last line."""
_LONGEST_LINE = 64 << 20
_LARGEST_CHUNK = 256 << 20
"""Bytes that the texts of a chunk may become that are kept once and referred to, whatever the file's size ..."""
_EXPANSION = 32
"""... and how many for each byte of a Parquet file."""
_ANYWAY = 1 << 16
"""Bytes of a column that are not worth counting."""
_CELLS = 1 << 23
"""Values of all columns that are read together from a Parquet file, which may hold a million in some bytes ..."""
_LONGEST_ROW = 1 << 25
"""... and those that lists may have in any case ..."""
_VALUES_PER_BYTE = 256
"""... and for each byte that they take in the file; encodings of paths have 70."""
_PIPE = 1 << 20
_PATIENCE = 0.02
"""Seconds to wait for a pipe to fill a block. Longer would delay records, shorter would give many small chunks."""

_PARQUET, _ARROW_FILE, _ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_BOM = b"\xef\xbb\xbf"


def read(
    paths: Sequence[str] | None = None,
    *,
    columns: pa.Schema | None = None,
    on_error: str = "fail",
    plain: str | None = None,
    rows: int = ROWS,
) -> Reader:
    """Open the stream that ``paths`` make one after the other; ``-``, none or an empty list is stdin.

    Args:
        paths: Parquet, Arrow IPC (file or stream) or JSON lines, the last two also as gzip or zstd.
        columns: what the caller will ask for. With ``on_error`` other than ``fail``, a line of JSON that is not a
            record with these columns is left out (``skip``) or becomes a record of ``error`` and ``raw`` (``keep``).
        on_error: ``fail``, ``skip`` or ``keep``; concerns single lines of JSON, a broken table is always an error.
        plain: if given, lines that do not begin with ``{`` are values of this column, as they stand or JSON strings.
        rows: most records in a chunk; a pipe gives what has arrived.
    """
    return Reader(paths or ["-"], columns or pa.schema([]), on_error, plain, rows)


class Reader:
    """The chunks of a stream, to be iterated once.

    Raises:
        InputError: while iterating, if a source cannot be opened or read.
        RecordError: while iterating, if a line is too long or cannot be text.
    """

    def __init__(self, paths: Sequence[str], columns: pa.Schema, on_error: str, plain: str | None, rows: int) -> None:
        self._paths = paths
        self._columns = columns
        self._on_error = on_error
        self._plain = plain
        self._rows = rows
        self.records = 0
        """Records given so far."""
        self.bad = 0
        """Lines so far that were skipped, or kept as an error."""

    def __iter__(self) -> Iterator[Chunk]:
        for path in self._paths:
            name = "stdin" if path == "-" else path
            with ExitStack() as stack:
                try:
                    for chunk in self._source(path, name, stack):
                        self.records += len(chunk)
                        yield chunk
                except OSError as error:
                    raise InputError(f"{name}: {error.strerror or _first_line(error)}") from None
                except (pa.ArrowException, UnicodeDecodeError) as error:
                    raise InputError(f"{name}: damaged: {_first_line(error)}") from None
                except MemoryError:
                    # a length in a table that is wrong by some powers of two, or a batch that is really that long
                    raise InputError(f"{name}: damaged, or has records too large for the memory") from None

    def _source(self, path: str, name: str, stack: ExitStack) -> Iterator[Chunk]:
        if path == "-":
            if sys.stdin is None:
                raise InputError("stdin: is closed; name a file")
            standard = cast(Any, sys.stdin.buffer)
            source = standard if isinstance(standard, io.BufferedReader) else io.BufferedReader(standard)
        else:
            if Path(path).is_dir():
                raise InputError(f"{name}: is a folder; name the files in it")
            source = stack.enter_context(io.BufferedReader(io.FileIO(path), _BLOCK))
        return self._sniff(source, name, stack, compressed=False)

    def _sniff(self, source: io.BufferedReader, name: str, stack: ExitStack, *, compressed: bool) -> Iterator[Chunk]:
        head = source.peek(8)[:8]
        for magic, codec in _COMPRESSED.items():
            if head.startswith(magic):
                if compressed:
                    raise InputError(f"{name}: compressed twice")
                inflated = stack.enter_context(pa.CompressedInputStream(pa.PythonFile(source, "r"), codec))
                buffered = io.BufferedReader(cast(Any, inflated), _BLOCK)
                return self._sniff(buffered, name, stack, compressed=True)
        if head.startswith(_PARQUET):
            return self._parquet(source, name, stack)
        if head.startswith(_ARROW_FILE):
            return self._arrow_file(source, name, stack)
        if head.startswith(_ARROW_STREAM):
            return self._arrow_stream(source, name)
        return self._json_lines(source, name)

    def _json_lines(self, source: io.BufferedReader, name: str) -> Iterator[Chunk]:
        first = 1  # line number of the block's first line
        try:
            for block in _blocks(source):
                lines, numbers, count = jsonlines.split(block.removeprefix(_BOM) if first == 1 else block)
                numbers += first
                for start in range(0, len(lines), self._rows):
                    places = Places.of(f"{name}:", numbers[start : start + self._rows])
                    chunk = self._judge(lines.slice(start, self._rows), places)
                    if len(chunk):
                        yield chunk
                first += count
        except _Overlong:
            reason = f"longer than {_LONGEST_LINE >> 20} MB; JSON lines have one record on each"
            raise RecordError(f"{name}:{first}", None, reason) from None

    def _judge(self, lines: pa.LargeBinaryArray, places: Places) -> LinesChunk:
        """The chunk of ``lines`` after ``plain`` and ``on_error`` have been applied."""
        if self._plain is not None:
            lines = _wrap_plain(lines, self._plain)
        chunk = LinesChunk(lines, places)
        if self._on_error == "fail":
            return chunk
        try:
            chunk.columns(self._columns)
            return chunk
        except RecordError:
            reasons = jsonparse.problems(lines, self._columns)
        self.bad += len(reasons)
        wrong = np.zeros(len(lines), bool)
        wrong[list(reasons)] = True
        if self._on_error == "skip":
            return chunk.take(~wrong)
        raw = [line.decode(errors="replace").removesuffix("\n") for line in lines.filter(pa.array(wrong)).to_pylist()]
        errors = [pa.array([reasons[row] for row in sorted(reasons)]), pa.array(raw)]
        kept = json_objects(["error", "raw"], errors, len(raw), end="}\n").view(pa.large_binary())
        return LinesChunk(pc.replace_with_mask(lines, pa.array(wrong), kept), places)

    def _parquet(self, source: io.BufferedReader, name: str, stack: ExitStack) -> Iterator[Chunk]:
        # Buffered, not read ahead: memory holds a batch, not a row group.
        seekable = _seekable(source, stack)
        options: dict[str, Any] = {"buffer_size": 1 << 20, "pre_buffer": False}
        file = stack.enter_context(pq.ParquetFile(seekable, **options))
        columns = [file.schema.column(number) for number in range(len(file.schema))]
        rows = min(self._rows, _together(columns, seekable, name))
        schema = file.schema_arrow
        # A text that is kept once may stand in every row: it is looked at before it is written out.
        if texts := [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]:
            again = pq.ParquetFile(seekable, metadata=file.metadata, read_dictionary=texts, **options)
            file = stack.enter_context(again)
        most = max(_LARGEST_CHUNK, _EXPANSION * os.fstat(seekable.fileno()).st_size)
        yield from self._tables(file.iter_batches(batch_size=rows), name, schema, most)

    def _arrow_file(self, source: io.BufferedReader, name: str, stack: ExitStack) -> Iterator[Chunk]:
        file = stack.enter_context(pa.ipc.open_file(pa.PythonFile(_seekable(source, stack), "r")))
        # Not mapped into memory: a file that somebody cuts short meanwhile would end the process without a word.
        yield from self._tables(map(file.get_batch, range(file.num_record_batches)), name)

    def _arrow_stream(self, source: io.BufferedReader, name: str) -> Iterator[Chunk]:
        with pa.ipc.open_stream(pa.PythonFile(source, "r")) as batches:
            yield from self._tables(batches, name)

    def _tables(
        self,
        batches: Iterator[pa.RecordBatch],
        name: str,
        schema: pa.Schema | None = None,
        most: int = _LARGEST_CHUNK,
    ) -> Iterator[Chunk]:
        first = 1
        for batch in batches:
            if len(set(batch.schema.names)) < len(batch.schema):
                twice = next(n for n in batch.schema.names if batch.schema.names.count(n) > 1)
                raise InputError(f"{name}: has two columns called {twice!r}; rename one")
            batch.validate(full=True)  # offsets of a damaged file may point anywhere
            for start in range(0, len(batch), self._rows):
                part = batch.slice(start, self._rows)
                if any(map(_too_long, part.columns)) or sum(map(_written_out, part.columns)) > most:
                    rows = f"rows {first + start}-{first + start + len(part) - 1}"
                    limits = f"{_LONGEST_LINE >> 20} MB for one, {most >> 20} MB for all"
                    raise InputError(f"{name}: {rows}: their texts are too long: {limits}")
                table = pa.Table.from_batches([part])
                if schema is not None and table.schema != schema:
                    table = table.cast(schema)
                numbers = np.arange(first + start, first + start + len(table))
                yield TableChunk(table, Places.of(f"{name}:row ", numbers))
            first += len(batch)


def _together(columns: Sequence[pq.ColumnSchema], source: IO[bytes], name: str) -> int:
    """Rows that can be read at a time: a list may have as many values as it likes, in a few bytes.

    Raises:
        InputError: if there are too many in a row, or far more than the file has bytes.
    """
    most = len(columns)
    nested = [number for number, column in enumerate(columns) if column.max_repetition_level]
    try:
        for group in pages.row_groups(source) if nested else []:
            chunks = [group.chunks[number] for number in nested]
            size, values = sum(length for _, length in chunks), sum(pages.values(source, *chunk) for chunk in chunks)
            if values > max(_LONGEST_ROW, _VALUES_PER_BYTE * size):
                raise InputError(f"{name}: {values:,} values in lists of {size:,} bytes, too many to be read")
            most = max(most, len(columns) + values // max(group.rows, 1))
    except (ValueError, IndexError, OSError):
        raise InputError(f"{name}: not a Parquet file that is whole: its pages are damaged") from None
    source.seek(0)
    return max(_CELLS // max(most, 1), 1)


def _too_long(array: pa.Array) -> bool:
    """Whether a text in it is too long."""
    kind = array.type
    if pt.is_dictionary(kind):
        return _too_long(array.dictionary)
    if pt.is_nested(kind) and not pt.is_map(kind):
        return any(map(_too_long, array.flatten() if pt.is_struct(kind) else [array.flatten()]))
    return (
        _is_textual(kind)
        and array.nbytes > _LONGEST_LINE
        and (pc.max(pc.binary_length(array)).as_py() or 0) > _LONGEST_LINE
    )


def _written_out(array: pa.Array) -> int:
    """Bytes that the texts become of which each is kept once."""
    kind = array.type
    if pt.is_dictionary(kind):
        if not _is_textual(kind.value_type) or not len(array.dictionary):
            return 0
        lengths = pc.binary_length(array.dictionary)
        if (pc.max(lengths).as_py() or 0) * len(array) <= _ANYWAY:
            return 0
        return pc.sum(lengths.take(array.indices).cast(pa.int64())).as_py() or 0
    if pt.is_nested(kind) and not pt.is_map(kind):
        return sum(map(_written_out, array.flatten() if pt.is_struct(kind) else [array.flatten()]))
    return 0


def _is_textual(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_binary(kind) or pt.is_large_binary(kind))


class _Overlong(Exception):
    """The line after those given so far does not end within reason."""


def _blocks(source: io.BufferedReader) -> Iterator[bytes]:
    """Whole lines, at least one, as many as a block holds or a pipe has at the moment; all end in a newline."""
    wait = _pipe(source)
    kept: list[bytes] = []  # the beginning of a line whose end has not come yet
    while True:
        pieces: list[bytes] = []
        size = 0
        deadline = 0.0
        while size < _BLOCK and (not pieces or wait(deadline)):
            piece = source.read1(_BLOCK - size)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
            deadline = deadline or time.monotonic() + _PATIENCE
        if not pieces:
            break
        data = b"".join(pieces)
        end = data.rfind(b"\n") + 1
        if end:
            yield b"".join([*kept, data[:end]])
            kept = []
        kept.append(data[end:])
        if sum(map(len, kept)) > _LONGEST_LINE:
            raise _Overlong
    rest = b"".join(kept)
    if rest:
        yield rest + b"\n"


def _pipe(source: io.BufferedReader) -> Callable[[float], bool]:
    """Make a pipe wide; a function that says whether more bytes can be read by the deadline (``time.monotonic``)."""
    try:
        descriptor = source.fileno()
    except (OSError, AttributeError):
        return lambda deadline: True  # decompressed
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return lambda deadline: True
    with suppress(ImportError, OSError, AttributeError):
        import fcntl  # noqa: PLC0415 - not on every system

        # A pipe of 64 KB is a chunk of a few hundred records, and every chunk costs a little.
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)
    return lambda deadline: bool(select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0])


def _wrap_plain(lines: pa.LargeBinaryArray, column: str) -> pa.LargeBinaryArray:
    first = np.frombuffer(pc.binary_slice(lines, 0, 1).cast(pa.binary(1)).buffers()[1], np.uint8)
    quoted = first == ord('"')
    bare = ~quoted & (first != ord("{"))
    if not _is_text(lines):  # what is not text stays as it is, to be found when it is read
        bare &= np.array([_is_text(lines.slice(row, 1)) for row in range(len(lines))])
    if bare.any():
        values = pc.binary_slice(lines.filter(pa.array(bare)), 0, -1).cast(pa.large_string())
        wrapped = json_objects([column], [values], len(values), end="}\n").view(pa.large_binary())
        lines = pc.replace_with_mask(lines, pa.array(bare), wrapped)
    if quoted.any():  # JSON already
        values = pc.binary_slice(lines.filter(pa.array(quoted)), 0, -1)
        pieces = [pa.scalar(piece, pa.large_binary()) for piece in (f"{{{json_key(column)}".encode(), b"}\n", b"")]
        wrapped = pc.binary_join_element_wise(pieces[0], values, *pieces[1:])
        lines = pc.replace_with_mask(lines, pa.array(quoted), wrapped)
    return lines


def _is_text(lines: pa.LargeBinaryArray) -> bool:
    try:
        lines.view(pa.large_string()).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_regular(source: io.BufferedReader) -> bool:
    try:
        return stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except (OSError, AttributeError):
        return False


def _seekable(source: io.BufferedReader, stack: ExitStack) -> IO[bytes]:
    """``source``, or what it gives in a private file: some formats are read from their end."""
    if _is_regular(source):
        return source
    spool = stack.enter_context(tempfile.TemporaryFile(prefix="agnet-"))  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(source, spool, _BLOCK)
    spool.seek(0)
    return spool


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
