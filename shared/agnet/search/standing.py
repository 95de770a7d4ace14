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
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet.search.acquisition import log_expected_improvement, upper_confidence_bound

_DOUBT = 1.5
"""Factor on the deviations of the process."""
_PATIENCE = 12
"""Queries without a better one after which the best measured one is taken for lucky."""
_HOPE = 0.5
"""Deviations that are then added to what is predicted."""

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

    def worth(self, mean: _Numbers, variance: _Numbers, ahead: int = 0) -> _Numbers:
        """[m] how much candidates are worth a query, as logarithms or alike; larger is better.

        Args:
            mean, variance: [m] of the process at the candidates.
            ahead: architectures that are already chosen for the same round.
        """
        doubtful = _DOUBT**2 * variance
        if (self.queries + ahead) % 2 == 0:
            return log_expected_improvement(mean, np.sqrt(doubtful), self.believed)
        if self.stalled >= _PATIENCE:
            return upper_confidence_bound(mean, np.sqrt(variance), _HOPE)
        return log_expected_improvement(mean, np.sqrt(doubtful + self.noise), self.measured)
