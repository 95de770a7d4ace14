"""A Gaussian process over groups of features: every group has a kernel of its own, their sum is the covariance.

Matérn 5/2 on a group tells how alike two architectures are in one respect (their operations and degrees, their paths);
a linear kernel carries a trend (larger networks are better). Learning finds how much each respect matters, how far it
reaches and how noisy the values are, by the marginal likelihood times weak log-normal priors, which keep a handful of
evaluations from being explained by noise alone or by nothing but noise (Rasmussen and Williams, "Gaussian Processes for
Machine Learning", 2006, chapters 2 and 5). The noise grows with the distance from the largest value, by a rate that is
learned as well: poor architectures scatter more, and must not dictate what is thought of good ones. All features in one
kernel would do far worse: the longest group would drown the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

Kind = Literal["matern", "linear"]
Groups = Sequence[NDArray[np.float64]]
"""[n, d] features of each group; distances of about 1 are usual."""

_MEAN = 1.0
"""Variance of the unknown mean; values have deviation 1."""
_JITTER = 1e-8
_STEPS = 15
"""Iterations of learning; it begins where the last one ended."""

# Mean and deviation of the logarithms; the mean of a Matérn kernel's variance is ``matter``.
_VARIANCE = (-1.0, 1.5)
_LENGTH = (0.5, 0.7)
_NOISE = (-3.0, 1.0)
_RATE = (-1.0, 1.0)


@dataclass
class Process:
    """Values of deviation about 1 as a Gaussian process of groups of features."""

    kinds: Sequence[Kind]
    """Kernel of each group."""
    matter: float | Sequence[float] = -2.0
    """Mean of the prior of the logarithm of a Matérn kernel's variance, of all or group by group: of many groups few
    matter much."""
    parameters: NDArray[np.float64] = field(init=False)
    """Logarithms of a variance, and of a length for Matérn kernels, group by group; then of the noise's variance at the
    largest value, and of the rate at which that grows below."""
    _groups: Groups = field(init=False, repr=False)
    _largest: float = field(init=False, repr=False)
    _factor: NDArray[np.float64] = field(init=False, repr=False)
    _weights: NDArray[np.float64] = field(init=False, repr=False)
    _y: NDArray[np.float64] = field(init=False, repr=False)
    fitted: NDArray[np.float64] = field(init=False, repr=False)
    """[n] what the process expects of the architectures that it was conditioned on, without their noise."""

    def __post_init__(self) -> None:
        prior: list[tuple[float, float]] = []
        for kind, matter in zip(self.kinds, np.broadcast_to(self.matter, len(self.kinds)), strict=True):
            prior += [(matter, _VARIANCE[1]), _LENGTH] if kind == "matern" else [_VARIANCE]
        self._centre, self._spread = np.array([*prior, _NOISE, _RATE]).T
        self.parameters = self._centre.copy()

    @property
    def noise(self) -> float:
        """Variance of a value around the process, where values are as large as the largest."""
        return float(np.exp(self.parameters[-2]))

    def noises(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n] variance of values around the process: ``noise`` times exp(rate · distance from the largest)."""
        return self.noise * np.exp(np.exp(self.parameters[-1]) * (y.max() - y))

    def noises_at(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """[m] variance of values around the process where it is ``mean``; that of the best where it is larger still."""
        return self.noise * np.exp(np.exp(self.parameters[-1]) * np.maximum(self._largest - mean, 0))

    def learn(self, groups: Groups, y: NDArray[np.float64]) -> None:
        """Find the parameters from [n] values; cubic in n."""
        from scipy.optimize import minimize  # noqa: PLC0415 - 0.1 s, which what only predicts need not spend

        shapes = [_shape(kind, group, group) for kind, group in zip(self.kinds, groups, strict=True)]
        diagonal = np.diag_indices(len(y))
        unit = np.eye(len(y))
        below = y.max() - y

        def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            covariance = np.full(unit.shape, _MEAN)
            slopes = []
            for (kind, at), shape in zip(self._layout(), shapes, strict=True):
                part, *slope = _kernel(kind, shape, parameters[at], slope=True)
                covariance += part
                slopes += [part, *slope]
            rate = np.exp(parameters[-1])
            noises = np.exp(parameters[-2] + rate * below)
            covariance[diagonal] += noises + _JITTER
            factor = cholesky(covariance, lower=True, check_finite=False)
            inverse = cho_solve((factor, True), unit, check_finite=False)
            weights = inverse @ y
            outer = (inverse - np.outer(weights, weights)).ravel()
            scatter = 0.5 * noises * outer[:: len(y) + 1]
            slope = [*(0.5 * outer @ part.ravel() for part in slopes), scatter.sum(), rate * scatter @ below]
            away = (parameters - self._centre) / self._spread
            value = 0.5 * y @ weights + np.log(factor[diagonal]).sum() + 0.5 * away @ away
            return float(value), np.array(slope) + away / self._spread

        bounds = np.stack([self._centre - 4 * self._spread, self._centre + 4 * self._spread], axis=1)
        self.parameters = minimize(
            loss, self.parameters, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}
        ).x

    def condition(self, groups: Groups, y: NDArray[np.float64]) -> None:
        """Take [n] values for granted, with the parameters as they are."""
        covariance = self.covariance(groups, groups)
        noises = self.noises(y)
        covariance[np.diag_indices(len(y))] += noises + _JITTER
        self._groups, self._y, self._largest = groups, y, float(y.max())
        self._factor = cholesky(covariance, lower=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), y, check_finite=False)
        self.fitted = y - (noises + _JITTER) * self._weights

    def left_out(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[n] mean and variance of the process at each of the architectures if it alone was not known.

        Rasmussen and Williams, section 5.4.2. Call it before :meth:`believe`.
        """
        inverse = solve_triangular(self._factor, np.eye(len(self._y)), lower=True, check_finite=False)
        precision = np.einsum("nm,nm->m", inverse, inverse)
        mean = self._y - self._weights / precision
        return mean, np.maximum(1 / precision - self.noises(self._y) - _JITTER, _JITTER)

    def believe(self, groups: Groups) -> None:
        """Take it for granted that [p] more architectures have the values that are expected of them.

        Then nothing else is expected anywhere, but less is unknown around them: the kriging believer of Ginsbourger,
        Le Riche and Carraro ("Kriging Is Well-Suited to Parallelize Optimization", 2010). ``fitted`` stays as it is.
        """
        expected = self.posterior(groups)
        explained = expected.explained
        covariance = self.covariance(groups, groups) - explained.T @ explained
        covariance[np.diag_indices(len(covariance))] += self.noises_at(expected.mean) + _JITTER
        factor = cholesky(covariance, lower=True, check_finite=False)
        above = np.zeros((len(self._factor), len(factor)))
        self._factor = np.block([[self._factor, above], [explained.T, factor]])
        self._weights = np.concatenate([self._weights, np.zeros(len(factor))])
        self._groups = [np.concatenate(pair) for pair in zip(self._groups, groups, strict=True)]

    def prior(self, groups: Groups) -> Posterior:
        """What is known about [m] architectures before there are any values."""
        m = len(groups[0])
        return Posterior(self, np.zeros(m), self._prior_variance(groups), [(groups, np.empty((0, m)))])

    def posterior(self, groups: Groups) -> Posterior:
        """What is known about [m] other architectures."""
        cross = self.covariance(groups, self._groups)
        mean = cross @ self._weights
        explained = solve_triangular(self._factor, cross.T, lower=True, overwrite_b=True, check_finite=False)
        variance = self._prior_variance(groups) - np.einsum("nm,nm->m", explained, explained)
        return Posterior(self, mean, np.maximum(variance, _JITTER), [(groups, explained)])

    def covariance(self, a: Groups, b: Groups) -> NDArray[np.float64]:
        """[n, m] covariance of the process, without noise."""
        covariance = np.full((len(a[0]), len(b[0])), _MEAN)
        for (kind, at), x, z in zip(self._layout(), a, b, strict=True):
            covariance += _kernel(kind, _shape(kind, x, z), self.parameters[at])[0]
        return covariance

    def _prior_variance(self, groups: Groups) -> NDArray[np.float64]:
        variance = np.full(len(groups[0]), _MEAN)
        for (kind, at), x in zip(self._layout(), groups, strict=True):
            size = np.exp(self.parameters[at][0])
            variance += size * np.einsum("nd,nd->n", x, x) if kind == "linear" else size
        return variance

    def _layout(self) -> list[tuple[Kind, slice]]:
        """Kernel and place of the parameters of each group."""
        ends = np.cumsum([2 if kind == "matern" else 1 for kind in self.kinds]).tolist()
        return [(kind, slice(a, b)) for kind, a, b in zip(self.kinds, [0, *ends], ends, strict=False)]


@dataclass
class Posterior:
    """The process at [m] architectures, given the values it was conditioned on."""

    process: Process
    mean: NDArray[np.float64]
    """[m]"""
    variance: NDArray[np.float64]
    """[m] of the process itself; a measured value varies by ``process.noise`` more."""
    _pieces: list[tuple[Groups, NDArray[np.float64]]]
    """Of the architectures, one lot after the other: features of each group; [n, m] prior covariance with the known
    values, whitened. They are put together when they are asked for: what a search adds to often it seldom asks for."""

    def _whole(self) -> tuple[Groups, NDArray[np.float64]]:
        if len(self._pieces) > 1:
            groups, explained = zip(*self._pieces, strict=True)
            joined = [np.concatenate(parts) for parts in zip(*groups, strict=True)]
            self._pieces = [(joined, np.concatenate(explained, axis=1))]
        return self._pieces[0]

    @property
    def explained(self) -> NDArray[np.float64]:
        """[n, m] prior covariance with the known values, whitened."""
        return self._whole()[1]

    def take(self, rows: NDArray[np.integer]) -> Posterior:
        """The architectures at ``rows``."""
        groups, explained = self._whole()
        piece = [group[rows] for group in groups], explained[:, rows]
        return Posterior(self.process, self.mean[rows], self.variance[rows], [piece])

    def extend(self, other: Posterior) -> Posterior:
        """These architectures and, behind them, those of ``other``."""
        mean, variance = np.concatenate([self.mean, other.mean]), np.concatenate([self.variance, other.variance])
        return Posterior(self.process, mean, variance, [*self._pieces, *other._pieces])

    def expect(self, row: int) -> None:
        """Update the variance as if ``row``'s value was known, to what it is expected to be.

        So a batch is chosen one by one: what the first of it will tell, the others need not.
        """
        groups, explained = self._whole()
        here = [group[row : row + 1] for group in groups]
        covariance = self.process.covariance(groups, here)[:, 0] - explained.T @ explained[:, row]
        step = covariance / np.sqrt(max(covariance[row], _JITTER) + self.process.noise)
        self._pieces = [(groups, np.vstack([explained, step]))]
        self.variance = np.maximum(self.variance - step**2, _JITTER)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """[n, m] samples of the process; cubic in m."""
        groups, explained = self._whole()
        covariance = self.process.covariance(groups, groups) - explained.T @ explained
        covariance[np.diag_indices(len(covariance))] += 1e-6
        factor = cholesky(covariance, lower=True, check_finite=False)
        samples: NDArray[np.float64] = self.mean + rng.standard_normal((n, len(self.mean))) @ factor.T
        return samples


def _shape(kind: Kind, x: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, m] what a kernel is a function of: inner products, or distances times the square root of 5."""
    products = x @ z.T
    if kind == "linear":
        return products
    # In place, here and below: new memory costs more than the arithmetic.
    products *= 2
    squares = np.add.outer(np.einsum("nd,nd->n", x, x), np.einsum("md,md->m", z, z))
    squares -= products
    np.maximum(squares, 0, out=squares)
    squares *= 5
    return np.sqrt(squares, out=squares)


def _kernel(
    kind: Kind, shape: NDArray[np.float64], parameters: NDArray[np.float64], *, slope: bool = False
) -> list[NDArray[np.float64]]:
    """[n, m] kernel, whose slope by the logarithm of the variance is itself; and, if asked for, that of the length."""
    variance = np.exp(parameters[0])
    if kind == "linear":
        return [variance * shape]
    ratio = np.multiply(shape, np.exp(-parameters[1]), out=None if slope else shape)
    decay = np.negative(ratio)
    np.exp(decay, out=decay)
    decay *= variance
    third = np.square(ratio)
    third /= 3
    ratio += 1
    if not slope:
        ratio += third
        ratio *= decay
        return [ratio]
    kernel = ratio + third
    kernel *= decay
    third *= ratio
    third *= decay
    return [kernel, third]
