"""How a metric is called and in which unit it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a column is shown on an axis."""

    words: str
    """``validation accuracy``."""
    unit: str = ""
    factor: float = 1.0
    """Multiplies a column's numbers: fractions become percent."""

    @property
    def label(self) -> str:
        """``Validation accuracy (%)``."""
        words = self.words[:1].upper() + self.words[1:]
        return f"{words} ({self.unit})" if self.unit else words

    def scale(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n] in the unit that is shown."""
        return values * self.factor

    def text(self, value: float, *, spread: float | None = None) -> str:
        """A number that is already scaled, with its unit: ``91.57 ± 0.01 %``."""
        decimals = 2 if self.unit == "%" else max(0, 2 - int(np.floor(np.log10(abs(value))))) if value else 0
        more = "" if spread is None else f" ± {spread:.{decimals}f}"
        return f"{value:.{decimals}f}{more} {self.unit}".rstrip()


def counted(n: int) -> str:
    """``1 architecture``, ``15,625 architectures``."""
    return f"{n:,} architecture{'' if n == 1 else 's'}"


# A column's name is words joined by underscores; the last may be the unit.
_UNITS = {
    "ms": "ms",
    "s": "s",
    "mj": "mJ",
    "m": "millions",
    "mb": "MB",
}
_WORDS = {
    "acc": "accuracy",
    "val": "validation",
    "pred": "predicted",
    "params": "parameters",
    "train": "training",
    "std": "spread",
    "flops": "FLOPs",
}
_SHARES = frozenset({"acc", "accuracy", "validity", "uniqueness", "novelty", "coverage"})


def quantity(name: str) -> Quantity:
    """How the column ``name`` is shown: ``val_acc`` as validation accuracy in percent.

    A device may follow the name: ``latency_ms@edgegpu``.
    """
    name, _, device = name.partition("@")
    words = [word for word in re.split(r"[_\s]+", name) if word]
    unit = _UNITS.get(words[-1].lower(), "") if len(words) > 1 else ""
    if unit:
        words.pop()
    share = not _SHARES.isdisjoint(word.lower() for word in words)
    if share:
        unit = "%"
    spoken = " ".join(_WORDS.get(word.lower(), word) for word in words) + (f" on {device}" if device else "")
    return Quantity(spoken, unit, 100.0 if share else 1.0)
