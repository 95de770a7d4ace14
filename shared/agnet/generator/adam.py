"""The Adam optimiser (Kingma and Ba, ICLR 2015) on one vector of parameters."""

from __future__ import annotations

from agnet.generator.arrays import Array, Backend

DECAYS = (0.5, 0.999)
"""AG-Net's: of the mean gradient, of its square."""
_TINY = 1e-8


class Adam:
    """Running means of a gradient, and the steps that follow from them."""

    def __init__(self, xp: Backend, length: int, decays: tuple[float, float] = DECAYS) -> None:
        self._xp, self._decays = xp, decays
        self.mean = xp.full(0, length)
        self.square = xp.full(0, length)
        self.steps = 0

    def step(self, vector: Array, gradient: Array, rate: float) -> None:
        """Move ``vector`` in place, about ``rate`` against each component of ``gradient``."""
        self.steps += 1
        of_mean, of_square = self._decays
        self.mean += (gradient - self.mean) * (1 - of_mean)
        self.square += (gradient * gradient - self.square) * (1 - of_square)
        # Both means start from zero; what that takes from them is given back.
        size = self._xp.sqrt(self.square)
        size *= (1 - of_square**self.steps) ** -0.5
        size += _TINY
        move = self.mean / size
        move *= rate / (1 - of_mean**self.steps)
        vector -= move
