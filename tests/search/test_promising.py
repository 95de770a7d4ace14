from __future__ import annotations

import numpy as np
import pytest

from agnet.search import promising
from agnet.search.loop import Budget
from agnet.search.promising import Candidates, Worth
from agnet.search.study import Study
from agnet.surrogates.process import Groups, Posterior, Process
from agnet.surrogates.respects import respects


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
