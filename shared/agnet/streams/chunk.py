"""A piece of a stream: some records in order, as lines of JSON or as an Arrow table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from agnet.errors import RecordError
from agnet.streams import jsonlines, jsonparse
from agnet.streams.jsontext import content, json_objects, json_text
from agnet.streams.places import Places
from agnet.streams.schema import conform, describe, is_list, is_number, is_text, unify

Rows = NDArray[np.integer] | NDArray[np.bool_]


class Chunk(ABC):
    """Some records of a stream, in order. Chunks do not change: what alters one gives a new one."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def __len__(self) -> int:
        return len(self.places.number)

    def place(self, row: int) -> str:
        """Where record ``row`` came from: ``seen.jsonl:12`` or ``seen.parquet:row 12``."""
        return self.places[row]

    def column(self, name: str, kind: pa.DataType) -> pa.Array:
        """Column ``name`` as ``kind``, null where a record does not have it.

        Raises:
            RecordError: if a value is not of that type (integers are floats too, strings never numbers).
        """
        return self.columns(pa.schema([(name, kind)])).column(0).combine_chunks()

    @abstractmethod
    def columns(self, schema: pa.Schema) -> pa.Table:
        """Several columns in one go, as :meth:`column`."""

    @abstractmethod
    def names(self) -> list[str]:
        """Columns that the records have, in order of appearance."""

    @abstractmethod
    def set(self, columns: Mapping[str, pa.Array]) -> Chunk:
        """With these columns, each [len(self)]: in the place of one with the same name, else behind the others."""

    @abstractmethod
    def take(self, rows: Rows) -> Chunk:
        """The records at ``rows`` (indices or mask)."""

    @abstractmethod
    def table(self) -> pa.Table:
        """All columns.

        Raises:
            RecordError: if the records' types do not fit a table.
        """

    @abstractmethod
    def json_lines(self) -> pa.Buffer:
        """All records as JSON lines, ready to write."""


class LinesChunk(Chunk):
    """Records as the lines of JSON they were read as."""

    def __init__(self, lines: pa.LargeBinaryArray, places: Places) -> None:
        super().__init__(places)
        self._lines = lines
        self._parsed: dict[str, pa.Array] = {}
        self._checked = False

    @classmethod
    def of(cls, data: bytes, source: str = "line:", first: int = 1) -> LinesChunk:
        """The records in ``data``, whole lines; places count from ``first`` behind ``source``."""
        lines, numbers, _ = jsonlines.split(data)
        return cls(lines, Places.of(source, numbers + first))

    def columns(self, schema: pa.Schema) -> pa.Table:
        """See :meth:`Chunk.columns`; what was parsed once is kept."""
        missing = [f for f in schema if f.name not in self._parsed or self._parsed[f.name].type != f.type]
        if missing or not self._checked:
            try:
                table = jsonparse.parse(self._lines, pa.schema(missing))
            except jsonlines.BadLine as bad:
                raise self._error(bad) from None
            self._parsed |= {f.name: table[f.name].combine_chunks() for f in missing}
            self._checked = True
        return pa.table([self._parsed[name] for name in schema.names], schema=schema)

    def names(self) -> list[str]:
        """See :meth:`Chunk.names`; parses the whole lines."""
        try:
            return self.table().column_names
        except RecordError:  # names do not need the one type a column that a table does
            self.columns(pa.schema([]))
            try:
                return jsonlines.names(self._lines)
            except jsonlines.BadLine as bad:
                raise self._error(bad) from None

    def set(self, columns: Mapping[str, pa.Array]) -> LinesChunk:
        """See :meth:`Chunk.set`; the rest of each line stays as it is, byte for byte."""
        self.columns(pa.schema([]))  # splicing needs lines known to be JSON
        if not columns:
            return self
        texts = {name: json_text(array) for name, array in columns.items()}
        try:
            chunk = LinesChunk(jsonlines.splice(self._lines, texts), self.places)
        except jsonlines.BadLine as bad:
            raise self._error(bad) from None
        chunk._parsed = {n: a for n, a in self._parsed.items() if n not in columns}
        chunk._checked = True
        return chunk

    def take(self, rows: Rows) -> LinesChunk:
        """See :meth:`Chunk.take`."""
        index = _index(rows)
        chunk = LinesChunk(self._lines.take(index), self.places.take(rows))
        chunk._parsed = {n: a.take(index) for n, a in self._parsed.items()}
        chunk._checked = self._checked
        return chunk

    def table(self) -> pa.Table:
        """See :meth:`Chunk.table`; types are what the values of this chunk look like."""
        try:
            return jsonparse.infer(self._lines)
        except jsonlines.BadLine as bad:
            raise self._error(bad) from None

    def json_lines(self) -> pa.Buffer:
        """See :meth:`Chunk.json_lines`; no copy."""
        return pa.py_buffer(content(self._lines))

    def _error(self, bad: jsonlines.BadLine) -> RecordError:
        return RecordError(self.place(bad.row), bad.column, bad.reason)

    @staticmethod
    def concat(chunks: Sequence[LinesChunk]) -> LinesChunk:
        """All records of ``chunks``, in order."""
        chunk = LinesChunk(
            pa.concat_arrays([chunk._lines for chunk in chunks]), Places.concat([chunk.places for chunk in chunks])
        )
        chunk._checked = all(chunk._checked for chunk in chunks)
        return chunk


class TableChunk(Chunk):
    """Records as an Arrow table."""

    def __init__(self, table: pa.Table, places: Places | None = None) -> None:
        """``places`` may be left out for records made here, not read: an error names them ``record:N``."""
        super().__init__(places or Places.of("record:", np.arange(1, table.num_rows + 1)))
        self._table = table

    def columns(self, schema: pa.Schema) -> pa.Table:
        """See :meth:`Chunk.columns`."""
        return pa.table([self._cast(field) for field in schema], schema=schema)

    def _cast(self, field: pa.Field) -> pa.Array:
        if field.name not in self._table.column_names:
            return pa.nulls(len(self), field.type)
        array = self._table.column(field.name).combine_chunks()
        if not _agrees(array.type, field.type):
            raise RecordError(self.place(0), field.name, f"expected {describe(field.type)}, got {describe(array.type)}")
        try:
            return _cast(array, field.type)
        except pa.ArrowInvalid as error:
            raise RecordError(self.place(0), field.name, f"not {describe(field.type)}: {error}") from None

    def names(self) -> list[str]:
        """See :meth:`Chunk.names`."""
        return self._table.column_names

    def set(self, columns: Mapping[str, pa.Array]) -> TableChunk:
        """See :meth:`Chunk.set`."""
        table = self._table
        for name, array in columns.items():
            at = table.schema.get_field_index(name)
            table = table.append_column(name, array) if at < 0 else table.set_column(at, name, array)
        return TableChunk(table, self.places)

    def take(self, rows: Rows) -> TableChunk:
        """See :meth:`Chunk.take`."""
        return TableChunk(self._table.take(_index(rows)), self.places.take(rows))

    def table(self) -> pa.Table:
        """See :meth:`Chunk.table`; no copy."""
        return self._table

    def json_lines(self) -> pa.Buffer:
        """See :meth:`Chunk.json_lines`; a null is written as null."""
        columns = [column.combine_chunks() for column in self._table.columns]
        return pa.py_buffer(content(json_objects(self._table.column_names, columns, len(self), end="}\n")))


def concat(chunks: Sequence[Chunk]) -> Chunk:
    """All records of ``chunks`` (at least one), in order; lines stay lines if all are lines.

    Raises:
        RecordError: if the columns' types do not go together.
    """
    if len(chunks) == 1:
        return chunks[0]
    lines = [chunk for chunk in chunks if isinstance(chunk, LinesChunk)]
    if len(lines) == len(chunks):
        return LinesChunk.concat(lines)
    schema = chunks[0].table().schema
    tables = []
    for chunk in chunks:
        table = chunk.table()
        try:
            schema = unify([schema, table.schema])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise clash(chunk, schema, table.schema) from None
        tables.append(table)
    joined = pa.concat_tables([conform(table, schema, len(chunk)) for table, chunk in zip(tables, chunks, strict=True)])
    return TableChunk(joined, Places.concat([chunk.places for chunk in chunks]))


def clash(chunk: Chunk, before: pa.Schema, now: pa.Schema) -> RecordError:
    """The error that names the first column of ``chunk`` whose type does not go with the stream ``before`` it."""
    for field in now:
        at = before.get_field_index(field.name)
        if at < 0:
            continue
        try:
            unify([pa.schema([before.field(at)]), pa.schema([field])])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            reason = f"{describe(field.type)} where records before have {describe(before.field(at).type)}"
            return RecordError(
                chunk.place(0),
                field.name,
                f"{reason}; only JSON lines can hold both (--format jsonl)",
            )
    raise AssertionError("schemas do not clash")


def _index(rows: Rows) -> pa.Array:
    return pa.array(np.flatnonzero(rows) if rows.dtype == bool else rows)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        return _cast(array.storage, kind)
    if pt.is_dictionary(array.type):
        return _cast(array.dictionary, kind).take(array.indices)
    return array.cast(kind, safe=not pt.is_floating(kind) and not pt.is_nested(kind))  # floats may be rounded


def _agrees(have: pa.DataType, want: pa.DataType) -> bool:
    """Whether values of type ``have`` mean the same as values of type ``want``."""
    if isinstance(have, pa.BaseExtensionType):
        return _agrees(have.storage_type, want)
    if pt.is_null(have) or have == want:
        return True
    if pt.is_dictionary(have):
        return _agrees(have.value_type, want)
    if is_list(have) and is_list(want):
        return _agrees(have.value_type, want.value_type)
    return (is_text(have) and is_text(want)) or (is_number(have) and is_number(want))
