from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from agnet.plots import terminal
from agnet.plots.chart import Axis, Bars, Chart, Line, Page, Points, Rule

CURVE = """\
A search
  ╌╌ optimum
  ── run
Accuracy (%)
100 ┤⠉⠉ ⠉⠉ ⠉⠉ ⠉⠉ ⠉⠉ ⠉⠉ ⠉⠉ ⠉⠉
    │
    │
    │
 50 ┤                   ⣀⣀⣀⣀
    │                   ⡇
    │         ⢰⠒⠒⠒⠒⠒⠒⠒⠒⠒⠃
  0 ┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣸
    └┬─────────────────┬────
     0                100
             Queries
"""

BARS = """\
y
  │              ▆▆
  │            ▆▆██
  │          ▆▆████
5 ┤        ▇▇██████
  │      ▇▇████████
  │    ▇▇██████████
  │  ██████████████
0 ┤████████████████
  └┬────────┬──────
   0        5
          x
"""


def test_a_curve() -> None:
    line = Line(np.array([0, 50, 100, 120]), np.array([0.0, 20, 40, 40]), "#0072B2", "run", step=True)
    chart = Chart(Axis("Queries"), Axis("Accuracy (%)", limits=(0, 100)), [Rule("y", 100, "optimum"), line], "A search")
    assert terminal.text(Page([chart]), 28, 15, colour=False) == CURVE


def test_bars() -> None:
    bars = Bars(np.arange(9), np.arange(1, 9), "#0072B2")
    chart = Chart(Axis("x", limits=(0, 8)), Axis("y", limits=(0, 8)), [bars])
    assert terminal.text(Page([chart]), 19, 10, colour=False) == BARS


@pytest.mark.parametrize("width", [20, 37, 80, 300])
def test_no_line_is_too_long(width: int, kind: str, page: Callable[[str], Page]) -> None:
    lines = terminal.text(page(kind), width, 30, colour=False).splitlines()
    assert lines
    drawn = [line for line in lines if re.search(r"[⠀-⣿▁-█└]", line)]
    assert drawn
    assert max(map(len, drawn)) <= min(width, 100)


def test_colours_are_only_colours(kind: str, page: Callable[[str], Page]) -> None:
    plain = terminal.text(page(kind), 80, 30, colour=False)
    coloured = terminal.text(page(kind), 80, 30, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[38;5;" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_panels_on_one_axis_are_aligned(page: Callable[[str], Page]) -> None:
    lines = terminal.text(page("distribution"), 80, 30, colour=False).splitlines()
    corners = [line.index("└") for line in lines if "└" in line]
    assert len(corners) == 2 and corners[0] == corners[1]


def test_a_single_point_is_in_the_middle() -> None:
    chart = Chart(Axis("x"), Axis("y"), [Points(np.array([3.0]), np.array([5.0]), "#0072B2")])
    lines = terminal.text(Page([chart]), 30, 10, colour=False).splitlines()
    (row,) = (line for line in lines if re.search("[⠁-⣿]", line))
    assert row.startswith("5.0 ┤") or "5.0 ┤" in lines[lines.index(row) + 1]
    assert lines[-2].split() == ["2.5", "3.0", "3.5"]


def test_logarithmic_axis() -> None:
    line = Line(np.arange(5), np.array([0.0, 1000, 100, 10, 1]), "#0072B2")
    chart = Chart(Axis("x"), Axis("y", log=True), [line])
    lines = terminal.text(Page([chart]), 40, 20, colour=False).splitlines()
    assert [line.split()[0] for line in lines if "┤" in line] == ["1000", "100", "10", "1"]
