"""Streams of architectures: JSON lines, Arrow IPC and Parquet, in and out.

A stream is a sequence of :class:`~agnet.streams.chunk.Chunk`. A tool asks a chunk for the columns it needs, adds
columns, drops rows and writes it on; what it did not ask for passes through untouched. From JSON lines to JSON lines
the text of a record is never re-encoded: new columns are spliced in before the closing brace, so numbers keep their
digits, nulls stay nulls, and the result does not depend on where chunks begin.
"""

from agnet.streams.chunk import Chunk, LinesChunk, TableChunk, concat
from agnet.streams.problems import settle
from agnet.streams.reader import Reader, read
from agnet.streams.top import Top
from agnet.streams.writer import Writer, open_writer

__all__ = ["Chunk", "LinesChunk", "Reader", "TableChunk", "Top", "Writer", "concat", "open_writer", "read", "settle"]
