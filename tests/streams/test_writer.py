import io
import json
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agnet.errors import AgnetError, InputError, RecordError
from agnet.streams import Chunk, LinesChunk, TableChunk, concat, open_writer, read, writer

_ENDINGS = ["jsonl", "json", "ndjson", "jsonl.gz", "jsonl.zst", "arrow", "feather", "ipc", "arrows", "ipcs", "parquet"]
_CHUNK = TableChunk(pa.table({"arch": ["x", None], "n": [1, 2]}))


def _lines(text: str, source: str = "s.jsonl:") -> LinesChunk:
    return LinesChunk.of(text.encode(), source)


def _written(output: Path, *chunks: Chunk, format: str | None = None) -> bytes:
    with open_writer(str(output), format) as out:
        for chunk in chunks:
            out.write(chunk)
    assert out.rows == sum(map(len, chunks))
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    return output.read_bytes()


@pytest.mark.parametrize("ending", _ENDINGS)
def test_the_ending_decides(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGNET_FORMAT", "nonsense")
    data = _written(tmp_path / f"a.b.{ending.upper()}", _CHUNK, _CHUNK)
    magic = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5", "ws": b"\xff\xff", "cs": b"\xff\xff", "et": b"PAR1"}
    magic |= {"ow": b"ARROW1", "er": b"ARROW1", "pc": b"ARROW1"}
    assert data.startswith(next((start for end, start in magic.items() if ending.endswith(end)), b'{"arch":"x"'))
    back = concat(list(read([str(tmp_path / f"a.b.{ending.upper()}")])))
    assert back.table().to_pydict() == {"arch": ["x", None] * 2, "n": [1, 2] * 2}


def test_the_option_goes_before_the_ending_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, format, environment, start in [
        ("x.jsonl", "parquet", "arrow", b"PAR1"),
        ("x.jsonl", None, "arrow", b"{"),
        ("x", None, "arrow", b"ARROW1"),
        ("x", None, "", b"{"),
        ("tmp.Ab3dE", None, "", b"{"),
        ("x.csv", "jsonl", "", b"{"),
    ]:
        folder = tmp_path / f"{name}-{format}-{environment}"
        folder.mkdir()
        monkeypatch.setenv("AGNET_FORMAT", environment)
        assert _written(folder / name, _CHUNK, format=format).startswith(start)


@pytest.mark.parametrize(
    ("output", "format", "environment", "message"),
    [
        ("x.csv", None, "", r"x\.csv: cannot write \.csv; use \.jsonl"),
        ("x", None, "yaml", "AGNET_FORMAT: no format is called 'yaml'"),
        ("x.arrow.gz", None, "", "only JSON lines are compressed"),
        ("-", "parquet", "", "Parquet needs a file"),
        ("/dev/null", "parquet", "", "Parquet needs a file"),
        ("/", None, "", "is a folder"),
        ("nowhere/x.jsonl", None, "", r"nowhere/x\.jsonl: there is no folder"),
    ],
)
def test_what_cannot_be_written(
    output: str, format: str | None, environment: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGNET_FORMAT", environment)
    with pytest.raises(InputError, match=message), open_writer(output, format):
        pytest.fail("opened")


@pytest.mark.parametrize("ending", _ENDINGS)
def test_a_failure_leaves_nothing(ending: str, tmp_path: Path) -> None:
    output = tmp_path / f"x.{ending}"
    for before in (None, b"precious"):
        if before:
            output.write_bytes(before)
        for chunks in ([], [_CHUNK], [_CHUNK, TableChunk(pa.table({"new": [1.5]}))]):
            with pytest.raises(KeyboardInterrupt), open_writer(str(output)) as out:
                for chunk in chunks:
                    out.write(chunk)
                assert not output.exists() if before is None else output.read_bytes() == before
                raise KeyboardInterrupt
            assert [path.read_bytes() for path in tmp_path.iterdir()] == ([before] if before else [])


def test_permissions_are_those_of_any_file_and_private_until_then(tmp_path: Path) -> None:
    output = tmp_path / "x.jsonl"
    mask = os.umask(0o022)
    try:
        with open_writer(str(output)) as out:
            out.write(_CHUNK)
            (temporary,) = tmp_path.iterdir()
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        assert stat.S_IMODE(output.stat().st_mode) == 0o644
        output.chmod(0o640)
        _written(output, _CHUNK)
        assert stat.S_IMODE(output.stat().st_mode) == 0o640
    finally:
        os.umask(mask)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")
    with open_writer(str(tmp_path / "link.jsonl")) as out:
        out.write(_lines('{"a":1}\n'))
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "real.jsonl").read_text() == '{"a":1}\n'


def test_a_stream_can_replace_its_own_source(tmp_path: Path) -> None:
    for name in ("x.jsonl", "x.arrow", "x.parquet"):
        path = tmp_path / name
        with open_writer(str(path)) as out:
            out.write(_CHUNK)
        with open_writer(str(path)) as out:
            for chunk in read([str(path)]):
                out.write(chunk.set({"m": pa.array([0.5, 0.25])}))
        assert concat(list(read([str(path)]))).column("m", pa.float64()).to_pylist() == [0.5, 0.25]


@pytest.mark.parametrize("ending", _ENDINGS)
def test_an_empty_stream_is_a_readable_file(ending: str, tmp_path: Path) -> None:
    _written(tmp_path / f"x.{ending}")
    assert list(read([str(tmp_path / f"x.{ending}")])) == []
    if ending == "parquet":
        assert pq.read_table(tmp_path / "x.parquet").column_names == ["space", "arch"]


@pytest.mark.parametrize("ending", ["arrow", "arrows", "parquet"])
def test_types_widen(ending: str, tmp_path: Path) -> None:
    output = tmp_path / f"x.{ending}"
    _written(
        output,
        _lines('{"arch":"a","i":1,"o":null,"s":{"x":1},"l":[]}\n'),
        _lines('{"arch":"b"}\n'),
        _lines('{"i":1.5,"arch":"c","o":[1],"s":{"y":"t"},"l":[{"q":1}]}\n'),
        _lines('{"new":true}\n'),
    )
    table = concat(list(read([str(output)]))).table()
    assert table.schema.remove_metadata() == pa.schema(
        [
            ("arch", pa.string()),
            ("i", pa.float64()),
            ("o", pa.list_(pa.int64())),
            ("s", pa.struct([("x", pa.int64()), ("y", pa.string())])),
            ("l", pa.list_(pa.struct([("q", pa.int64())]))),
            ("new", pa.bool_()),
        ]
    )
    assert table.to_pydict() == {
        "arch": ["a", "b", "c", None],
        "i": [1.0, None, 1.5, None],
        "o": [None, None, [1], None],
        "s": [{"x": 1, "y": None}, None, {"x": None, "y": "t"}, None],
        "l": [[], None, [{"q": 1}], None],
        "new": [None, None, None, True],
    }


@pytest.mark.parametrize("ending", ["arrow", "arrows", "parquet"])
def test_types_that_clash_are_one_error_and_no_file(ending: str, tmp_path: Path) -> None:
    with (
        pytest.raises(RecordError, match=r"^t\.jsonl:1: i: a string where records before have an integer; only JSON"),
        open_writer(str(tmp_path / f"x.{ending}")) as out,
    ):
        out.write(_lines('{"i":1}\n'))
        out.write(_lines('{"i":"s"}\n', "t.jsonl:"))
    assert list(tmp_path.iterdir()) == []


def test_what_parquet_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="use --format jsonl"), open_writer(str(tmp_path / "x.parquet")) as out:
        out.write(_lines('{"a":{}}\n'))
    assert list(tmp_path.iterdir()) == []


class _Stdout(io.BytesIO):
    def close(self) -> None:
        pass


def _stdout(monkeypatch: pytest.MonkeyPatch) -> _Stdout:
    sink = _Stdout()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(sink))
    return sink


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_stdout_has_every_chunk_at_once(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = _stdout(monkeypatch)
    with open_writer(output) as out:
        out.write(_lines('{"a":1}\n'))
        assert sink.getvalue() == b'{"a":1}\n'
        out.write(_lines('{"b":1}\n'))
    assert sink.getvalue() == b'{"a":1}\n{"b":1}\n'
    print("stdout is still open")


def test_arrow_on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = _stdout(monkeypatch)
    with open_writer("-", "arrow") as out:
        out.write(_lines('{"a":1.5,"b":"x"}\n'))
        out.write(_lines('{"a":2}\n'))
    assert pa.ipc.open_stream(sink.getvalue()).read_all().to_pydict() == {"a": [1.5, 2.0], "b": ["x", None]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a":1.5}', "a: a number in an Arrow stream that began with an integer"),
        ('{"a":1,"b":"x"}', "b: a new column in the middle of an Arrow stream"),
        ('{"a":"x"}', "a: a string in an Arrow stream that began with an integer"),
    ],
)
def test_an_arrow_pipe_cannot_widen(line: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _stdout(monkeypatch)
    message = rf"^t\.jsonl:1: {reason}; write a file with -o, or use --format jsonl$"
    with pytest.raises(RecordError, match=message), open_writer("-", "arrow") as out:
        out.write(_lines('{"a":1}\n'))
        out.write(_lines(line + "\n", "t.jsonl:"))


def test_a_full_disk_is_one_line() -> None:
    with (
        pytest.raises(AgnetError, match=r"^/dev/full: No space left on device$") as caught,
        open_writer("/dev/full") as out,
    ):
        out.write(_CHUNK)
    assert caught.value.exit_status == 1


def test_a_named_pipe_is_written_as_it_comes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BrokenPipeError), open_writer(str(tmp_path / "pipe")) as out:
        out.write(_lines('{"a":1}\n'))
        assert os.read(reading, 100) == b'{"a":1}\n'
        os.close(reading)
        out.write(_lines('{"a":1}\n'))


_COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "arch": st.text(max_size=3),
    "n": st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    "o": st.fixed_dictionaries({}, optional={"x": st.integers(-9, 9), "y": st.lists(st.floats(-1, 1), max_size=2)}),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries({}, optional={k: st.none() | v for k, v in _COLUMNS.items()}), min_size=1, max_size=9
    ),
    st.sets(st.integers(1, 8)),
    st.sampled_from(["jsonl", "jsonl.gz", "jsonl.zst", "arrow", "arrows", "parquet"]),
)
def test_bytes_do_not_depend_on_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: list[dict[str, Any]], cuts: set[int], ending: str
) -> None:
    monkeypatch.setattr(writer, "_BATCH", 3)
    monkeypatch.setattr(writer, "_GROUP", 4)
    whole = _lines("".join(json.dumps(record) + "\n" for record in records))
    pieces = [whole.take(rows) for rows in np.split(np.arange(len(whole)), sorted(cuts)) if len(rows)]
    if ending == "parquet" and any(kind == pa.struct([]) for kind in whole.table().schema.types):
        return  # a type that Parquet does not have
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        output = Path(folder) / f"x.{ending}"
        assert _written(output, *pieces) == _written(output, whole)
