import gzip
import io
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from agnet.errors import InputError, RecordError
from agnet.streams import Chunk, LinesChunk, concat, read, reader
from agnet.streams.chunk import TableChunk

_TABLE = pa.table({"arch": [f"a{i}" for i in range(1000)], "n": pa.array(range(1000), pa.int32())})
_JSONL = b"".join(b'{"arch":"a%d","n":%d}\n' % (i, i) for i in range(1000))
_ARCH = pa.schema([("arch", pa.string())])


def _arrow(new: object = pa.ipc.new_stream, table: pa.Table = _TABLE, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with new(sink, table.schema, **options) as writer:  # type: ignore[operator]
        writer.write_table(table, max_chunksize=300)
    return sink.getvalue().to_pybytes()


def _parquet(**options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_TABLE, sink, **options)
    return sink.getvalue().to_pybytes()


_ENCODED = {
    "jsonl": _JSONL,
    "jsonl, no last newline": _JSONL[:-1],
    "jsonl, byte order mark": b"\xef\xbb\xbf" + _JSONL,
    "jsonl.gz": gzip.compress(_JSONL),
    "jsonl.gz, two members": gzip.compress(_JSONL[:5000]) + gzip.compress(_JSONL[5000:]),
    "jsonl.zst": pa.compress(_JSONL, "zstd", asbytes=True),
    "arrow stream": _arrow(),
    "arrow stream, compressed": _arrow(options=pa.ipc.IpcWriteOptions(compression="zstd")),
    "arrow stream.zst": pa.compress(_arrow(), "zstd", asbytes=True),
    "arrow file": _arrow(pa.ipc.new_file),
    "arrow file, lz4": _arrow(pa.ipc.new_file, options=pa.ipc.IpcWriteOptions(compression="lz4")),
    "arrow file.gz": gzip.compress(_arrow(pa.ipc.new_file)),
    "arrow, dictionaries": _arrow(table=_TABLE.set_column(0, "arch", _TABLE["arch"].dictionary_encode())),
    "arrow, views": _arrow(table=_TABLE.set_column(0, "arch", _TABLE["arch"].cast(pa.string_view()))),
    "parquet": _parquet(),
    "parquet, groups": _parquet(row_group_size=300, compression="gzip"),
    "parquet.gz": gzip.compress(_parquet()),
}


def _check(chunks: Iterable[Chunk]) -> None:
    joined = concat(list(chunks))
    assert joined.column("arch", pa.string()).to_pylist() == _TABLE["arch"].to_pylist()
    assert joined.column("n", pa.int64()).to_pylist() == list(range(1000))


def _write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("encoding", _ENCODED)
def test_files_are_told_apart_by_content(encoding: str, tmp_path: Path) -> None:
    path = _write(tmp_path, "no ending", _ENCODED[encoding])
    for rows in (reader.ROWS, 7):
        chunks = list(read([path], rows=rows))
        assert max(map(len, chunks)) <= rows
        _check(chunks)


@pytest.mark.parametrize("encoding", _ENCODED)
def test_pipes_and_redirections(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = _ENCODED[encoding]
    assert len(data) < 1 << 16  # a pipe holds it
    end, begin = os.pipe()
    os.write(begin, data)
    os.close(begin)
    file = Path(_write(tmp_path, "f", data))
    for stdin in (os.fdopen(end), file.open(), io.TextIOWrapper(io.BytesIO(data))):
        with stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            _check(read(["-"]))
    named = tmp_path / "named"
    os.mkfifo(named)
    writer = threading.Thread(target=named.write_bytes, args=[data])
    writer.start()
    _check(read([str(named)]))
    writer.join()


@pytest.mark.parametrize("kind", ["arrow stream", "arrow file", "parquet, groups"])
def test_a_file_that_is_cut_short_while_it_is_read(kind: str, tmp_path: Path) -> None:
    """Mapped into memory it would end the process by SIGBUS."""
    table = pa.table({"arch": [f"{i:0200}" for i in range(40_000)]})
    path = tmp_path / "f"
    if kind == "parquet, groups":
        pq.write_table(table, path, row_group_size=10_000, use_dictionary=False, compression="none")
    else:
        new = pa.ipc.new_file if kind == "arrow file" else pa.ipc.new_stream
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=10_000)
    chunks = iter(read([str(path)], rows=1000))
    next(chunks)
    os.truncate(path, 5000)
    with pytest.raises(InputError, match=rf"^{path}: "):
        list(chunks)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_texts_that_are_kept_once_and_stand_in_every_row(kind: str, nested: bool, tmp_path: Path) -> None:
    """A file of 1 kB would take gigabytes."""
    path, rows = tmp_path / "f", 2000
    array = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["x" * 1_000_000])
    column = pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), array) if nested else array
    table = pa.table({"arch": column})
    if kind == "parquet":
        pq.write_table(table, path, compression="zstd", store_schema=False)
        assert path.stat().st_size < 2000
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(InputError, match=r"rows 1-2000: their texts are too long"):
        list(read([str(path)]))


def test_few_bytes_of_parquet_with_many_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the same in every row, or in all of a list, takes no room in the file."""
    path, text = tmp_path / "f.parquet", pa.array(["x" * 1000] * 20_000)
    pq.write_table(pa.table({f"c{number}": text for number in range(20)}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="rows 1-20000: their texts are too long: 64 MB for one, 256 MB for all"):
        list(read([str(path)]))
    zeros = pa.ListArray.from_arrays(np.array([0, 5, 400_000], np.int32), np.zeros(400_000, np.float32))
    pq.write_table(pa.table({"latent": zeros}), path)
    assert path.stat().st_size < 1000
    assert [len(chunk) for chunk in read([str(path)])] == [2]
    monkeypatch.setattr(reader, "_CELLS", 300_000)
    assert [len(chunk) for chunk in read([str(path)])] == [1, 1]
    monkeypatch.setattr(reader, "_LONGEST_ROW", 150_000)
    monkeypatch.setattr(reader, "_VALUES_PER_BYTE", 1000)
    with pytest.raises(InputError, match=r"400,000 values in lists of \d+ bytes, too many to be read"):
        list(read([str(path)]))
    # The file's own summary may say something else.
    said, content = b"\x80\xea\x30", path.read_bytes()  # 400,000, as Thrift writes it
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[:footer] + content[footer:].replace(said, b"\x82\x80\x00"))
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).num_values == 1
    with pytest.raises(InputError, match=r"400,000 values in lists of \d+ bytes, too many to be read"):
        list(read([str(path)]))


def test_texts_that_are_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LONGEST_LINE", 1000)
    for length in (900, 1100):
        table = pa.table({"arch": ["a", "b", "c" * length], "n": [1, 2, 3]})
        path = tmp_path / f"{length}"
        pq.write_table(table, path, use_dictionary=False)
        if length < 1000:
            assert len(concat(list(read([str(path)])))) == 3
        else:
            with pytest.raises(InputError, match="their texts are too long"):
                list(read([str(path)]))


def test_small_parquet_files_keep_their_types(tmp_path: Path) -> None:
    """Texts are looked at before they are written out; their columns are what they were."""
    table = pa.table(
        {
            "s": pa.array(["a", None, "a"]),
            "l": pa.array(["a", "b", None], pa.large_string()),
            "b": pa.array([b"a", b"\xff", None], pa.binary()),
            "d": pa.array(["a", None, "b"]).dictionary_encode(),
            "n": pa.array([["a", None], [], None]),
            "t": pa.array([{"x": "a", "y": 1}, None, {"x": None, "y": 2}]),
            "m": pa.array([[("k", "v")], [], None], pa.map_(pa.string(), pa.string())),
        }
    )
    path = tmp_path / "f.parquet"
    pq.write_table(table, path)
    (chunk,) = read([str(path)])
    expected = pq.ParquetFile(path).read()
    assert isinstance(chunk, TableChunk)
    assert chunk._table.schema.equals(expected.schema)
    assert chunk._table.equals(expected)


def test_feather(tmp_path: Path) -> None:
    feather.write_feather(_TABLE, tmp_path / "f")
    _check(read([str(tmp_path / "f")]))


@pytest.mark.parametrize("data", [b"", b"\n \n\r\n", gzip.compress(b"", mtime=0), _arrow(table=_TABLE.slice(0, 0))])
def test_nothing_gives_no_chunks(data: bytes, tmp_path: Path) -> None:
    assert list(read([_write(tmp_path, "e", data)])) == []


def test_files_follow_one_another_with_places(tmp_path: Path) -> None:
    first = _write(tmp_path, "a.jsonl", b'\n{"arch":"a"}\n\n{"arch":"b"}')
    second = _write(tmp_path, "b.parquet", _parquet())
    third = _write(tmp_path, "c.jsonl", b'{"arch":"c"}\n')
    source = read([first, second, third], rows=300)
    joined = concat(list(source))
    assert source.records == len(joined) == 1003
    places = [joined.place(row) for row in (0, 1, 2, 1001, 1002)]
    assert places == [f"{first}:2", f"{first}:4", f"{second}:row 1", f"{second}:row 1000", f"{third}:1"]


def test_wrong_line_in_the_second_file(tmp_path: Path) -> None:
    first = _write(tmp_path, "a.jsonl", _JSONL)
    second = _write(tmp_path, "b.jsonl", b'{"arch":"a"}\n\n{"arch":5}\n')
    with pytest.raises(RecordError, match=rf"^{second}:3: arch: expected a string, got 5$"):
        for chunk in read([first, second]):
            chunk.columns(_ARCH)


def test_skip_and_keep(tmp_path: Path) -> None:
    path = _write(tmp_path, "s", b'{"arch":"a"}\n{"arch":5}\n\xff\n{"arch":"b"}\n')
    source = read([path], columns=_ARCH, on_error="skip")
    (chunk,) = source
    assert chunk.json_lines().to_pybytes() == b'{"arch":"a"}\n{"arch":"b"}\n'
    assert (source.bad, source.records, chunk.place(1)) == (2, 2, f"{path}:4")
    source = read([path], columns=_ARCH, on_error="keep")
    (chunk,) = source
    assert chunk.json_lines().to_pybytes().decode() == (
        '{"arch":"a"}\n'
        '{"error":"arch: expected a string, got 5","raw":"{\\"arch\\":5}"}\n'
        '{"error":"not UTF-8 text (byte 0xff at column 1)","raw":"\ufffd"}\n'
        '{"arch":"b"}\n'
    )
    assert (source.bad, source.records) == (2, 4)
    assert chunk.column("arch", pa.string()).to_pylist() == ["a", None, None, "b"]


def test_plain_lines_become_a_column(tmp_path: Path) -> None:
    path = _write(tmp_path, "p", b'|a~0|\n{"arch":"b"}\n  (1, "2")\n\n[3]\n"\\u00e9 \\"4\\""\n')
    (chunk,) = read([path], plain="arch")
    assert chunk.column("arch", pa.string()).to_pylist() == ["|a~0|", "b", '(1, "2")', "[3]", 'é "4"']
    assert chunk.place(3) == f"{path}:5"
    (chunk,) = read([_write(tmp_path, "q", b'|a~0|\n\xff\n"b"\n')], plain="arch")
    with pytest.raises(RecordError, match=r"q:2: not UTF-8 text"):
        chunk.columns(_ARCH)
    with pytest.raises(RecordError, match=":1: not JSON"):
        next(iter(read([_write(tmp_path, "q", b'"a" b\n')], plain="arch"))).column("arch", pa.string())


@pytest.mark.parametrize("encoding", [name for name in _ENCODED if name not in ("jsonl", "jsonl, byte order mark")])
def test_truncated_files_are_errors(encoding: str, tmp_path: Path) -> None:
    data = _ENCODED[encoding]
    if encoding.startswith("jsonl, no"):
        data = data[:-1]
    for size in np.linspace(9, len(data) - 1, 20).astype(int).tolist():
        path = _write(tmp_path, "t", data[:size])
        try:
            chunks = [len(chunk.columns(_ARCH)) for chunk in read([path])]
        except InputError as error:
            assert str(error).startswith(path)
            assert "\n" not in str(error)
        else:
            # Only what cannot be told from an end: a stream cut between two batches, lines cut between two records.
            assert encoding.startswith(("arrow stream", "arrow, ", "jsonl")), (size, sum(chunks))
            assert sum(chunks) < 1000 or size > len(data) - 16


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["arrow stream", "arrow file", "parquet", "jsonl.gz", "jsonl"]), st.data())
def test_damaged_files_are_errors_or_records(
    tmp_path_factory: pytest.TempPathFactory, encoding: str, draw: st.DataObject
) -> None:
    octets = bytearray(_ENCODED[encoding])
    for _ in range(draw.draw(st.integers(1, 4))):
        octets[draw.draw(st.integers(0, len(octets) - 1))] = draw.draw(st.integers(0, 255))
    path = _write(tmp_path_factory.getbasetemp(), "damaged", bytes(octets))
    try:
        for chunk in read([path]):
            chunk.columns(_ARCH)
            chunk.json_lines()
    except InputError as error:
        assert "\n" not in str(error)


def test_a_length_beyond_the_memory_is_an_error(tmp_path: Path) -> None:
    stream = bytearray(_arrow(table=pa.table({"space": ["nb201"], "arch": ["x"]})))
    reasons = set()
    for place in range(len(stream)):
        octets = stream.copy()
        octets[place] = 0x7F
        try:
            list(read([_write(tmp_path, "long.arrow", bytes(octets))]))
        except InputError as error:
            reasons.add(str(error).split(": ", 1)[1])
    assert "damaged, or has records too large for the memory" in reasons


def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^nowhere\.jsonl: No such file or directory$"):
        list(read(["nowhere.jsonl"]))
    with pytest.raises(InputError, match="is a folder"):
        list(read([str(tmp_path)]))
    with pytest.raises(InputError, match="compressed twice"):
        list(read([_write(tmp_path, "z", gzip.compress(gzip.compress(b"{}\n")))]))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(InputError, match="two columns called 'a'"):
        list(read([_write(tmp_path, "d", _arrow(table=twice))]))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="stdin: is closed"):
        list(read())


def test_endless_lines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LONGEST_LINE", 1 << 20)
    monkeypatch.setattr(reader, "_BLOCK", 1 << 16)
    path = _write(tmp_path, "l", b"{}\n{}\n" + b" " * (2 << 20) + b"\n")
    with pytest.raises(RecordError, match=rf"^{path}:3: longer than 1 MB"):
        list(read([path]))
    bomb = _write(tmp_path, "bomb", gzip.compress(b"[" * (64 << 20)))
    with pytest.raises(RecordError, match=rf"^{bomb}:1: longer than 1 MB"):
        list(read([bomb]))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 200), st.integers(1, 50))
def test_blocks_do_not_matter(tmp_path_factory: pytest.TempPathFactory, block: int, rows: int) -> None:
    path = _write(tmp_path_factory.getbasetemp(), "blocks", b"\n" + _JSONL[:3000])
    (whole,) = [concat(list(read([path], columns=_ARCH, on_error="keep")))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_BLOCK", block)
        parts = concat(list(read([path], columns=_ARCH, on_error="keep", rows=rows)))
    assert isinstance(parts, LinesChunk)
    assert parts.json_lines().to_pybytes() == whole.json_lines().to_pybytes()
    assert [parts.place(i) for i in range(len(parts))] == [whole.place(i) for i in range(len(whole))]


def test_a_record_arrives_before_the_next_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    end, begin = os.pipe()
    with os.fdopen(end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        chunks = iter(read())
        for i in range(3):
            os.write(begin, b'{"arch":"%d"}\n{"ar' % i if i == 1 else b'ch":"2"}\n' if i == 2 else b'{"arch":"0"}\n')
            assert next(chunks).column("arch", pa.string()).to_pylist() == [str(i)]
        os.close(begin)
        assert list(chunks) == []


def test_a_steady_drip_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    end, begin = os.pipe()
    arrived = threading.Event()

    def drip() -> None:
        with os.fdopen(begin, "wb", buffering=0) as sink:
            while not arrived.wait(0.001):
                sink.write(b'{"arch":"a"}\n')

    writer = threading.Thread(target=drip, daemon=True)
    with os.fdopen(end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        writer.start()
        chunks = iter(read())
        first = next(chunks)
        arrived.set()
        writer.join()
        assert 0 < len(first) < 10_000  # a block would be some hundred thousand


def test_a_batch_arrives_before_the_next_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    end, begin = os.pipe()
    with os.fdopen(end) as stdin, os.fdopen(begin, "wb", buffering=0) as sink:
        monkeypatch.setattr(sys, "stdin", stdin)
        chunks = iter(read())
        with pa.ipc.new_stream(sink, _TABLE.schema) as writer:
            for start in range(3):
                writer.write_table(_TABLE.slice(start, 1))
                assert next(chunks).column("arch", pa.string()).to_pylist() == [f"a{start}"]
        assert list(chunks) == []
