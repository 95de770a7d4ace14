import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from agnet.streams import LinesChunk, TableChunk, Top

_VALUES = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.5, float("nan"), float("-inf")]), max_size=40)


@given(_VALUES, st.integers(1, 12), st.lists(st.integers(0, 40), max_size=8), st.booleans())
def test_as_a_stable_sort_however_it_is_cut(values: list[float], k: int, cuts: list[int], lines: bool) -> None:
    array = np.array(values, np.float64)
    order = sorted(range(len(values)), key=lambda i: -np.inf if np.isnan(values[i]) else values[i], reverse=True)[:k]
    top = Top(k)
    for rows in np.split(np.arange(len(values)), sorted(min(cut, len(values)) for cut in cuts)):
        if lines:
            top.add(LinesChunk.of(b"".join(b'{"n":%d}\n' % row for row in rows)), array[rows])
        else:
            top.add(TableChunk(pa.table({"n": rows})), array[rows])
    best = top.best()
    found = [] if best is None else best.column("n", pa.int64()).to_pylist()
    # sorted(reverse=True) keeps equals in their order
    assert found == order


def test_keeps_no_more_than_it_has_to() -> None:
    top = Top(10)
    rng = np.random.default_rng(0)
    for _ in range(200):
        top.add(TableChunk(pa.table({"n": np.arange(1000)})), rng.random(1000))
        assert sum(map(len, top._chunks)) == len(top._values) == 10
        assert len(top._chunks) <= 17
