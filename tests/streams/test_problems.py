import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.errors import RecordError
from agnet.streams import LinesChunk, TableChunk, concat, settle

_LINES = LinesChunk.of(b'{"arch":"a"}\n{"arch":"b","error":"id: earlier"}\n{"arch":"c"}\n', "s.jsonl:")
_TABLE = TableChunk(pa.table({"arch": ["a", "b", "c"]}))


def test_nothing_wrong() -> None:
    for policy in ("fail", "skip"):
        for chunk in (_LINES, _TABLE):
            settled, kept = settle(chunk, {}, "arch", policy)
            assert settled is chunk
            assert kept.tolist() == [0, 1, 2]
    assert settle(_LINES, {}, "arch", "keep")[0] is _LINES


def test_fail_names_the_first() -> None:
    with pytest.raises(RecordError, match=r"^s\.jsonl:2: arch: second$"):
        settle(_LINES, {2: "third", 1: "second"}, "arch", "fail")


def test_skip_drops() -> None:
    for chunk in (_LINES, _TABLE):
        settled, kept = settle(chunk, {1: "x"}, "arch", "skip")
        assert settled.column("arch", pa.string()).to_pylist() == ["a", "c"]
        assert kept.tolist() == [0, 2]


def test_keep_marks_wrong_lines_only() -> None:
    settled, kept = settle(_LINES, {0: "bad", 1: "bad"}, "arch", "keep")
    assert settled.json_lines().to_pybytes() == (
        b'{"arch":"a","error":"arch: bad"}\n{"arch":"b","error":"id: earlier"}\n{"arch":"c"}\n'
    )
    assert kept.tolist() == [0, 1, 2]
    assert [settled.place(row) for row in range(3)] == ["s.jsonl:1", "s.jsonl:2", "s.jsonl:3"]


def test_keep_gives_every_table_the_column() -> None:
    assert settle(_TABLE, {1: "bad"}, "arch", "keep")[0].table()["error"].to_pylist() == [None, "arch: bad", None]
    same = settle(_TABLE, {}, "arch", "keep")[0].table()
    assert same.schema.field("error").type == pa.string()
    assert same["error"].null_count == 3


@given(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)), st.integers(1, n))),
    st.sampled_from(["skip", "keep"]),
    st.booleans(),
)
def test_chunks_do_not_matter(case: tuple[int, set[int], int], policy: str, as_lines: bool) -> None:
    n, wrong, size = case
    table = TableChunk(pa.table({"arch": [str(i) for i in range(n)]}))
    whole = LinesChunk.of(table.json_lines().to_pybytes()) if as_lines else table
    parts = []
    for start in range(0, n, size):
        rows = np.arange(start, min(n, start + size))
        problems = {i: f"bad {row}" for i, row in enumerate(rows) if row in wrong}
        parts.append(settle(whole.take(rows), problems, "arch", policy)[0])
    expected = settle(whole, {row: f"bad {row}" for row in wrong}, "arch", policy)[0]
    assert concat(parts).json_lines().to_pybytes() == expected.json_lines().to_pybytes()
