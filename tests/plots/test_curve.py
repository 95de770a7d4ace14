from __future__ import annotations

import numpy as np
import pytest

from agnet.errors import InputError
from agnet.plots.chart import Chart, Line, Page
from agnet.plots.curve import Run, best_so_far, curve, trajectories

NAN = float("nan")


def _lines(page: Page) -> list[Line]:
    (chart,) = page.panels
    assert isinstance(chart, Chart)
    return [layer for layer in chart.layers if isinstance(layer, Line)]


def test_best_so_far_passes_over_failed_queries() -> None:
    values = np.array([NAN, 0.2, 0.1, NAN, 0.3])
    np.testing.assert_array_equal(best_so_far(values, maximize=True), [NAN, 0.2, 0.2, 0.2, 0.3])
    np.testing.assert_array_equal(best_so_far(values, maximize=False), [NAN, 0.2, 0.1, 0.1, 0.1])


def test_trials_may_be_interleaved_and_of_different_lengths() -> None:
    run = Run("r", np.array([1.0, 5.0, 2.0, 4.0, 9.0]), np.array([7, 3, 7, 3, 3]))
    np.testing.assert_array_equal(trajectories(run, maximize=True), [[5, 5], [1, 2]])


def test_mean_and_standard_error_in_percent() -> None:
    run = Run("r", np.array([0.5, 0.7, 0.6, 0.8]), np.array([0, 0, 1, 1]))
    (line,) = _lines(curve([run], "val_acc", maximize=True))
    np.testing.assert_allclose(line.y, [55, 75])
    assert line.low is not None and line.high is not None
    error = 100 * np.std([0.5, 0.6], ddof=1) / np.sqrt(2)
    np.testing.assert_allclose(line.low, [55 - error, 75 - error])
    np.testing.assert_allclose(line.high, [55 + error, 75 + error])
    assert line.label == "r: 75.00 ± 5.00 % (2 trials)"


def test_a_single_trial_has_no_band() -> None:
    (line,) = _lines(curve([Run("r", np.array([3.0, 2.0]))], "latency_ms", maximize=False))
    np.testing.assert_array_equal(line.y, [3, 2])
    assert line.low is None
    assert line.label == "r: 2.00 ms"


def test_regret_reaches_below_the_axis_at_the_optimum() -> None:
    page = curve([Run("r", np.array([0.8, 0.9, 1.0]))], "val_acc", maximize=True, optimum=1.0, regret=True)
    (line,) = _lines(page)
    (chart,) = page.panels
    assert isinstance(chart, Chart)
    np.testing.assert_allclose(line.y[:2], [20, 10])
    low, _ = chart.y.limits
    assert low is not None and 0 < line.y[2] < low < 10


def test_the_optimum_and_the_best_are_within_the_axis() -> None:
    values = np.concatenate([[0.1], np.linspace(0.8, 0.9, 99)])
    for maximize, optimum in ((True, 0.95), (False, 0.05)):
        page = curve([Run("r", values if maximize else 1 - values)], "x", maximize=maximize, optimum=optimum)
        (chart,) = page.panels
        assert isinstance(chart, Chart)
        low, high = chart.y.limits
        assert low is not None and high is not None
        assert low < optimum < high
        start = 0.1 if maximize else 0.9
        assert not low < start < high  # the first query would squeeze the others


@pytest.mark.parametrize(
    ("run", "regret", "message"),
    [
        (Run("r", np.array([0.1])), True, "give --optimum"),
        (Run("r", np.array([NAN])), False, "r: val_acc has no value"),
        (Run("r", np.array([1.0, NAN]), np.array([0, 1])), False, "in one of the trials"),
    ],
)
def test_what_cannot_be_drawn(run: Run, regret: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        curve([run], "val_acc", maximize=True, regret=regret)
