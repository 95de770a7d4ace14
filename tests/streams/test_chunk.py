import numpy as np
import pyarrow as pa
import pytest

from agnet.errors import RecordError
from agnet.streams import Chunk, LinesChunk, TableChunk, concat

_TABLE = pa.table(
    {
        "arch": pa.array(["x", None, "z"]).dictionary_encode(),
        "n": [1, 2, None],
        "latent": pa.array([[0.5], None, [1.0, 2.0]], pa.large_list(pa.float64())),
    }
)


def _lines(first: int = 1) -> LinesChunk:
    return LinesChunk.of(
        b'{"arch":"x","n":1,"latent":[0.5]}\n\n{"n":2}\n{"arch":"z","latent":[1,2]}\n', "a.jsonl:", first
    )


CHUNKS = [_lines(), TableChunk(_TABLE)]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_columns_as_asked(chunk: Chunk) -> None:
    assert len(chunk) == 3
    assert chunk.column("arch", pa.string()).to_pylist() == ["x", None, "z"]
    assert chunk.column("n", pa.float32()).to_pylist() == [1.0, 2.0, None]
    assert chunk.column("n", pa.int64()).to_pylist() == [1, 2, None]
    assert chunk.column("latent", pa.list_(pa.float32())).to_pylist() == [[0.5], None, [1.0, 2.0]]
    missing = chunk.column("nowhere", pa.float64())
    assert missing.type == pa.float64()
    assert missing.null_count == 3
    assert chunk.names() == ["arch", "n", "latent"]
    schema = pa.schema([("latent", pa.list_(pa.float32())), ("arch", pa.string())])
    assert chunk.columns(schema).schema == schema


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True]), np.array([], int)])
def test_take(chunk: Chunk, rows: np.ndarray) -> None:
    chunk.column("n", pa.float64())  # what was parsed has to follow
    taken = chunk.take(rows)
    expected = np.array(["x", None, "z"], object)[rows].tolist()
    assert taken.column("arch", pa.string()).to_pylist() == expected
    assert taken.column("n", pa.float64()).to_pylist() == np.array([1.0, 2.0, None], object)[rows].tolist()
    assert len(taken) == len(expected)
    assert [taken.place(i) for i in range(len(taken))] == np.array([chunk.place(i) for i in range(3)])[rows].tolist()


@pytest.mark.parametrize("chunk", CHUNKS)
def test_set(chunk: Chunk) -> None:
    assert chunk.column("n", pa.float64()).to_pylist() == [1.0, 2.0, None]
    changed = chunk.set({"n": pa.array([None, 5.0, 6.0]), "s": pa.array(["a", "b", None])})
    assert changed.column("n", pa.float64()).to_pylist() == [None, 5.0, 6.0]
    assert changed.column("s", pa.string()).to_pylist() == ["a", "b", None]
    assert changed.names() == ["arch", "n", "latent", "s"]
    assert chunk.names() == ["arch", "n", "latent"]
    assert changed.place(2) == chunk.place(2)
    again = changed.set({})
    assert again.json_lines().to_pybytes() == changed.json_lines().to_pybytes()


def test_lines_stay_as_they_are() -> None:
    assert (
        _lines().set({"s": pa.array([1, 2, None])}).json_lines().to_pybytes()
        == b'{"arch":"x","n":1,"latent":[0.5],"s":1}\n{"n":2,"s":2}\n{"arch":"z","latent":[1,2],"s":null}\n'
    )


def test_names_of_lines_that_are_no_table() -> None:
    assert LinesChunk.of(b'{"a":1,"b":2}\n{"c":0,"a":"x"}\n').names() == ["a", "b", "c"]
    with pytest.raises(RecordError, match="does not end"):
        LinesChunk.of(b'{"a":1\n').names()


def test_tables_as_lines() -> None:
    assert TableChunk(_TABLE).json_lines().to_pybytes() == (
        b'{"arch":"x","n":1,"latent":[0.5]}\n'
        b'{"arch":null,"n":2,"latent":null}\n'
        b'{"arch":"z","n":null,"latent":[1.0,2.0]}\n'
    )
    assert TableChunk(_TABLE.slice(0, 0)).json_lines().to_pybytes() == b""


def test_lines_as_table() -> None:
    table = _lines().table()
    assert table.schema == pa.schema([("arch", pa.string()), ("n", pa.int64()), ("latent", pa.list_(pa.float32()))])
    assert table.column("arch").to_pylist() == ["x", None, "z"]


@pytest.mark.parametrize(
    ("array", "kind", "message"),
    [
        (pa.array([5]), pa.string(), "expected a string, got an integer"),
        (pa.array(["5"]), pa.float64(), "expected a number, got a string"),
        (pa.array([[1]]), pa.float64(), "expected a number, got a list of integers"),
        (pa.array([["1"]]), pa.list_(pa.float32()), "expected a list of numbers, got a list of strings"),
        (pa.array([1.5]), pa.int64(), "not an integer: Float value 1.500000 was truncated converting to int64"),
    ],
)
def test_tables_of_another_type(array: pa.Array, kind: pa.DataType, message: str) -> None:
    with pytest.raises(RecordError, match=rf"^record:1: c: {message}$"):
        TableChunk(pa.table({"c": array})).column("c", kind)


def test_table_types_that_mean_the_same() -> None:
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        table = pa.table({"arch": pa.array(["x", None]).cast(kind)})
        assert TableChunk(table).column("arch", pa.string()).to_pylist() == ["x", None]
    numbers = pa.table({"n": pa.array([1.0, None])})
    assert TableChunk(numbers).column("n", pa.int64()).to_pylist() == [1, None]


def test_errors_name_the_line() -> None:
    chunk = LinesChunk.of(b'{"n":1}\n\n{"n":"x"}\n', "a.jsonl:", 10)
    with pytest.raises(RecordError, match=r'^a\.jsonl:12: n: expected a number, got "x"$'):
        chunk.column("n", pa.float64())
    with pytest.raises(RecordError, match=r"^a\.jsonl:12: n: string where records before have number"):
        chunk.table()
    with pytest.raises(RecordError, match=r"^b\.jsonl:1: the record does not end"):
        LinesChunk.of(b"{\n", "b.jsonl:").set({"x": pa.array([1])})


def test_concat_of_lines_stays_lines() -> None:
    joined = concat([_lines(), LinesChunk.of(b"{}\n", "b.jsonl:", 7), _lines(100)])
    assert isinstance(joined, LinesChunk)
    assert joined.json_lines().to_pybytes() == b"{}\n".join([_lines().json_lines().to_pybytes()] * 2)
    assert [joined.place(i) for i in range(7)] == [
        "a.jsonl:1",
        "a.jsonl:3",
        "a.jsonl:4",
        "b.jsonl:7",
        "a.jsonl:100",
        "a.jsonl:102",
        "a.jsonl:103",
    ]
    assert joined.take(np.array([3, 6])).json_lines().to_pybytes() == b'{}\n{"arch":"z","latent":[1,2]}\n'


def test_concat_of_both_kinds_is_a_table() -> None:
    wider = TableChunk(pa.table({"n": [0.5], "new": ["q"]}))
    joined = concat([_lines(), wider])
    assert isinstance(joined, TableChunk)
    assert joined.table().to_pydict() == {
        "arch": ["x", None, "z", None],
        "n": [1.0, 2.0, None, 0.5],
        "latent": [[0.5], None, [1.0, 2.0], None],
        "new": [None, None, None, "q"],
    }
    assert joined.place(3) == "record:1"
    with pytest.raises(RecordError, match=r"^record:1: n: a string where records before have an integer; only JSON"):
        concat([_lines(), TableChunk(pa.table({"n": ["s"]}))])


def test_names_of_what_is_nested_too_deeply() -> None:
    chunk = LinesChunk.of(b'{"a":1}\n{"arch":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    with pytest.raises(RecordError, match=r"line:2: nested"):
        chunk.names()
