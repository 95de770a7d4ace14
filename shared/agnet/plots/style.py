"""How every picture looks: colours, sizes, and matplotlib settings that make the same bytes each time."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's palette (2008), told apart with every common kind of colour blindness. Yellow is left out: it is too
# light for lines on white. Black is kept for text.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
# Darker relatives, for what is much the same (a larger filter).
DARK_BLUE, DARK_PURPLE = "#00456B", "#8F4A73"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

INK = "#222222"
MUTED = "#6B6B6B"
FAINT = "#B9BEC4"
GRID = "#E7E9EC"
PAPER = "#FFFFFF"
ON_LIGHT, ON_DARK = "#212121", "#FEFEFE"
"""Words on a coloured box, unlike :data:`INK` and :data:`PAPER`, which turn with the page in agnet.report.inline."""

COLOUR_MAP = "viridis"
"""For values: even steps look even, also in grey and to the colour-blind."""

PANEL = (7.0, 4.2)
"""Width and height of a chart in inches."""
SQUARE = (5.9, 5.9)
"""The same of a square chart, which has two lines of text above."""
LAYER, ROW = 1.3, 0.6
"""Width of a layer and height of a row of a diagram in inches."""
BOX = (0.74, 0.62)
"""Width and height of a box, in layers and rows."""
DPI = 160

FONT = 11.0
"""Points, of a chart that is as large as it is by default."""
SMALL = "small"
"""For ticks, legends and notes, relative to it."""

MATPLOTLIB: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so pictures are the same everywhere
    "font.size": FONT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": "large",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelpad": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.9,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "legend.fontsize": SMALL,
    "figure.facecolor": PAPER,
    "savefig.dpi": DPI,
    "svg.hashsalt": "agnet",
    "svg.fonttype": "path",
    "path.simplify": False,
    "text.parse_math": False,  # a dollar in a name is a dollar
}
