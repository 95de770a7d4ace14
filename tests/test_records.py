import pyarrow as pa

from agnet import records, spaces
from agnet.streams.chunk import TableChunk

_SPACE = spaces.get("nb201")


def _chunk(rows: list[dict[str, str | None]]) -> TableChunk:
    return TableChunk(pa.Table.from_pylist(rows))


def test_what_is_written_is_read() -> None:
    graphs = next(_SPACE.enumerate(100))
    parsed = records.read(_SPACE, TableChunk(records.records(_SPACE, graphs)))
    assert not parsed.problems
    assert (parsed.graphs.ops == graphs.ops).all()


def test_problems_by_row() -> None:
    parsed = records.read(
        _SPACE,
        _chunk(
            [
                {"space": "nb101", "arch": _SPACE.example},
                {"space": None, "arch": _SPACE.example},
                {"space": "nb201", "arch": "nonsense"},
                {"space": "nb201", "arch": None},
                {"space": "nb201", "arch": _SPACE.example},
            ]
        ),
    )
    assert parsed.graphs.sizes[:, 0].astype(bool).tolist() == [False, True, False, False, True]
    assert parsed.problems[0] == "an architecture of nb101, not of nb201"
    assert sorted(parsed.problems) == [0, 2, 3]


def test_records_without_a_space() -> None:
    parsed = records.read(_SPACE, _chunk([{"arch": _SPACE.example}]))
    assert not parsed.problems
    assert len(parsed.graphs) == 1
