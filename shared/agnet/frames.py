"""Records as Python has them: what goes in, and what comes out as pandas, polars or Arrow."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, streams
from agnet.errors import AgnetError, InputError
from agnet.names import nearest
from agnet.seeds import Seed, parse_seed
from agnet.streams import Chunk, LinesChunk, TableChunk

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Records:
    """Some records: a stream that is held in memory.

    Anything that reads Arrow takes it as it is: ``polars.from_arrow(records)``, ``duckdb.sql("from records")`` of
    :meth:`to_arrow`, ``pyarrow.table(records)``.
    """

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        """The records as the streams have them."""

    def __len__(self) -> int:
        return len(self.chunk)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return self.chunk.names()

    def __getitem__(self, name: str) -> NDArray[Any]:
        """[n] a column as NumPy has it.

        Raises:
            InputError: if no record has it.
        """
        table = self.to_arrow()
        if name not in table.column_names:
            raise InputError(f"no record has a column {name!r}{nearest(name, table.column_names)}")
        return np.asarray(table[name].to_numpy())

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | list[int]) -> Records:
        """The records at ``rows``, indices or a mask."""
        return Records(self.chunk.take(np.asarray(rows)))

    def to_arrow(self) -> pa.Table:
        """As an Arrow table."""
        return self.chunk.table()

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas data frame.

        Raises:
            AgnetError: if pandas is not installed.
        """
        try:
            return self.to_arrow().to_pandas()
        except ImportError:
            raise AgnetError("pandas is not installed: pip install pandas") from None

    def to_polars(self) -> pl.DataFrame:
        """As a polars data frame.

        Raises:
            AgnetError: if polars is not installed.
        """
        try:
            import polars  # noqa: PLC0415 - not ours to need
        except ImportError:
            raise AgnetError("polars is not installed: pip install polars") from None
        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_dicts(self) -> list[dict[str, Any]]:
        """As dictionaries, one a record."""
        return [orjson.loads(line) for line in self.chunk.json_lines().to_pybytes().splitlines()]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """What a notebook shows: the first rows as a table."""
        shown = self.take(list(range(min(len(self), _SHOWN)))).to_dicts()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_brief(row.get(name)))}</td>" for name in self.columns) + "</tr>"
            for row in shown
        )
        more = f"<p>{len(self):,} records</p>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"

    def __repr__(self) -> str:
        return f"Records of {len(self):,} architectures: {', '.join(self.columns)}"


_SHOWN = 10
"""Rows of a table in a notebook."""


def _brief(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


Source = Any
"""What :func:`records` takes."""


def records(source: Source) -> Records:
    """Records of whatever holds architectures.

    Args:
        source: :class:`Records`, an Arrow table, a pandas or polars data frame (anything that speaks the Arrow stream
            interface), one architecture or several in any notation of their space, or one or several dictionaries.

    Raises:
        InputError: if it is none of these.
    """
    if isinstance(source, Records):
        return source
    if hasattr(source, "__arrow_c_stream__"):
        return Records(TableChunk(pa.table(source).replace_schema_metadata(None)))
    items: list[Any] | None = (
        [source] if isinstance(source, str | Mapping) else list(source) if isinstance(source, Iterable) else None
    )
    if items and all(isinstance(item, str) for item in items):
        return Records(TableChunk(pa.table({"arch": arrow.strings(items)})))
    if items and all(isinstance(item, Mapping) for item in items):
        return Records(LinesChunk.of(b"".join(orjson.dumps(dict(item)) + b"\n" for item in items), "record:"))
    if items == []:
        return Records(TableChunk(pa.table({"arch": pa.array([], pa.string())})))
    raise InputError(f"{type(source).__name__}: give architectures as text, dictionaries, a data frame or a table")


def read(*paths: str | PathLike[str]) -> Records:
    """All records of files: JSON lines, Arrow or Parquet, told apart by content.

    Raises:
        InputError: if one cannot be read.
    """
    chunks = list(streams.read([fspath(path) for path in paths]))
    return Records(streams.concat(chunks)) if chunks else records([])


def stream(*paths: str | PathLike[str]) -> Iterator[Records]:
    """The records of files, a piece at a time: for what is larger than memory.

    Raises:
        InputError: if one cannot be read.
    """
    for chunk in streams.read([fspath(path) for path in paths]):
        yield Records(chunk)


def write(source: Source, path: str | PathLike[str], format: str | None = None) -> None:
    """Write records, whole or not at all; the format by ``format`` or the ending, as the commands do.

    Raises:
        InputError: if the place does not exist, or the format cannot hold the records.
    """
    chunk = records(source).chunk
    with streams.open_writer(fspath(path), format) as writer:
        writer.write(chunk)


def seed_of(seed: int | str | Sequence[int]) -> Seed:
    """What the functions take for a seed, as the library has it."""
    return (seed,) if isinstance(seed, int) else parse_seed(seed) if isinstance(seed, str) else tuple(seed)


def several(given: str | Sequence[str]) -> Sequence[str]:
    """One text, or several, as several."""
    return (given,) if isinstance(given, str) else given
