from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from agnet.errors import InputError
from agnet.search import pareto
from agnet.search.expressions import parse, parse_limit
from agnet.search.loop import Budget
from agnet.search.objective import Goal, Objective, of, single
from agnet.search.study import Study

COLUMNS = {"a": np.array([1.0, 4.0, np.nan]), "b@edgegpu": np.array([2.0, 0.0, 1.0])}
SHAPES = some.tuples(some.integers(1, 9), some.integers(2, 3))
POINTS = arrays(np.float64, SHAPES, elements=some.integers(0, 4).map(float))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", [1, 4]),
        ("-a ** 2", [-1, -16]),
        ("2 ** 3 ** 0 * a", [2, 8]),
        ("a - b@edgegpu - 1", [-2, 3]),
        ("(a + 1) / 2 * 3", [3, 7.5]),
        ("max(a, `b@edgegpu`) + sqrt(a)", [3, 6]),
        ("a / b@edgegpu", [0.5, np.nan]),
        ("1e1*a-.5", [9.5, 39.5]),
    ],
)
def test_expressions_compute(text: str, values: list[float]) -> None:
    np.testing.assert_array_equal(parse(text)(COLUMNS), [*values, np.nan])


@pytest.mark.parametrize(
    "text",
    ["", "1", "a b", "a +", "(a", "a)", "f(a)", "log(a, a)", "a.b", "__import__('os')", "a; b", "a[0]", "`",
     "(" * 50 + "a", "a" * 2000, "a <= 1"],
)  # fmt: skip
def test_what_is_no_expression_is_an_error(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_limits() -> None:
    for text, margins, holds in (
        ("a <= 3", [2, -1], [True, False]),
        ("a < 4", [3, 0], [True, False]),
        ("a >= 4", [-3, 0], [False, True]),
        ("b@edgegpu > a", [1, -4], [True, False]),
    ):
        limit = parse_limit(text)
        found = limit.margin(COLUMNS)
        assert found[:2].tolist() == margins
        assert limit.holds(found).tolist() == [*holds, False]
    for text in ("a", "a <= 1 <= 2", "1 <= 2", "a == 1"):
        with pytest.raises(InputError):
            parse_limit(text)


@given(POINTS)
def test_fronts_and_hypervolume_agree_with_their_definitions(goals: np.ndarray) -> None:
    def dominates(a: np.ndarray, b: np.ndarray) -> bool:
        return bool((a >= b).all() and (a > b).any())

    alone = [not any(dominates(other, point) for other in goals) for point in goals]
    assert pareto.nondominated(goals).tolist() == alone
    assert (pareto.fronts(goals) == 0).tolist() == alone
    cells = np.stack(np.meshgrid(*[np.arange(4) + 0.5] * goals.shape[1]), axis=-1).reshape(-1, goals.shape[1])
    covered = (goals[:, None] > cells).all(axis=2)
    reference = np.zeros(goals.shape[1])
    assert pareto.hypervolume(goals, reference) == covered.any(axis=0).sum()
    assert pareto.hypervolumes(goals, reference).tolist() == np.logical_or.accumulate(covered).sum(axis=1).tolist()


def test_limits_come_before_goals() -> None:
    objective = of(["a"], [], ["b <= 1"], "pareto")
    columns = {"a": np.array([1.0, 9.0, 8.0, 2.0, np.nan]), "b": np.array([0.0, 5.0, 2.0, 1.0, 0.0])}
    measured = objective.measure(columns)
    assert measured.feasible.tolist() == [True, False, False, True, False]
    scores = objective.scores(measured)
    assert scores[[0, 3]].tolist() == [1, 2]
    assert np.argsort(-scores).tolist() == [3, 0, 2, 1, 4]  # of what breaks the limit the one that breaks it least
    assert scores[4] == -np.inf


def test_ranks_are_summed() -> None:
    objective = of(["a"], ["b"], [], "ranks")
    columns = {"a": np.array([3.0, 2.0, 1.0]), "b": np.array([3.0, 1.0, 2.0])}
    assert objective.scores(objective.measure(columns)).tolist() == [-2, -1, -3]


def test_what_is_plain() -> None:
    assert single("val_acc", maximize=True).plain
    assert single("latency_ms@ImageNet16-120", maximize=False).metrics == ("latency_ms@ImageNet16-120",)
    assert not of(["a"], [], ["a<=1"], "pareto").plain
    assert not of(["a"], ["b"], [], "pareto").plain
    assert not of(["2*a"], [], [], "pareto").plain


LIMITED = Objective((Goal("val_acc", True),), ("latency_ms <= 15",))
FRONT = Objective((Goal("val_acc", True), Goal("latency_ms", False)))


def study(objective: Objective, strategy: str, queries: int = 40) -> Study:
    budget = Budget(queries, 4, 10)
    return Study("nb201/cifar10", "val_acc", True, strategy, budget=budget, objective=objective)


def test_bayesian_finds_better_under_a_limit_than_chance() -> None:
    found: dict[str, list[float]] = {name: [] for name in ("bayesian", "random")}
    for name, best in found.items():
        for seed in range(3):
            history = study(LIMITED, name).run((seed,))
            assert len(set(history.keys.to_pylist())) == 40
            assert history.columns["latency_ms"][history.best()] <= 15
            best.append(history.best_so_far()[-1])
    assert np.mean(found["bayesian"]) > np.mean(found["random"]) + 0.003
    optimum = study(LIMITED, "random").optimum()
    assert optimum is not None
    assert np.max(found["bayesian"]) <= optimum


def test_bayesian_covers_more_than_chance() -> None:
    front = study(FRONT, "random").best_front()
    assert front is not None
    covered = {
        name: [study(FRONT, name).run((seed,)).hypervolumes(front.min(axis=0))[-1] for seed in range(2)]
        for name in ("bayesian", "random")
    }
    assert np.mean(covered["bayesian"]) > np.mean(covered["random"])


@pytest.mark.parametrize("objective", [LIMITED, FRONT, Objective(FRONT.goals, LIMITED.limits, "ranks")])
@pytest.mark.parametrize("strategy", ["bayesian", "bananas", "evolution", "local", "agnet"])
def test_every_strategy_takes_every_objective(strategy: str, objective: Objective) -> None:
    history = study(objective, strategy, 24).run((0,))
    assert len(history) == 24 == len(set(history.keys.to_pylist()))
    assert history.best() is not None


def test_continues_an_interrupted_search(tmp_path: Path) -> None:
    whole = study(FRONT, "bayesian", 20).run((0,), journal=tmp_path / "j")
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join(lines[:16]))
    again = study(FRONT, "bayesian", 20).run((0,), journal=tmp_path / "j", resume=True)
    assert again.keys.equals(whole.keys)
    other = study(LIMITED, "bayesian", 20)
    with pytest.raises(InputError, match=r"other settings \(objective\)"):
        other.run((0,), journal=tmp_path / "j", resume=True)
