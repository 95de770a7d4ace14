"""Draw diagrams with matplotlib; :mod:`agnet.plots.figure` calls this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agnet.plots import style
from agnet.plots.chart import Box, Diagram, Path

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Curve

# Inches.
_MARGIN, _GAP, _CAPTION, _TITLE = 0.2, 0.45, 0.4, 0.45
_FONT = 10.0


def size(diagrams: Sequence[Diagram], columns: int, title: str) -> tuple[float, float]:
    """Inches that the diagrams take, all drawn to one scale."""
    widths, heights = _grid(diagrams, columns)
    return (
        2 * _MARGIN + sum(widths) + (len(widths) - 1) * _GAP,
        2 * _MARGIN + sum(heights) + (len(heights) - 1) * _GAP / 2 + (_TITLE if title else 0),
    )


def draw(figure: Figure, diagrams: Sequence[Diagram], columns: int, title: str) -> None:
    """Draw on an empty figure, as large as it allows."""
    wide, high = size(diagrams, columns, title)
    scale = min(figure.get_figwidth() / wide, figure.get_figheight() / high)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(0, high), aspect="equal")
    axes.set_axis_off()
    top = high - _MARGIN
    if title:
        axes.text(_MARGIN, top, title, fontsize=_FONT * 1.3 * scale, fontweight="bold", va="top")
        top -= _TITLE
    widths, heights = _grid(diagrams, columns)
    for row, height in enumerate(heights):
        left = _MARGIN
        for width, diagram in zip(widths, diagrams[row * columns : (row + 1) * columns], strict=False):
            axes.text(left, top, diagram.title, fontsize=_FONT * 1.1 * scale, fontweight="bold", va="top")
            _draw(figure, diagram, (left + style.BOX[0] * style.LAYER / 2, top - (height + _CAPTION) / 2), scale)
            left += width + _GAP
        top -= height + _GAP / 2


def _grid(diagrams: Sequence[Diagram], columns: int) -> tuple[list[float], list[float]]:
    """Inches of each column and, with the caption, of each row."""
    spans = np.array([np.ptp([(box.x, box.y) for box in diagram.boxes], axis=0) for diagram in diagrams])
    inches = (spans + style.BOX) * (style.LAYER, style.ROW)
    widths = [float(inches[column::columns, 0].max()) for column in range(min(columns, len(diagrams)))]
    heights = [float(inches[row : row + columns, 1].max()) + _CAPTION for row in range(0, len(diagrams), columns)]
    return widths, heights


def _draw(figure: Figure, diagram: Diagram, origin: tuple[float, float], scale: float) -> None:
    from matplotlib.patches import FancyBboxPatch, PathPatch  # noqa: PLC0415

    (axes,) = figure.axes
    for path in sorted(diagram.paths, key=lambda path: not path.faint):
        axes.add_patch(
            PathPatch(
                _curve(path, origin),
                facecolor="none",
                edgecolor=style.FAINT if path.faint else style.MUTED,
                linewidth=(1.0 if path.faint else 1.6) * scale,
                linestyle=(0, (3, 3)) if path.faint else "-",
                zorder=1 if path.faint else 2,
            )
        )
    width, height = style.BOX[0] * style.LAYER, style.BOX[1] * style.ROW
    for box in diagram.boxes:
        x, y = origin[0] + box.x * style.LAYER, origin[1] + box.y * style.ROW
        fill, line, word = _colours(box)
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=fill,
                edgecolor=line,
                linewidth=1.1 * scale,
                linestyle=(0, (3, 2)) if box.faint else "-",
                zorder=3,
            )
        )
        axes.text(x, y, box.text, color=word, fontsize=_FONT * scale, ha="center", va="center_baseline", zorder=4)


def _colours(box: Box) -> tuple[str, str, str]:
    """Filling, border and word of a box."""
    if box.faint:
        return style.PAPER, style.FAINT, style.FAINT
    if box.colour == style.INK:
        return style.GRID, style.FAINT, style.INK
    red, green, blue = (int(box.colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
    return box.colour, box.colour, style.ON_LIGHT if light else style.ON_DARK


def _curve(path: Path, origin: tuple[float, float]) -> Curve:
    """From the right side of the first box to the left side of the last, level where it leaves, passes and arrives."""
    from matplotlib.path import Path as Curve  # noqa: PLC0415

    places = np.array(origin) + path.points * (style.LAYER, style.ROW)
    half = np.array([style.BOX[0] * style.LAYER / 2, 0.0])
    points, codes = [places[0] + half], [Curve.MOVETO]
    for stop in places[1:]:
        start, end = points[-1], stop - half
        bend = np.array([(end[0] - start[0]) / 2, 0.0])
        points += [start + bend, end - bend, end, stop + half]
        codes += [Curve.CURVE4] * 3 + [Curve.LINETO]
    # The last box covers the piece below it.
    return Curve(np.array(points), codes)
