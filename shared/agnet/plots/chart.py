"""What a picture shows, without how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.plots import style

Numbers = NDArray[Any]
"""Real numbers of any kind."""
_LARGEST = 1e300
Corner = Literal["upper left", "upper right", "lower left", "lower right"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a chart."""

    label: str
    log: bool = False
    limits: tuple[float | None, float | None] = (None, None)
    """Lowest and highest value shown; None fits the data."""
    whole: bool = False
    """Its values are whole numbers (counts)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not all(limit is None or abs(limit) <= _LARGEST for limit in self.limits):
            raise _beyond()


@dataclass(frozen=True, slots=True)
class Line:
    """A line through [n] points; NaN interrupts it."""

    x: Numbers
    y: Numbers
    colour: str
    label: str | None = None
    low: Numbers | None = None
    high: Numbers | None = None
    """[n] borders of a band around the line."""
    step: bool = False
    """The value stays until the next point."""
    dashed: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _check(self.x, self.y, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Points:
    """[n] points, all of one colour, or each coloured by its value."""

    x: Numbers
    y: Numbers
    colour: str | Numbers
    label: str | None = None
    size: float = 5.0
    """Diameter in typographic points."""
    alpha: float = 1.0
    values_label: str | None = None
    """What the colours mean, when they are values."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _check(self.x, self.y, None if isinstance(self.colour, str) else self.colour)


def _check(*arrays: Numbers | None) -> None:
    """An axis from one end of the floats to the other would have no length that is a number."""
    for array in arrays:
        if array is not None and array.dtype.kind == "f" and (np.abs(array[np.isfinite(array)]) > _LARGEST).any():
            raise _beyond()


def _beyond() -> InputError:
    return InputError(f"a number beyond {_LARGEST:g} cannot be drawn; leave such records out")


@dataclass(frozen=True, slots=True)
class Bars:
    """[n] bars that stand between [n + 1] edges."""

    edges: Numbers
    heights: Numbers
    colour: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the chart at one value of an axis."""

    axis: Literal["x", "y"]
    value: float
    label: str
    colour: str = style.MUTED


@dataclass(frozen=True, slots=True)
class Diagonal:
    """The line where both axes are equal."""

    label: str
    colour: str = style.MUTED


Layer = Line | Points | Bars | Rule | Diagonal


@dataclass(frozen=True, slots=True)
class Chart:
    """Layers over two axes, drawn in order."""

    x: Axis
    y: Axis
    layers: Sequence[Layer]
    title: str = ""
    note: str = ""
    """A line of small text under the title: what else is worth knowing."""
    legend: Corner = "lower right"
    """The corner that the data leaves free."""
    square: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A node of a diagram: a word in a coloured box."""

    x: float
    y: float
    text: str
    colour: str
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """An edge of a diagram from one box to another through [n, 2] places, from left to right."""

    points: NDArray[np.float64]
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes and the edges between them; x counts layers from the left, y rows upwards."""

    boxes: Sequence[Box]
    paths: Sequence[Path]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Charts or diagrams on one picture."""

    panels: Sequence[Chart | Diagram]
    columns: int = 1
    heights: Sequence[float] = ()
    """Relative height of each row; rows of one height by default."""
    share_x: bool = False
    """The panels stand on one x axis, that of the last."""
    title: str = ""
    """Above all panels."""
