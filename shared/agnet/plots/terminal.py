"""Draw pages with characters: braille dots for lines and points, blocks for bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agnet.plots import style
from agnet.plots.chart import Axis, Bars, Chart, Diagonal, Diagram, Layer, Line, Numbers, Page, Points, Rule

# Bit of each of a braille character's dots, [4 rows, 2 columns] (Unicode 28xx).
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDEST = 100
_LAYER, _ROW, _WORD = 15, 2.0, 12
"""Columns from layer to layer of a diagram, lines from row to row, columns of a box."""
_VALUE_COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#c8d51c")  # viridis, its end a little darker


def text(page: Page, width: int, height: int, *, colour: bool) -> str:
    """The picture as lines of text.

    Args:
        page: what to draw.
        width: characters in a line.
        height: lines that all charts together may take; diagrams take what they need.
        colour: whether the terminal understands ANSI colours.
    """
    width = min(width, _WIDEST)
    shares = np.array(page.heights or [1.0] * len(page.panels))
    rows = np.maximum(12, (shares / shares.sum() * height).astype(np.intp)).tolist()
    frames = [
        _Frame(panel, width, high) for panel, high in zip(page.panels, rows, strict=True) if isinstance(panel, Chart)
    ]
    if page.share_x:
        margin = max(frame.margin for frame in frames)
        for frame in frames:
            frame.margin = margin
    blocks = [[page.title]] if page.title else []
    blocks += [frame.lines(colour) for frame in frames]
    blocks += [_diagram(panel, width, colour) for panel in page.panels if isinstance(panel, Diagram)]
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks) + "\n"


class _Frame:
    """A chart's axes, title and legend, with room for what is between the axes."""

    def __init__(self, chart: Chart, width: int, height: int) -> None:
        self.chart = chart
        self.width = width
        self._x_values, y_values = _extents(chart.layers)
        head = sum(map(bool, (chart.title, chart.note))) + len(list(_legend(chart, False)))
        self.rows = max(5, height - head - 4)
        self.y = _Scale(chart.y, y_values, self.rows * 4)
        self.ticks = {self.rows - 1 - int(dot) // 4: label for dot, label in self.y.ticks(max(3, self.rows // 4))}
        self.margin = max(map(len, self.ticks.values()), default=0) + 1
        """Characters before the axis."""

    def lines(self, colour: bool) -> list[str]:
        """All of the chart."""
        chart, columns = self.chart, self.width - self.margin - 1
        x = _Scale(chart.x, self._x_values, columns * 2)
        canvas = _Canvas(self.rows, columns)
        for layer in chart.layers:
            _draw(canvas, layer, x, self.y)
        body = [
            f"{self.ticks.get(row, ''):>{self.margin - 1}} {'┤' if row in self.ticks else '│'}{line}"
            for row, line in enumerate(canvas.lines(colour))
        ]
        axis, labels = ["─"] * columns, [" "] * self.width
        free = 0
        for dot, label in x.ticks(max(2, columns // 12)):
            column = int(dot) // 2
            start = min(max(self.margin + 1 + column - len(label) // 2, 0), self.width - len(label))
            if start >= free:
                axis[column] = "┬"
                labels[start : start + len(label)] = label
                free = start + len(label) + 2
        return [
            *(part for part in (chart.title, chart.note) if part),
            *_legend(chart, colour),
            chart.y.label,
            *body,
            " " * self.margin + "└" + "".join(axis),
            "".join(labels),
            " " * (self.margin + 1) + chart.x.label.center(columns),
        ]


def _diagram(diagram: Diagram, width: int, colour: bool) -> list[str]:
    """Boxes as words, edges as dots."""
    places = np.array([(box.x, box.y) for box in diagram.boxes])
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    step = min(_LAYER, (width - _WORD) / max(span[0], 1))
    canvas = _Canvas(int(np.ceil(span[1] * _ROW)) + 2, int(span[0] * step) + _WORD)

    def dots(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return ((points - low) * (step, _ROW) + (_WORD / 2, 0.5)) * (2, 4)

    for path in sorted(diagram.paths, key=lambda path: not path.faint):
        along = np.arange(0, len(path.points) - 1 + 1e-9, 0.02)
        level = along - np.sin(2 * np.pi * along) / (2 * np.pi)  # moves up and down between places, level at each
        stops = np.arange(len(path.points))
        x, y = np.interp(along, stops, path.points[:, 0]), np.interp(level, stops, path.points[:, 1])
        x_dots, y_dots = dots(np.stack([x, y], axis=1)).T
        shown = np.arange(len(along)) % 6 < 2 if path.faint else np.ones(len(along), dtype=np.bool_)
        canvas.points(x_dots[shown], y_dots[shown], style.MUTED)
    for box, (x, y) in zip(diagram.boxes, dots(places).tolist(), strict=True):
        shade = style.FAINT if box.faint else box.colour
        canvas.word(int(x) // 2, canvas.rows - 1 - int(y) // 4, f" {box.text} ", shade)
    return [diagram.title, *canvas.lines(colour)]


def _legend(chart: Chart, colour: bool) -> Iterator[str]:
    for layer in chart.layers:
        if isinstance(layer, Points) and not isinstance(layer.colour, str) and layer.values_label:
            low, high = np.nanmin(layer.colour), np.nanmax(layer.colour)
            scale = "".join(_paint("●", shade, colour) for shade in _VALUE_COLOURS)
            yield f"  {low:.4g} {scale} {high:.4g}  {layer.values_label}"
        elif layer.label:
            mark = {Line: "──", Points: " ●", Bars: " █", Rule: "╌╌", Diagonal: "╌╌"}[type(layer)]
            shade = layer.colour if isinstance(layer.colour, str) else style.INK
            yield f"  {_paint(mark, shade, colour)} {layer.label}"


class _Scale:
    """From an axis's values to dots."""

    def __init__(self, axis: Axis, values: NDArray[np.float64], dots: int) -> None:
        self._log = axis.log
        self._whole = axis.whole
        self._dots = dots
        values = values[np.isfinite(values) & ((values > 0) | (not axis.log))]
        low, high = axis.limits
        low = float(values.min(initial=np.inf)) if low is None else low
        high = float(values.max(initial=-np.inf)) if high is None else high
        if not low < high:
            low, high = (low / 2, low * 2) if axis.log else (low - 0.5, low + 0.5)
        self.low, self.high = (float(np.log10(low)), float(np.log10(high))) if axis.log else (low, high)

    def __call__(self, values: Numbers) -> NDArray[np.float64]:
        """[n] dots from the axis's start, outside of 0 to ``dots`` for what is not shown."""
        values = np.asarray(values, dtype=np.float64)
        if self._log:
            values = np.log10(np.where(values > 0, values, np.nan))
        return (values - self.low) / (self.high - self.low) * (self._dots - 1)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Dot and label of round values."""
        if self._log:
            low, high = 10**self.low, 10**self.high
            decades = 10.0 ** np.arange(np.floor(self.low), np.ceil(self.high) + 1)
            values = decades if self.high - self.low > 2 else np.sort(np.outer(decades, [1, 2, 5]).ravel())
            values = values[(values >= low) & (values <= high)]
            return list(zip(self(values).tolist(), [f"{value:g}" for value in values], strict=True))
        step = _round_step((self.high - self.low) / most)
        if self._whole:
            step = max(step, 1.0)
        # + 0.0, or zero may be written -0
        values = np.arange(np.ceil(self.low / step - 1e-9), np.floor(self.high / step + 1e-9) + 1) * step + 0.0
        decimals = max(0, -int(np.floor(np.log10(step))))
        return list(zip(self(values).tolist(), [f"{value:,.{decimals}f}" for value in values], strict=True))


def _round_step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(power * next(factor for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9)))


class _Canvas:
    """Characters that are made of dots, row 0 at the top, dot (0, 0) at the bottom left."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._dots = np.zeros((rows * 4, columns * 2), dtype=np.bool_)
        self._blocks = np.zeros((rows, columns), dtype=np.intp)
        self._words = np.full((rows, columns), "", dtype=object)
        self._colours = np.full((rows, columns), "", dtype=object)

    def points(self, x: NDArray[np.float64], y: NDArray[np.float64], colours: str | NDArray[np.object_]) -> None:
        """Set dots; those outside are left out, of those in one character the last gives the colour."""
        with np.errstate(invalid="ignore"):
            column, row = np.round(x), self.rows * 4 - 1 - np.round(y)
            inside = (column >= 0) & (column < self.columns * 2) & (row >= 0) & (row < self.rows * 4)
        column, row = column[inside].astype(np.intp), row[inside].astype(np.intp)
        self._dots[row, column] = True
        self._colours[row // 4, column // 2] = colours if isinstance(colours, str) else colours[inside]

    def line(self, x: NDArray[np.float64], y: NDArray[np.float64], colour: str) -> None:
        """Join points by straight lines; NaN interrupts."""
        known = np.isfinite(x) & np.isfinite(y)
        for piece in np.split(np.arange(len(x)), np.flatnonzero(np.diff(known)) + 1):
            if len(piece) and known[piece[0]]:
                length = np.concatenate([[0], np.cumsum(np.maximum(*np.abs(np.diff([x[piece], y[piece]]))))])
                if length[-1] > 1e6:
                    continue
                along = np.arange(0, length[-1] + 0.5, 0.5)
                self.points(np.interp(along, length, x[piece]), np.interp(along, length, y[piece]), colour)

    def word(self, column: int, row: int, word: str, colour: str) -> None:
        """Write over the dots, around ``column``."""
        start = max(0, min(column - len(word) // 2, self.columns - len(word)))
        self._words[row, start : start + len(word)] = list(word)[: self.columns]
        self._colours[row, start : start + len(word)] = colour

    def bars(self, heights: NDArray[np.float64], colour: str) -> None:
        """[columns] heights in dots, of two eighths of a character each."""
        eighths = np.round(2 * heights).astype(np.intp)
        eighths[(heights > 0) & (eighths == 0)] = 1
        self._blocks = np.clip(eighths - 8 * np.arange(self.rows - 1, -1, -1)[:, None], 0, 8)
        self._colours[self._blocks > 0] = colour

    def lines(self, colour: bool) -> Iterator[str]:
        """The rows as text: words over dots over blocks."""
        bits = (self._dots.reshape(self.rows, 4, self.columns, 2) * _BRAILLE[:, None, :]).sum(axis=(1, 3))
        for row, blocks, words, colours in zip(bits, self._blocks, self._words, self._colours, strict=True):
            yield "".join(
                _paint(word or (chr(0x2800 + dots) if dots else _BLOCKS[block]), shade, colour)
                for dots, block, word, shade in zip(row, blocks, words, colours, strict=True)
            )


def _draw(canvas: _Canvas, layer: Layer, x_scale: _Scale, y_scale: _Scale) -> None:
    wide, high = canvas.columns * 2, canvas.rows * 4
    match layer:
        case Line():
            x, y = x_scale(layer.x), y_scale(layer.y)
            if layer.step:
                x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
            canvas.line(x, np.clip(y, -8, high + 8), layer.colour)
        case Points(colour=str() as shade):
            canvas.points(x_scale(layer.x), y_scale(layer.y), shade)
        case Points():
            values = np.asarray(layer.colour, dtype=np.float64)
            share = (values - np.nanmin(values)) / (np.ptp(values[np.isfinite(values)]) or 1)
            shades = np.array(_VALUE_COLOURS, dtype=object)[(np.nan_to_num(share) * 4.999).astype(np.intp)]
            canvas.points(x_scale(layer.x), y_scale(layer.y), shades)
        case Bars():
            edges = x_scale(layer.edges)
            centres = np.arange(canvas.columns) * 2 + 0.5
            bar = np.searchsorted(edges, centres, side="right") - 1
            heights = np.append(y_scale(layer.heights), 0.0)[np.where((bar >= 0) & (bar < len(edges) - 1), bar, -1)]
            canvas.bars(heights, layer.colour)
        case Rule(axis="y"):
            dots = np.flatnonzero(np.arange(wide) % 6 < 4)
            canvas.points(dots.astype(float), np.full(len(dots), y_scale(np.array([layer.value]))[0]), layer.colour)
        case Rule():
            dots = np.arange(high)
            canvas.points(np.full(high, x_scale(np.array([layer.value]))[0]), dots.astype(float), layer.colour)
        case Diagonal():
            ends = np.linspace(*_overlap(x_scale, y_scale), 1000)
            keep = np.arange(1000) % 30 < 18
            canvas.points(x_scale(ends)[keep], y_scale(ends)[keep], layer.colour)


def _overlap(x: _Scale, y: _Scale) -> tuple[float, float]:
    return max(x.low, y.low), min(x.high, y.high)


def _extents(layers: Sequence[Layer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All x and all y values of a chart."""
    x, y = [np.empty(0)], [np.empty(0)]
    for layer in layers:
        match layer:
            case Line() | Points():
                x.append(np.asarray(layer.x, dtype=np.float64))
                y.append(np.asarray(layer.y, dtype=np.float64))
            case Bars():
                x.append(np.asarray(layer.edges, dtype=np.float64))
                y.append(np.append(layer.heights, 0.0))
            case Rule():
                (x if layer.axis == "x" else y).append(np.array([layer.value]))
    return np.concatenate(x), np.concatenate(y)


def _paint(character: str, shade: str, colour: bool) -> str:
    """In one of the 216 colours that every terminal has; grey text stays as it is."""
    if not colour or not shade or character.isspace() or shade in (style.INK, style.MUTED):
        return character
    levels = [round(int(shade[start : start + 2], 16) / 255 * 5) for start in (1, 3, 5)]
    return f"\x1b[38;5;{16 + 36 * levels[0] + 6 * levels[1] + levels[2]}m{character}\x1b[0m"
