"""Pictures against reference images.

``AGNET_DRAW=1 pytest tests/plots/test_figure.py`` draws the references anew: look at each before you commit it.
"""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from agnet.errors import InputError
from agnet.plots import figure
from agnet.plots.chart import Axis, Chart, Line, Page, Points

pytest.importorskip("matplotlib")

PageOf = Callable[[str], Page]

REFERENCE = Path(__file__).parent / "reference"
SIZES = {"scatter": (4.0, 4.0), "distribution": (4.6, 4.4), "training": (4.6, 4.4), "cells": (7.0, 1.75)}
"""Inches of those that are not (4.6, 2.8)."""
TOLERANCE = 5.0
"""Root mean square of the differences of 8-bit levels: fonts are rendered a little differently by each release."""


def _png(page: Page, kind: str) -> bytes:
    return figure.render(page, "png", SIZES.get(kind, (4.6, 2.8)))


def _pixels(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return 255 * np.asarray(imread(BytesIO(png)), dtype=np.float64)[..., :3]


def _save_small(png: bytes, path: Path) -> None:
    from PIL import Image

    Image.open(BytesIO(png)).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def _difference(a: bytes, b: bytes) -> float:
    a_pixels, b_pixels = _pixels(a), _pixels(b)
    assert a_pixels.shape == b_pixels.shape
    return float(np.sqrt(((a_pixels - b_pixels) ** 2).mean()))


def test_looks_as_the_reference(kind: str, page: PageOf) -> None:
    path = REFERENCE / f"{kind}.png"
    drawn = _png(page(kind), kind)
    if os.environ.get("AGNET_DRAW"):
        _save_small(drawn, path)
    assert _difference(drawn, path.read_bytes()) < TOLERANCE


def test_a_missing_line_is_a_difference(page: PageOf) -> None:
    whole = page("curve")
    (chart,) = whole.panels
    assert isinstance(chart, Chart)
    less = Page([replace(chart, layers=chart.layers[:-1])])
    assert _difference(_png(whole, "curve"), _png(less, "curve")) > TOLERANCE


@pytest.mark.parametrize(("format", "kind"), [("png", "cells"), ("svg", "curve"), ("svg", "latent"), ("pdf", "cells")])
def test_the_same_bytes_each_time(format: str, kind: str, page: PageOf) -> None:
    assert figure.render(page(kind), format) == figure.render(page(kind), format)


def test_svg_tells_no_time_and_no_version(page: PageOf) -> None:
    svg = figure.render(page("curve"), "svg")
    ET.fromstring(svg)
    assert b"dc:date" not in svg
    assert b"matplotlib.org/" not in svg.split(b"<metadata>")[-1]


def test_size_in_inches(page: PageOf) -> None:
    assert _pixels(figure.render(page("cells"), "png", (5.0, 2.5))).shape == (400, 800, 3)


def test_names_are_shown_as_they_are(page: PageOf) -> None:
    """Neither a formula nor left out: what TeX would choke on, what matplotlib hides."""
    (chart,) = page("regret").panels
    assert isinstance(chart, Chart)
    (line,) = chart.layers
    pages = [
        Page([replace(chart, layers=[replace(line, label=label)])])  # type: ignore[type-var]
        for label in ("_$\\frac{$", "_$\\frac{", None)
    ]
    pictures = [figure.render(page, "png") for page in pages]
    assert len(set(pictures)) == len(pages)


def test_settings_of_the_caller_stay(page: PageOf, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # another test may have brought it
    before = dict(mpl.rcParams)
    figure.render(page("curve"), "png")
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules  # it would look for a window system


def test_without_matplotlib(page: PageOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'agnet\[plot\]'"):
        figure.render(page("curve"), "png")


def test_numbers_beyond_what_can_be_drawn() -> None:
    """An axis from one end of the floats to the other has no length."""
    ends = np.array([-1e308, 1e308])
    for make in (
        lambda: Line(np.arange(2.0), ends, "black"),
        lambda: Points(ends, np.arange(2.0), "black"),
        lambda: Axis("x", limits=(0, np.inf)),
    ):
        with pytest.raises(InputError, match="a number beyond 1e\\+300 cannot be drawn"):
            make()
