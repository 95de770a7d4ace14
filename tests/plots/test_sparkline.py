from __future__ import annotations

import numpy as np

from agnet.plots.sparkline import sparkline


def test_good_is_high() -> None:
    assert sparkline(np.arange(8.0)) == "▁▂▃▄▅▆▇█"
    assert sparkline(np.arange(8.0)[::-1], maximize=False) == "▁▂▃▄▅▆▇█"
    assert sparkline(np.full(3, 0.5)) == "▁▁▁"
    assert sparkline(np.array([-1e308, 0, 1e308])) == "▁▄█"


def test_long_and_empty_ones() -> None:
    line = sparkline(np.arange(1000.0), 10)
    assert len(line) == 10
    assert line[0] == "▁"
    assert line[-1] == "█"
    assert sparkline(np.array([np.nan, -np.inf, 1.0, 2.0])) == "  ▁█"
    assert sparkline(np.empty(0)) == sparkline(np.array([np.nan])) == ""
