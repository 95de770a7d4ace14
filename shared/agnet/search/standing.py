"""Where a search stands, and what that makes candidates worth.

There are three ways to expect something of a candidate. One is the improvement of a *measured* value, with the noise of
training, over the best measured one: near the top of a space networks differ by no more than that noise, so it pays to
try all that are predicted to be about as good. But where the best measured one was lucky, hardly anything is expected
to beat it but what is merely unknown. So another is the improvement of what the process thinks, without noise, over the
best that it thinks of what was evaluated. The two take turns. Both take the process to be half as wrong again as it
says, because its parameters were found from the same few values: a search that does not looks too long where it is.

When nothing better has come for a while, the first gives its turns to the third, which asks hardly more than what is
predicted to be best: the best measured one was lucky then, what is unknown has been tried, and what is left to find is
another lucky one among the good.

Under limits the second does not count, and the process is taken at its word: of what it knows little about much breaks
them. The third takes every other turn after as long a while; it matters most where few architectures keep the limits,
and of many that are alike one was lucky. All is weighed by whether the limits are kept. The product with that
probability (Gardner et al., "Bayesian Optimization with Inequality Constraints", ICML 2014) would ask too much of what
most likely breaks them: better architectures there are many beyond a limit, and the one that is chosen is one whose
probability is too high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr

from agnet.search.acquisition import log_expected_improvement, upper_confidence_bound
from agnet.surrogates.process import Posterior, Process

TURNS = 2
"""Ways to expect something that take turns."""
_DOUBT = 1.5
"""Factor on the deviations of the process."""
_PATIENCE = 12
"""Queries without a better one after which the best measured one is taken for lucky."""
_HOPE = 0.5
"""Deviations that are then added to what is predicted."""
_LIKELY = 0.3
"""Probability of keeping a limit from which on candidates count in full."""
_STRICTNESS = 20
"""Power of what is missing to it by which others count less: hardly at all, but there is an order among them."""

_Numbers = NDArray[np.float64]


def stalled(scores: _Numbers) -> int:
    """Number of queries since the best of [n] ``scores``, which are in the order of the queries."""
    return len(scores) - 1 - int(scores.argmax()) if len(scores) else 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the best so far, in the numbers of the process."""

    queries: int
    """How many there were."""
    stalled: int
    """How many of them since the best."""
    measured: float
    """The largest measured value."""
    believed: float
    """The largest value without its noise, as the process sees it."""
    noise: float
    """Variance of a measured value around the process."""
    limited: bool = False
    """Whether there are limits to keep."""

    def worth(self, mean: _Numbers, variance: _Numbers, ahead: int = 0) -> _Numbers:
        """[m] how much candidates are worth a query, as logarithms or alike; larger is better.

        Args:
            mean, variance: [m] of the process at the candidates.
            ahead: architectures that are already chosen for the same round.
        """
        even = (self.queries + ahead) % TURNS == 0
        if not even and self.stalled >= _PATIENCE:
            return upper_confidence_bound(mean, np.sqrt(variance), _HOPE)
        if self.limited:
            return log_expected_improvement(mean, np.sqrt(variance + self.noise), self.measured)
        doubtful = _DOUBT**2 * variance
        if even:
            return log_expected_improvement(mean, np.sqrt(doubtful), self.believed)
        return log_expected_improvement(mean, np.sqrt(doubtful + self.noise), self.measured)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether architectures keep a limit, by the process of how far they are from breaking it.

    The probability is Φ(slope · z + shift), z being the distance from the limit in deviations. Latencies have outliers
    and steps that a normal distribution does not have, so slope and shift are those that suit what would have been said
    of each known architecture without having measured it (Platt, "Probabilistic Outputs for Support Vector Machines",
    1999).
    """

    limit: float
    """Where it is, in the numbers of the process."""
    slope: float
    shift: float

    @classmethod
    def of(cls, process: Process, limit: float, kept: NDArray[np.bool_]) -> Keeping:
        """What suits the [n] architectures that ``process`` was conditioned on, of which ``kept`` keep the limit."""
        mean, variance = process.left_out()
        z = (mean - limit) / np.sqrt(variance + process.noises_at(mean))
        side = np.where(kept, 1.0, -1.0)

        def loss(parameters: _Numbers) -> float:
            slope, shift = parameters
            return float(0.5 * parameters @ parameters - log_ndtr(side * (np.exp(slope) * z + shift)).sum())

        slope, shift = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-2, 2), (-2, 2)]).x
        return cls(limit, float(np.exp(slope)), float(shift))

    def log_probability(self, posterior: Posterior) -> _Numbers:
        """[m] logarithm of the probability that candidates keep the limit."""
        deviation = np.sqrt(posterior.variance + posterior.process.noises_at(posterior.mean))
        return np.asarray(log_ndtr(self.slope * (posterior.mean - self.limit) / deviation + self.shift))

    def log_weight(self, posterior: Posterior) -> _Numbers:
        """[m] logarithm of what the worth of candidates is multiplied by: 1 if they are likely to keep the limit."""
        return np.asarray(_STRICTNESS * np.minimum(self.log_probability(posterior) - np.log(_LIKELY), 0))
