"""Draw pages with matplotlib: PNG, SVG and PDF, the same bytes each time."""

from __future__ import annotations

import warnings
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from agnet.errors import InputError
from agnet.plots import diagrams, style
from agnet.plots.chart import Axis, Bars, Chart, Diagonal, Diagram, Layer, Line, Page, Points, Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

_MANY = 3000
"""Points that a vector picture holds as pixels, or it would take seconds to open."""

# Nothing that differs between two runs or versions goes into a file.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def render(page: Page, format: str, size: tuple[float, float] | None = None) -> bytes:
    """The picture as a file's content.

    Args:
        page: what to draw.
        format: one of :data:`FORMATS`.
        size: width and height of the whole picture in inches; fits the panels by default.

    Raises:
        InputError: if matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - heavy, and an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise InputError(
            "pictures in files need matplotlib: pip install 'agnet[plot]'; in a terminal, without -o, they do not"
        ) from None

    font = style.FONT * (_scale(size, _size(page)) if size else 1.0)
    settings: Any = dict(mpl.rcParamsDefault) | style.MATPLOTLIB | {"backend": "agg", "font.size": font}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as a glyph that the font lacks: it is drawn as a box
        drawn = [panel for panel in page.panels if isinstance(panel, Diagram)]
        if drawn:
            figure = Figure(figsize=size or diagrams.size(drawn, page.columns, page.title))
            diagrams.draw(figure, drawn, page.columns, page.title)
        else:
            figure = Figure(figsize=size or _size(page), layout="constrained")
            _charts(figure, page)
        content = BytesIO()
        figure.savefig(content, format=format, metadata=_METADATA[format])
        return content.getvalue()


def _rows(page: Page) -> list[float]:
    """Relative height of each row of panels."""
    return list(page.heights) or [1.0] * -(-len(page.panels) // page.columns)


def _size(page: Page) -> tuple[float, float]:
    square = any(isinstance(panel, Chart) and panel.square for panel in page.panels)
    width, height = style.SQUARE if square else style.PANEL
    return width * (1.0 if page.columns == 1 else 0.72 * page.columns), height * sum(_rows(page))


def _scale(size: tuple[float, float], natural: tuple[float, float]) -> float:
    """How much larger the words of a picture of this size are; they stay readable."""
    return min(max(min(size[0] / natural[0], size[1] / natural[1]), 0.7), 1.6)


def _charts(figure: Figure, page: Page) -> None:
    heights = _rows(page)
    ratios = {"height_ratios": heights}
    grid = figure.subplots(len(heights), page.columns, squeeze=False, sharex=page.share_x, gridspec_kw=ratios)
    places = list(grid.flat)
    if page.title:
        figure.suptitle(page.title, x=0.01, ha="left", fontsize="large", fontweight="bold")
    for axes, panel in zip(places, page.panels, strict=False):
        if isinstance(panel, Chart):
            _chart(figure, axes, panel)
    for axes in places[len(page.panels) :]:
        axes.set_axis_off()
    if page.share_x:
        for axes in places[:-1]:
            axes.set_xlabel("")


def _chart(figure: Figure, axes: Axes, chart: Chart) -> None:
    for order, layer in enumerate(chart.layers, start=2):
        _layer(figure, axes, _near(layer, chart), order)
    _axis(axes, "x", chart.x)
    _axis(axes, "y", chart.y)
    if chart.square:
        axes.set_box_aspect(1)
    for layer in chart.layers:
        if isinstance(layer, Rule):
            _name_rule(axes, layer)
    axes.set_title(chart.title, pad=22 if chart.note else None)
    if chart.note:
        axes.annotate(
            chart.note,
            (0, 1),
            (0, 8),
            xycoords="axes fraction",
            textcoords="offset points",
            va="bottom",
            color=style.MUTED,
            fontsize=style.SMALL,
        )
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=chart.legend)


def _near(layer: Layer, chart: Chart) -> Layer:
    """A layer without what is far outside of the axes: even clipped, it makes a vector picture larger than it looks."""
    (left, right), (bottom, top) = _reach(chart.x), _reach(chart.y)
    if isinstance(layer, Line) and layer.step:  # level and upright pieces: what is seen of them stays
        low, high = (band if band is None else np.clip(band, bottom, top) for band in (layer.low, layer.high))
        return replace(layer, x=np.clip(layer.x, left, right), y=np.clip(layer.y, bottom, top), low=low, high=high)
    if isinstance(layer, Points):
        near = (layer.x >= left) & (layer.x <= right) & (layer.y >= bottom) & (layer.y <= top)
        colour = layer.colour if isinstance(layer.colour, str) else layer.colour[near]
        return replace(layer, x=layer.x[near], y=layer.y[near], colour=colour)
    return layer


def _reach(axis: Axis) -> tuple[float, float]:
    """What an axis shows and a twentieth more on both sides; all where it does not say, or is logarithmic."""
    low, high = axis.limits
    if axis.log or low is None or high is None:
        return -np.inf, np.inf
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _legend_label(label: str | None) -> str | None:
    """Matplotlib leaves out what begins with an underscore."""
    return f" {label}" if label and label.startswith("_") else label


def _axis(axes: Axes, name: Literal["x", "y"], axis: Axis) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter  # noqa: PLC0415

    line = axes.xaxis if name == "x" else axes.yaxis
    axes.set(**{f"{name}label": axis.label, f"{name}scale": "log" if axis.log else "linear"})
    axes.set(**{f"{name}lim": axis.limits})
    if axis.log:
        line.set_major_formatter(StrMethodFormatter("{x:g}"))
    if axis.whole:
        line.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if not axis.log:
        line.set_major_locator(MaxNLocator(8 if name == "x" else 6, integer=axis.whole, steps=[1, 2, 2.5, 5, 10]))


def _layer(figure: Figure, axes: Axes, layer: Layer, order: int) -> None:
    match layer:
        case Line():
            _line(axes, layer, order)
        case Points(colour=str()):
            _points(axes, layer, order, color=layer.colour)
        case Points():
            drawn = _points(axes, layer, order, c=layer.colour, cmap=style.COLOUR_MAP)
            bar: Any = figure.colorbar(drawn, ax=axes, label=layer.values_label or "", pad=0.02)
            bar.outline.set_visible(False)
            bar.solids.set_alpha(1)
        case Bars():
            widths = np.diff(layer.edges)
            axes.bar(
                layer.edges[:-1],
                layer.heights,
                widths,
                align="edge",
                color=layer.colour,
                edgecolor="white",
                linewidth=0.4,
                label=_legend_label(layer.label),
                zorder=order,
            )
            axes.grid(visible=False, axis="x")
        case Rule():
            line = axes.axhline if layer.axis == "y" else axes.axvline
            line(layer.value, color=layer.colour, linewidth=1.2, linestyle=(0, (5, 3)), zorder=order)
        case Diagonal():
            axes.axline(
                (0, 0),
                slope=1,
                color=layer.colour,
                linewidth=1.2,
                linestyle=(0, (5, 3)),
                label=_legend_label(layer.label),
            )


def _line(axes: Axes, line: Line, order: int) -> None:
    if line.low is not None and line.high is not None:
        axes.fill_between(
            line.x,
            line.low,
            line.high,
            step="post" if line.step else None,
            color=line.colour,
            alpha=0.18,
            linewidth=0,
            zorder=order,
        )
    axes.plot(
        line.x,
        line.y,
        color=line.colour,
        linewidth=2,
        linestyle=(0, (5, 3)) if line.dashed else "-",
        drawstyle="steps-post" if line.step else "default",
        solid_joinstyle="round",
        label=_legend_label(line.label),
        zorder=order + 0.5,
    )


def _points(axes: Axes, points: Points, order: int, **colour: Any) -> Any:
    return axes.scatter(
        points.x,
        points.y,
        s=points.size**2,
        alpha=points.alpha,
        linewidths=0,
        label=_legend_label(points.label),
        zorder=order,
        rasterized=len(points.x) > _MANY,
        **colour,
    )


def _name_rule(axes: Axes, rule: Rule) -> None:
    """Write a rule's label beside it: above a level one, at the top of an upright one, on the side that has room."""
    level = rule.axis == "y"
    low, high = axes.get_xlim()
    right = rule.value < (low + high) / 2
    axes.annotate(
        rule.label,
        (0, rule.value) if level else (rule.value, 1),
        (6, 4) if level else (6 if right else -6, -4),
        xycoords=axes.get_yaxis_transform() if level else axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="left" if level or right else "right",
        va="bottom" if level else "top",
        color=rule.colour,
        fontsize=style.SMALL,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
    )
