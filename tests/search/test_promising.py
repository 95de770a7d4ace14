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
        found.find(history, history.scores, posteriors, worth, np.random.default_rng(seed), keep) for seed in range(2)
    ]
    (first, (said,)), (second, _) = rounds
    best = history.space.keys(first.take(np.argsort(-worth([said]))[:50])).to_pylist()
    keys = history.space.keys(second).to_pylist()
    assert len(keys) == len(set(keys))
    assert not set(keys) & set(history.keys.to_pylist())
    assert len(set(best) & set(keys)) >= keep
    assert (keep > 0) == set(best).issubset(keys)
