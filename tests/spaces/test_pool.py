"""Pools of architectures: what there is to search where nothing else can be evaluated."""

from __future__ import annotations

import numpy as np
import pytest

from agnet import spaces
from agnet.encodings import flat
from agnet.graphs import Graphs
from agnet.spaces.base import Space
from agnet.spaces.pool import Pool


def some(space: Space, n: int) -> Graphs:
    graphs = space.sample(n, np.random.default_rng(0))
    keys = np.asarray(space.keys(graphs))
    return graphs.take(np.sort(np.unique(keys, return_index=True)[1]))


@pytest.mark.parametrize("name", spaces.names())
def test_only_what_is_in_it(name: str) -> None:
    space = spaces.get(name)
    inside, more = some(space, 60), space.sample(40, np.random.default_rng(1))
    pool = Pool(space, inside)
    keys = set(space.keys(inside).to_pylist())
    assert pool.size == len(keys)
    assert space.keys(Graphs.concat(list(pool.enumerate(7)))).equals(space.keys(inside))
    assert pool.valid(Graphs.concat([inside, more])).tolist() == [True] * len(inside) + [
        key in keys for key in space.keys(more).to_pylist()
    ]
    drawn = space.keys(pool.sample(2000, np.random.default_rng(2))).to_pylist()
    assert set(drawn) == keys
    near, of = pool.neighbours(inside.take(slice(0, 5)))
    assert set(space.keys(near).to_pylist()) <= keys
    assert np.bincount(of, minlength=5).min() >= 8  # so that a walk does not end at once
    own = np.asarray(space.keys(inside))[of]
    assert not (np.asarray(space.keys(near)) == own).any()


def test_neighbours_of_a_whole_space_are_those_one_edit_away() -> None:
    space = spaces.get("nb201")
    pool = Pool(space, Graphs.concat(list(space.enumerate())))
    graphs = space.sample(20, np.random.default_rng(0))
    expected, expected_of = space.neighbours(graphs)
    near, of = pool.neighbours(graphs)
    assert np.array_equal(of, expected_of)
    assert space.format(near).equals(space.format(expected))


def test_what_stands_in_for_missing_neighbours_is_nearest() -> None:
    space = spaces.get("nb201")
    inside = some(space, 40)
    near, _ = Pool(space, inside).neighbours(inside.take(slice(0, 1)))
    encoded = flat(space, inside).astype(int)
    distances = np.abs(encoded[1:] - encoded[0]).sum(axis=1)
    found = np.abs(flat(space, near).astype(int) - encoded[0]).sum(axis=1)
    assert sorted(found)[:8] == sorted(distances)[:8]


def test_a_pool_of_one_has_no_neighbours() -> None:
    space = spaces.get("nb101")
    near, of = Pool(space, some(space, 60).take(slice(0, 1))).neighbours(some(space, 60).take(slice(0, 1)))
    assert len(near) == len(of) == 0
