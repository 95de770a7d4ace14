"""Acquisition functions: how much a candidate is worth a query, from what a surrogate says about it.

Larger is better. ``mean`` and ``std`` are of the objective turned so that larger is better.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from agnet.errors import InputError
from agnet.names import nearest
from agnet.seeds import Seed, keyed_uniform

Acquisition = Literal["ei", "ucb", "thompson", "mean"]
NAMES: tuple[Acquisition, ...] = get_args(Acquisition)
BETA = 1.5
"""Deviations that the upper confidence bound adds."""

_Numbers = NDArray[np.float64]
_HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


def of(name: str) -> Acquisition:
    """The acquisition function called ``name``.

    Raises:
        InputError: if there is none.
    """
    for known in NAMES:
        if name == known:
            return known
    raise InputError(f"no acquisition is called {name!r}{nearest(name, NAMES)}")


def independent(
    name: Acquisition, mean: _Numbers, std: _Numbers, best: float, keys: NDArray[np.integer], seed: Seed
) -> _Numbers:
    """[n] worth of architectures of a stream, each by itself: it does not depend on the others.

    Args:
        name: which function.
        mean, std: [n] what is predicted.
        best: the best value so far, for ``ei``.
        keys: [n] what the draws of ``thompson`` depend on, besides the seed: the same architecture, the same draw.
        seed: of the draws.
    """
    if name == "mean":
        return mean
    if name == "ei":
        return log_expected_improvement(mean, std, best)
    if name == "ucb":
        return upper_confidence_bound(mean, std, BETA)
    uniform = np.clip(keyed_uniform(seed, "acquisition", keys), 1e-12, 1 - 1e-12)
    return mean + std * ndtri(uniform)


def upper_confidence_bound(mean: _Numbers, std: _Numbers, beta: float = 1.0) -> _Numbers:
    """[n] mean plus ``beta`` deviations (Srinivas et al., ICML 2010)."""
    return mean + beta * std


def expected_improvement(mean: _Numbers, std: _Numbers, best: float) -> _Numbers:
    """[n] expected gain over ``best`` (Jones et al., 1998); 0 only where nothing can be gained.

    Let ``std`` include the noise of a measurement where the best *measured* value is what counts.
    """
    return np.exp(log_expected_improvement(mean, std, best))


def log_expected_improvement(mean: _Numbers, std: _Numbers, best: float) -> _Numbers:
    """[n] logarithm of the expected improvement, exact far from ``best`` too (Ament et al., NeurIPS 2023)."""
    std = np.maximum(std, np.finfo(np.float64).tiny)
    u = (mean - best) / std
    density = -0.5 * u**2 - _HALF_LOG_TWO_PI
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # u·Φ(u) + φ(u); where the two nearly cancel, φ(u) times 1 - |u|·Φ(u)/φ(u), and far out φ(u)/u²
        near = np.log(u * ndtr(u) + np.exp(density))
        middle = density + np.log1p(-np.exp(np.log(-u) + log_ndtr(u) - density))
        far = density - 2 * np.log(-u)
    return np.log(std) + np.select([u > -1, u > -1e3], [near, middle], far)
