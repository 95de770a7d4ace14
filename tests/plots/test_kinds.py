"""What the pictures other than curves compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agnet.errors import InputError
from agnet.plots.chart import Bars, Chart, Diagonal, Page, Points, Rule
from agnet.plots.distribution import Found, distribution
from agnet.plots.latent import latent, principal
from agnet.plots.pareto import Candidates, front, pareto
from agnet.plots.quantities import quantity
from agnet.plots.scatter import scatter
from agnet.plots.training import training

NAN = float("nan")


def _charts(page: Page) -> list[Chart]:
    return [panel for panel in page.panels if isinstance(panel, Chart)]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("val_acc", "Validation accuracy (%)"),
        ("pred_test_acc", "Predicted test accuracy (%)"),
        ("pred_val_acc_std", "Predicted validation accuracy spread (%)"),
        ("latency_ms", "Latency (ms)"),
        ("latency_ms@edgegpu", "Latency on edgegpu (ms)"),
        ("params_m", "Parameters (millions)"),
        ("train_time_s", "Training time (s)"),
        ("loss", "Loss"),
        ("s", "S"),
    ],
)
def test_labels(name: str, label: str) -> None:
    assert quantity(name).label == label


def test_numbers_keep_three_digits() -> None:
    assert quantity("latency_ms").text(0.50138) == "0.501 ms"
    assert quantity("train_time_s").text(1234.5) == "1234 s"
    assert quantity("loss").text(0.0) == "0"
    assert quantity("val_acc").text(91.6) == "91.60 %"


def test_distribution_counts_every_value_once() -> None:
    values = np.concatenate([np.linspace(0.8, 0.9, 1000), [0.1, 0.1, NAN]])
    (chart,) = _charts(distribution(values, "val_acc", maximize=True))
    bars, rule = chart.layers
    assert isinstance(bars, Bars) and isinstance(rule, Rule)
    assert bars.heights.sum() == 1000
    assert chart.note == "1,002 architectures, 2 of them below 80.00 %"
    assert rule.value == pytest.approx(90)


@pytest.mark.parametrize(
    ("maximize", "best", "words"),
    [
        (True, 0.85, "best found 85.00 %, rank 6 of 11"),
        (True, 0.9, "best found 90.00 %, the best there is"),
        (False, 0.8, "best found 80.00 %, the best there is"),
    ],
)
def test_the_rank_of_what_was_found(maximize: bool, best: float, words: str) -> None:
    values = np.linspace(0.8, 0.9, 11)
    found = Found("h", np.array([NAN, best]), np.array([1, 2]))
    histogram, marks = _charts(distribution(values, "val_acc", maximize=maximize, found=found))
    (rule,) = (layer for layer in histogram.layers if isinstance(layer, Rule))
    assert rule.label == words
    points = next(layer for layer in marks.layers if isinstance(layer, Points))
    np.testing.assert_array_equal(points.y, [2])


def test_scatter_of_a_prediction() -> None:
    true = np.array([0.1, 0.2, 0.3, 0.4, NAN])
    (chart,) = _charts(scatter(true, np.array([0.2, 0.1, 0.3, 0.4, 0.5]), ("val_acc", "pred_val_acc")))
    assert chart.square and any(isinstance(layer, Diagonal) for layer in chart.layers)
    assert chart.note == "Kendall τ 0.667, Spearman ρ 0.800, 4 architectures"
    # what ranks but does not predict the value has no line to lie on
    (chart,) = _charts(scatter(true, np.array([12.0, 11, 13, 14, 15]), ("val_acc", "pred_val_acc")))
    assert not chart.square and not any(isinstance(layer, Diagonal) for layer in chart.layers)
    with pytest.raises(InputError, match="1 of 5 records have both"):
        scatter(true, np.array([1.0, NAN, NAN, NAN, 1.0]), ("val_acc", "pred_val_acc"))


_metric = st.one_of(st.integers(0, 5).map(float), st.just(NAN))


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.tuples(arrays(np.float64, n, elements=_metric), arrays(np.float64, n, elements=_metric))
    ),
    st.booleans(),
    st.booleans(),
)
def test_front_is_what_nothing_beats(values: tuple[np.ndarray, np.ndarray], more_x: bool, more_y: bool) -> None:
    x, y = values
    a, b = (x if more_x else -x), (y if more_y else -y)
    there = [row for row in range(len(x)) if not np.isnan(x[row] + y[row])]
    beaten = {
        row
        for row in there
        for other in there
        if a[other] >= a[row] and b[other] >= b[row] and (a[other] > a[row] or b[other] > b[row])
    }
    rows = front(x, y, (more_x, more_y)).tolist()
    assert {(x[row], y[row]) for row in rows} == {(x[row], y[row]) for row in there if row not in beaten}
    assert len({(x[row], y[row]) for row in rows}) == len(rows)
    assert [a[row] for row in rows] == sorted((a[row] for row in rows), reverse=True)


def test_pareto_shows_the_good_end_of_every_front() -> None:
    x = np.concatenate([np.linspace(1, 9, 50), [0.01]])
    y = np.concatenate([np.linspace(0.8, 0.9, 50), [0.1]])
    (chart,) = _charts(pareto([Candidates("a", x, y)], ("latency_ms", "val_acc"), maximize=(False, True)))
    (low_x, _), (low_y, high_y) = chart.x.limits, chart.y.limits
    assert low_x is not None and low_y is not None and high_y is not None
    assert low_x < 0.01 and high_y > 90
    assert low_y > 10 and chart.note == "1 architecture outside of the axes"
    with pytest.raises(InputError, match="no record has both latency_ms and val_acc"):
        pareto([Candidates("a", x, y * NAN)], ("latency_ms", "val_acc"), maximize=(False, True))


def test_principal_components() -> None:
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(500, 5)) * [0.1, 3.0, 0.1, 1.0, 0.1]
    places, shares = principal(latents)
    assert abs(np.corrcoef(places[:, 0], latents[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], latents[:, 3])[0, 1]) > 0.99
    np.testing.assert_allclose(shares, places.var(axis=0) / latents.var(axis=0).sum())
    flipped, _ = principal(-latents)
    np.testing.assert_allclose(flipped, -places)  # one sign convention, whatever the decomposition gives


def test_a_map_by_umap_keeps_neighbours_together() -> None:
    pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(3), 40)
    latents = rng.normal(size=(3, 8))[group] * 20 + rng.normal(size=(120, 8))
    (chart,) = latent(latents, group.astype(float), "val_acc", umap=True).panels
    assert isinstance(chart, Chart)
    assert (chart.x.label, chart.y.label) == ("UMAP 1", "UMAP 2")
    (points,) = chart.layers
    assert isinstance(points, Points)
    places = np.stack([points.x, points.y], axis=1)
    centres = np.stack([places[group == one].mean(axis=0) for one in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).all()


def test_latent_needs_values_and_dimensions() -> None:
    with pytest.raises(InputError, match="there are 2 and 4"):
        latent(np.zeros((3, 4)), np.array([1.0, NAN, 2.0]), "val_acc")
    with pytest.raises(InputError, match="there are 3 and 1"):
        latent(np.zeros((3, 1)), np.ones(3), "val_acc")


def test_training_puts_losses_and_shares_apart() -> None:
    log = {"epoch": np.array([1.0, 2]), "node_loss": np.array([2.0, 1]), "validity": np.array([NAN, 0.5])}
    losses, shares = _charts(training([("a", log)]))
    assert [layer.label for layer in losses.layers] == ["node loss"]  # type: ignore[union-attr]
    np.testing.assert_array_equal(shares.layers[0].y, [50])  # type: ignore[union-attr]
    with pytest.raises(InputError, match="no column says how far"):
        training([("a", {"loss": np.ones(2)})])
    with pytest.raises(InputError, match="neither a loss nor validity"):
        training([("a", {"epoch": np.ones(2)})])
