from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from agnet import spaces
from agnet.graphs import Graphs
from agnet.search import promising
from agnet.search.beginning import at_random
from agnet.search.loop import Budget
from agnet.search.promising import Candidates, Worth, spread_out
from agnet.search.study import Study
from agnet.surrogates.process import Groups, Posterior, Process
from agnet.surrogates.respects import respects


def anything(graphs: Graphs) -> NDArray[np.bool_]:
    return np.ones(len(graphs), dtype=np.bool_)


@pytest.mark.parametrize("name", ["nb101", "nb201", "nb301", "nbnlp"])
def test_a_beginning_is_spread_out(name: str) -> None:
    """What four answers tell of a process, in nats, is more than what those of four random ones do."""
    space, features = spaces.get(name), respects(name)
    process = Process(features.kinds, promising.MATTER)

    def told(graphs: Graphs) -> float:
        groups = features(graphs)
        return float(np.linalg.slogdet(np.eye(len(graphs)) + process.covariance(groups, groups) / process.noise)[1] / 2)

    chosen = [Graphs.concat(list(islice(spread_out(space, anything, (seed,)), 4))) for seed in range(10)]
    random = [next(at_random(space, anything, (seed,))).take(slice(4)) for seed in range(10)]
    assert min(map(told, chosen)) > max(map(told, random))
    # every search begins elsewhere
    assert len(set().union(*(space.keys(graphs).to_pylist() for graphs in chosen))) > 20


def test_a_beginning_has_what_is_promising_in_turn_and_nothing_twice_nor_without_an_answer() -> None:
    space = spaces.get("nb201")
    promising_ = space.sample(3, np.random.default_rng(0))
    pool = space.node_types.index("avg_pool_3x3")

    def has(graphs: Graphs) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = (graphs.ops != pool).all(axis=(1, 2))
        return known

    answerable = promising_.take(np.flatnonzero(has(promising_)))
    assert 0 < len(answerable) < 3
    everything = Graphs.concat(list(spread_out(space, has, (0,), promising_)))
    keys = space.keys(everything).to_pylist()
    assert len(keys) == len(set(keys)) == 4**6
    assert has(everything).all()
    known = space.keys(answerable).to_pylist()
    assert [key for key in keys[:12] if key in known] == known == [keys[0], keys[4]][: len(known)]


def test_a_beginning_ends_with_what_is_promising_where_a_table_has_little_else() -> None:
    space = spaces.get("nb201")
    some = space.sample(12, np.random.default_rng(0))
    known = set(space.keys(some).to_pylist())

    def has(graphs: Graphs) -> NDArray[np.bool_]:
        return np.array([key in known for key in space.keys(graphs).to_pylist()], dtype=np.bool_)

    everything = Graphs.concat(list(spread_out(space, has, (0,), some.take(slice(10)))))
    assert sorted(space.keys(everything).to_pylist()) == sorted(known)


def test_a_process_knows_the_best_and_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promising, "_KNOWN", (2, 3))
    scores = np.array([0.1, 0.9, 0.2, -np.inf, 0.8, 0.3, 0.0, 0.4])
    assert promising.memorable(scores[:5]).tolist() == [0, 1, 2, 3, 4]
    assert promising.memorable(scores).tolist() == [1, 4, 5, 6, 7]


@pytest.mark.parametrize("keep", [0, 50])
def test_the_most_promising_of_a_round_are_candidates_of_the_next(keep: int) -> None:
    history = Study("nb201/cifar10", "val_acc", True, "random", budget=Budget(20, 20, 20)).run((0,))
    features = respects("nb201")
    process = Process(features.kinds)
    process.condition(features(history.graphs), history.scores)

    def posteriors(groups: Groups) -> list[Posterior]:
        return [process.posterior(groups)]

    worth: Worth = lambda said: said[0].mean  # noqa: E731
    found = Candidates(features)
    rounds = [
        found.find(history, history.scores, posteriors, [worth], np.random.default_rng(seed), keep) for seed in range(2)
    ]
    (first, (said,)), (second, _) = rounds
    best = history.space.keys(first.take(np.argsort(-worth([said]))[:50])).to_pylist()
    keys = history.space.keys(second).to_pylist()
    assert len(keys) == len(set(keys))
    assert not set(keys) & set(history.keys.to_pylist())
    assert len(set(best) & set(keys)) >= keep
    assert (keep > 0) == set(best).issubset(keys)


def test_what_is_promising_in_any_way_is_climbed_from() -> None:
    history = Study("nb201/cifar10", "val_acc", True, "random", budget=Budget(20, 20, 20)).run((0,))
    space, features = history.space, respects("nb201")
    process = Process(features.kinds)
    process.condition(features(history.graphs), history.scores)

    def candidates(*worths: Worth) -> set[str]:
        rng = np.random.default_rng(0)
        graphs, _ = Candidates(features).find(
            history, history.scores, lambda groups: [process.posterior(groups)], worths, rng
        )
        return set(space.keys(graphs).to_pylist())

    good: Worth = lambda said: said[0].mean  # noqa: E731
    unknown: Worth = lambda said: said[0].variance  # noqa: E731
    assert candidates(good) != candidates(unknown)
    assert candidates(good) | candidates(unknown) <= candidates(good, unknown)


def test_candidates_are_two_edits_from_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CLIMBS", "_RANDOM"):
        monkeypatch.setattr(promising, name, 0 if name == "_CLIMBS" else 400)
    history = Study("nb201/cifar10", "val_acc", True, "random", budget=Budget(1, 1, 1)).run((0,))
    space, features = history.space, respects("nb201")
    process = Process(features.kinds)
    process.condition(features(history.graphs), history.scores)
    graphs, _ = Candidates(features).find(
        history, history.scores, lambda groups: [process.posterior(groups)], [], np.random.default_rng(0)
    )
    edits = (graphs.ops != history.graphs.ops).sum(axis=(1, 2))
    # a random one of 15,625 differs in two operations with probability 0.015
    assert (edits == 1).sum() == 24
    assert (edits == 2).sum() > 100
    assert len(space.keys(graphs)) == len(graphs)
