"""What a search wants: goals to maximise or minimise, and limits that have to hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agnet.search import pareto
from agnet.search.expressions import Expression, Limit, parse, parse_limit

_Numbers = NDArray[np.float64]
Combine = Literal["pareto", "ranks"]
COLUMN = "objective"
"""What a goal is called in records if it is not a metric as it stands."""


@dataclass(frozen=True)
class Goal:
    """An expression over metrics, and which way it is better."""

    text: str
    maximize: bool

    @cached_property
    def expression(self) -> Expression:
        """The expression, parsed."""
        return parse(self.text)


@dataclass(frozen=True)
class Measured:
    """What an objective makes of the metrics of [n] architectures."""

    goals: _Numbers
    """[n, g] larger is better; NaN where a metric is missing."""
    margins: _Numbers
    """[n, c] of the limits; NaN where a metric is missing."""
    feasible: NDArray[np.bool_]
    """[n] whether all limits hold and all goals are known."""


@dataclass(frozen=True)
class Objective:
    """Goals and limits.

    Several goals become one order by Pareto fronts (those of the same front by how lonely they are), or by the sum of
    their ranks, which is what AG-Net does with accuracy and latency and TE-NAS with its two scores. Whatever breaks a
    limit comes behind everything that does not, the more it breaks the further (Deb, "An efficient constraint handling
    method for genetic algorithms", 2000).
    """

    goals: tuple[Goal, ...]
    limits: tuple[str, ...] = ()
    combine: Combine = "pareto"

    @cached_property
    def parsed_limits(self) -> list[Limit]:
        """The limits, parsed."""
        return [parse_limit(text) for text in self.limits]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that it needs."""
        names = [name for goal in self.goals for name in goal.expression.metrics]
        return tuple(dict.fromkeys([*names, *(n for limit in self.parsed_limits for n in limit.margin.metrics)]))

    @property
    def plain(self) -> bool:
        """Whether it is one metric without limits."""
        return len(self.goals) == 1 and not self.limits and self.goals[0].expression.plain

    @property
    def several(self) -> bool:
        """Whether the result is a front and not one best architecture."""
        return len(self.goals) > 1 and self.combine == "pareto"

    @property
    def name(self) -> str:
        """In one line: ``max val_acc, min latency_ms, latency_ms<=5``."""
        goals = [f"{'max' if goal.maximize else 'min'} {goal.text}" for goal in self.goals]
        return ", ".join([*goals, *self.limits])

    def measure(self, columns: Mapping[str, _Numbers]) -> Measured:
        """Goals and limits of [n] architectures, from their [n] metrics."""
        goals = [(1 if goal.maximize else -1) * goal.expression(columns) for goal in self.goals]
        margins = [limit.margin(columns) for limit in self.parsed_limits]
        n = len(goals[0])
        hold = [limit.holds(margin) for limit, margin in zip(self.parsed_limits, margins, strict=True)]
        stacked = np.stack(goals, axis=1)
        return Measured(
            stacked,
            np.stack(margins, axis=1) if margins else np.empty((n, 0)),
            np.logical_and.reduce([*hold, np.isfinite(stacked).all(axis=1)], axis=0),
        )

    def scores(self, measured: Measured) -> _Numbers:
        """[n] one number each, larger is better; minus infinity where a goal is unknown.

        With one goal it is that goal for all that is feasible. Otherwise only the order counts.
        """
        known = np.asarray(np.isfinite(measured.goals).all(axis=1))
        scores = np.full(len(known), -np.inf)
        if not known.any():
            return scores
        scores[known] = self.combined(measured.goals[known])
        bad = known & ~measured.feasible
        if bad.any():
            broken = _violation(measured.margins[known])[bad[known]]
            scores[bad] = scores[known].min() - 1 - _ranks(broken)
        return scores

    def combined(self, goals: _Numbers) -> _Numbers:
        """[n] one number for the known goals [n, g] of each, without regard to limits."""
        if goals.shape[1] == 1:
            return np.asarray(goals[:, 0])
        if self.combine == "ranks":
            return np.asarray(-np.sum([_ranks(-goal) for goal in goals.T], axis=0, dtype=np.float64))
        number = pareto.fronts(goals)
        scores = -number.astype(np.float64)
        for front in range(number.max() + 1):
            here = number == front
            lonely = _ranks(pareto.crowding(goals[here]))
            scores[here] += lonely / (len(lonely) + 1)
        return scores


def single(metric: str, *, maximize: bool) -> Objective:
    """The objective that is one metric."""
    return Objective(
        (Goal(metric if re.fullmatch(r"[A-Za-z_]\w*(@\w+)?", metric, re.ASCII) else f"`{metric}`", maximize),)
    )


def _violation(margins: _Numbers) -> _Numbers:
    """[n] how much the limits are broken: the sum over limits, each in units of the worst; most where it is unknown."""
    broken = np.maximum(-margins, 0)
    worst = np.nanmax(np.where(np.isnan(broken), 0, broken), axis=0, initial=0)
    scaled = broken / np.where(worst > 0, worst, 1)
    total: _Numbers = np.where(np.isnan(scaled), 1.0, scaled).sum(axis=1)
    return total


def _ranks(values: _Numbers) -> NDArray[np.int64]:
    """[n] 0 for the smallest; equal values have equal ranks."""
    return np.unique(values, return_inverse=True)[1]


def of(maximize: Sequence[str], minimize: Sequence[str], limits: Sequence[str], combine: Combine) -> Objective:
    """The objective that expressions on a command line make.

    Raises:
        InputError: if one cannot be read.
    """
    goals = (*(Goal(text, True) for text in maximize), *(Goal(text, False) for text in minimize))
    objective = Objective(goals, tuple(limits), combine)
    _ = objective.metrics  # parses everything
    return objective
