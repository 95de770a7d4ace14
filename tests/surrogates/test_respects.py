from __future__ import annotations

import numpy as np
import pyarrow as pa

from agnet import encodings, features, spaces
from agnet.surrogates.respects import respects

# a pooling, which has no parameters, that the output does not depend on
DEAD = "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
PLAIN = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def test_only_costs_tell_what_the_output_does_not_depend_on() -> None:
    space = spaces.get("nb201")
    graphs = space.parse(pa.array([DEAD, PLAIN])).graphs
    quality, costs = respects("nb201")(graphs), respects("nb201", costs=True)(graphs)
    assert all(np.array_equal(group[0], group[1]) for group in quality)
    assert all(np.array_equal(a, b) for a, b in zip(quality, costs, strict=False))
    written, used = costs[len(quality) : -2], costs[-2:]
    assert len(written) == 4
    assert not any(np.array_equal(group[0], group[1]) for group in written)
    # nothing else comes of the pooling's result, as a compiler knows too
    assert all(np.array_equal(group[0], group[1]) for group in used)


def test_what_is_computed_from_nothing_is_used_all_the_same() -> None:
    space = spaces.get("nb201")
    unfed = PLAIN.replace("none~2|", "nor_conv_3x3~2|")
    graphs = space.parse(pa.array([PLAIN, unfed])).graphs
    quality, costs = respects("nb201")(graphs), respects("nb201", costs=True)(graphs)
    assert all(np.array_equal(group[0], group[1]) for group in quality[:-1])  # all but its size
    assert not any(np.array_equal(group[0], group[1]) for group in costs[-2:])


def test_costs_are_a_sum_over_what_is_written() -> None:
    space = spaces.get("nb201")
    graphs = space.sample(300, np.random.default_rng(0))
    costs = graphs.ops[:, 0] @ np.arange(8) + 3 * (graphs.ops[:, 0] == 4).sum(axis=1)
    groups, kinds = respects("nb201", costs=True)(graphs), respects("nb201", costs=True).kinds
    few = len(respects("nb201").kinds)
    linear = np.hstack([group for group, kind in zip(groups[few:], kinds[few:], strict=True) if kind == "linear"])
    linear = np.hstack([linear, np.ones((300, 1))])
    assert np.allclose(linear @ np.linalg.lstsq(linear, costs, rcond=None)[0], costs)


def test_widths_are_those_of_the_groups() -> None:
    for name in ("nb101", "nb201", "nb301", "nbnlp"):
        for costs in (False, True):
            groups = respects(name, costs=costs)
            made = groups(spaces.get(name).sample(3, np.random.default_rng(0)))
            assert groups.widths == [group.shape[1] for group in made]
            assert len(groups.kinds) == len(made)


def test_each_feature_of_the_structure_is_in_one_group() -> None:
    for name, shortcuts in (("nb101", True), ("nb201", False), ("nb301", False)):
        space = spaces.get(name)
        graphs = space.sample(500, np.random.default_rng(0))
        parts = respects(name)(graphs)[: 6 if shortcuts else 5]
        wanted = np.log1p(encodings.encode(space, graphs, "features"), dtype=np.float64)
        edges = np.array(["edges:" in name for name in features.columns(space)])
        wanted = wanted[:, (wanted.std(axis=0) > 0.1) & (~edges | shortcuts)]
        made = np.hstack(parts)
        same = np.abs(np.corrcoef(wanted.T, made.T)[: wanted.shape[1], wanted.shape[1] :]) > 1 - 1e-9
        assert same.any(axis=1).all()
        assert made.shape[1] <= len(features.columns(space))
        # in each group two random architectures are about the square root of 2 apart
        assert np.allclose([np.square(part).sum(axis=1).mean() for part in parts], 1, atol=0.2)
