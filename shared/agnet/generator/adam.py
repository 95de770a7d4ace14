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
        self._room = xp.empty(length)

    def step(self, vector: Array, gradient: Array, rate: float) -> None:
        """Move ``vector`` in place, about ``rate`` against each component of ``gradient``."""
        self.steps += 1
        of_mean, of_square = self._decays
        room = self._room
        self._xp.subtract(gradient, self.mean, out=room)
        room *= 1 - of_mean
        self.mean += room
        self._xp.multiply(gradient, gradient, out=room)
        room -= self.square
        room *= 1 - of_square
        self.square += room
        # Both means start from zero; what that takes from them is given back.
        self._xp.sqrt(self.square, out=room)
        room *= (1 - of_square**self.steps) ** -0.5
        room += _TINY
        self._xp.divide(self.mean, room, out=room)
        room *= rate / (1 - of_mean**self.steps)
        vector -= room
