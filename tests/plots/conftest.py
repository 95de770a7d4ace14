"""One page of each kind, made from formulas: the same everywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from agnet.plots.cells import cells
from agnet.plots.chart import Page
from agnet.plots.curve import Run, curve
from agnet.plots.distribution import Found, distribution
from agnet.plots.latent import latent
from agnet.plots.pareto import Candidates, pareto
from agnet.plots.scatter import scatter
from agnet.plots.training import training
from agnet.spaces.nb201 import NB201

_NB201 = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|none~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|",
)


def _values(n: int, step: float = 0.61803398875) -> np.ndarray:
    """[n] numbers that fill (0, 1) evenly in a scattered order."""
    return np.arange(1, n + 1) * step % 1.0


def _accuracies(n: int) -> np.ndarray:
    return 0.915 - 0.06 * -np.log(_values(n) + 1e-3) / 3


def _curve() -> Page:
    trials = np.repeat(np.arange(4), 64)
    fast = Run("guided", np.maximum(_accuracies(256), 0.9158 - 0.1 / (np.arange(256) % 64 + 1)), trials)
    return curve([fast, Run("random", _accuracies(64))], "val_acc", maximize=True, optimum=0.9161, title="Two searches")


def _regret() -> Page:
    run = Run("guided", np.append(_accuracies(63), 0.9161))
    return curve([run], "val_acc", maximize=True, optimum=0.9161, regret=True)


def _distribution() -> Page:
    found = Found("history", _accuracies(40), np.arange(1, 41))
    return distribution(np.append(_accuracies(2000), [0.1, 0.9161]), "val_acc", maximize=True, found=found)


def _scatter() -> Page:
    true = _accuracies(300)
    return scatter(true, true + 0.02 * (_values(300, 0.7548776662) - 0.5), ("val_acc", "pred_val_acc"))


def _pareto() -> Page:
    x, y = 1 + 7 * _values(400), _accuracies(400) - 0.01 * _values(400, 0.7548776662)
    return pareto([Candidates("all", x, y)], ("latency_ms", "val_acc"), maximize=(False, True))


def _latent() -> Page:
    angles = 2 * np.pi * _values(200)
    z = np.stack([np.cos(angles), 0.5 * np.sin(angles), 0.1 * _values(200, 0.7548776662)], axis=1)
    return latent(z, 0.9 + 0.01 * np.cos(angles), "val_acc")


def _training() -> Page:
    samples = np.arange(1, 21) * 5000.0
    log = {
        "samples": samples,
        "loss": 10 * np.exp(-samples / 2e4),
        "validity": 1 - np.exp(-samples / 1e4),
        "coverage": np.where(np.arange(20) % 2, samples / 2e5, np.nan),
    }
    return training([("nb201", log)])


def _cells() -> Page:
    graphs = NB201().parse(pa.array(_NB201)).graphs
    return cells(NB201(), graphs, ["1.  91.61 %", "2.  90.12 %"])


PAGES: dict[str, Callable[[], Page]] = {
    "curve": _curve,
    "regret": _regret,
    "distribution": _distribution,
    "scatter": _scatter,
    "pareto": _pareto,
    "latent": _latent,
    "training": _training,
    "cells": _cells,
}


@pytest.fixture(params=PAGES)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of picture in turn."""
    return str(request.param)


@pytest.fixture
def page() -> Callable[[str], Page]:
    """The page of a kind."""
    return lambda kind: PAGES[kind]()
