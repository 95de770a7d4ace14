"""Spaces of which all cells but one are held."""

from __future__ import annotations

import numpy as np

from agnet import spaces
from agnet.generator import checkpoint
from agnet.generator.sampling import Generation
from agnet.graphs import Graphs
from agnet.spaces.held import Held

_SPACE = spaces.get("nb301")
_GRAPHS = _SPACE.sample(40, np.random.default_rng(0))


def _same_cell(graphs: Graphs, other: Graphs, cell: int) -> bool:
    return bool(
        (graphs.ops[:, cell] == other.ops[:, cell]).all()
        and (graphs.adjacency[:, cell] == other.adjacency[:, cell]).all()
    )


def test_it_is_the_space_itself_until_something_is_held() -> None:
    held = Held(_SPACE)
    assert held.valid(_GRAPHS).all()
    assert held.format(held.sample(9, np.random.default_rng(1))).equals(
        _SPACE.format(_SPACE.sample(9, np.random.default_rng(1)))
    )
    assert (held.name, held.longest_path, held.num_edges) == ("nb301", _SPACE.longest_path, _SPACE.num_edges)
    near, rows = held.neighbours(_GRAPHS)
    expected, expected_rows = _SPACE.neighbours(_GRAPHS)
    assert _SPACE.format(near).equals(_SPACE.format(expected))
    assert np.array_equal(rows, expected_rows)


def test_everything_has_the_held_cell() -> None:
    held, kept = Held(_SPACE), _GRAPHS.take(slice(0, 1))
    for free in (0, 1):
        held.hold(free, kept)
        made = held.sample(30, np.random.default_rng(1))
        assert _same_cell(made, kept, 1 - free)
        assert not _same_cell(made, kept, free)
        assert held.valid(made).all()
        assert _SPACE.valid(made).all()
        assert held.valid(_GRAPHS).tolist() == [True] + [False] * 39
        near, rows = held.neighbours(_GRAPHS.take(slice(3, 5)))
        assert _same_cell(near, kept, 1 - free)
        assert set(rows) == {0, 1}
        assert _SPACE.valid(near).all()
    held.release()
    assert held.valid(_GRAPHS).all()


def test_generators_make_the_free_cell() -> None:
    held, kept = Held(_SPACE), _GRAPHS.take(slice(0, 1))
    held.hold(0, kept)
    for name in ("nb301", "nb301-agnet"):
        blocks = list(Generation(checkpoint.load(name), held, 20, (0,), unique="arch"))
        graphs = Graphs.concat([block.graphs for block in blocks])
        assert len(graphs) == 20
        assert _same_cell(graphs, kept, 1)
        assert held.valid(graphs).all()
