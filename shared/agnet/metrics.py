"""Metrics: measured columns, their units, and which way is better."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that a benchmark answers."""

    name: str
    """Column name, the unit at its end unless it is a fraction: ``val_acc``, ``latency_ms``."""
    unit: str
    direction: Direction
    description: str


_COSTS = frozenset({"latency", "time", "runtime", "energy", "loss", "error", "perplexity", "params", "flops", "ntk"})


def direction(name: str) -> Direction:
    """Which way a metric is better, told by its name: costs (``latency_ms``, ``val_loss``) and spreads are minimised.

    A device may follow the name (``latency_ms@edgegpu``).
    """
    words = re.split(r"[^a-z0-9]+", name.partition("@")[0].lower())
    return "minimize" if _COSTS.intersection(words) or words[-1] == "std" else "maximize"
