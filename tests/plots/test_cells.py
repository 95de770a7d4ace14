from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet import spaces
from agnet.plots.cells import cells, live
from agnet.plots.chart import Diagram
from agnet.plots.layout import layout


@st.composite
def dags(draw: st.DrawFn) -> np.ndarray:
    n = draw(st.integers(1, 9))
    bits = draw(st.lists(st.booleans(), min_size=n * n, max_size=n * n))
    return np.triu(np.array(bits, dtype=np.bool_).reshape(n, n), 1)


@settings(max_examples=40)
@given(dags())
def test_layout_reads_from_left_to_right_without_overlap(adjacency: np.ndarray) -> None:
    placed = layout(adjacency)
    assert set(placed.ways) == {(a, b) for a, b in np.argwhere(adjacency).tolist()}
    for (a, b), way in placed.ways.items():
        np.testing.assert_array_equal(way[0], placed.places[a])
        np.testing.assert_array_equal(way[-1], placed.places[b])
        np.testing.assert_array_equal(np.diff(way[:, 0]), 1)  # one layer at a time
    for layer in np.unique(placed.places[:, 0]):
        heights = np.sort(placed.places[placed.places[:, 0] == layer, 1])
        assert (np.diff(heights) > 1 - 1e-6).all()
        # an edge that passes by keeps its distance from the boxes
        for (a, b), way in placed.ways.items():
            passing = way[1:-1][way[1:-1, 0] == layer, 1]
            assert all(np.abs(heights - height).min() > 0.8 - 1e-6 for height in passing), (a, b)


def test_layout_does_not_cross_what_need_not_cross() -> None:
    # two chains from one input to one output, given in an order that crosses
    adjacency = np.zeros((6, 6), dtype=np.bool_)
    for a, b in ((0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)):
        adjacency[a, b] = True
    heights = layout(adjacency).places[:, 1]
    assert (heights[1] - heights[2]) * (heights[4] - heights[3]) > 0


def test_live_nodes() -> None:
    chain = np.zeros((5, 5), dtype=np.bool_)
    for a, b in ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4)):
        chain[a, b] = True
    passes = np.array([True, True, False, True, True])
    np.testing.assert_array_equal(live(chain, passes), [True, False, False, True, True])


def test_what_adds_nothing_is_faint() -> None:
    space = spaces.get("nb201")
    arch = "|none~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
    page = cells(space, space.parse(pa.array([arch])).graphs, ["best"])
    (panel,) = page.panels
    assert isinstance(panel, Diagram) and panel.title == "best"
    assert [(box.text, box.faint) for box in panel.boxes] == [
        ("input", False),
        ("none", True),
        ("conv 3×3", True),
        ("avg pool", True),
        ("skip", False),
        ("conv 1×1", True),
        ("none", True),
        ("output", False),
    ]
    assert sum(not path.faint for path in panel.paths) == 2


def test_every_space_is_drawn() -> None:
    for name in spaces.names():
        space = spaces.get(name)
        parsed = space.parse(pa.array([space.example]))
        assert not parsed.problems
        page = cells(space, parsed.graphs, ["1."])
        assert len(page.panels) == len(space.cells)
        for panel in page.panels:
            assert isinstance(panel, Diagram)
            texts = [box.text for box in panel.boxes]
            assert "output" in texts
            # Each operation of an example counts. A recurrent cell need not use all of its inputs.
            assert not any(box.faint for box in panel.boxes if not box.text.startswith("input")), (name, texts)


def test_normal_and_reduction_cell_stand_side_by_side() -> None:
    space = spaces.get("nb301")
    page = cells(space, space.parse(pa.array([space.example] * 2)).graphs, ["1.  94.00 %", "2.  93.00 %"])
    assert page.columns == 2
    titles = [panel.title for panel in page.panels if isinstance(panel, Diagram)]
    assert titles == ["1.  94.00 %   normal cell", "reduce cell", "2.  93.00 %   normal cell", "reduce cell"]
