"""The pictures of a report, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, records, spaces
from agnet.plots import cells, curve, figure, pareto
from agnet.plots.quantities import quantity
from agnet.search.study import Outcome, Study
from agnet.streams import Chunk

MOST_CELLS = 6
"""Architectures that are drawn."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what it shows in words."""

    title: str
    words: str
    """For those who do not see it."""
    svg: bytes


def pictures(study: Study, history: Chunk, outcomes: Sequence[Outcome], best: Chunk) -> list[Picture]:
    """The curve, the front of each pair of goals, and the best architectures, as far as there are any.

    Args:
        study: what was asked for.
        history: all queries of all trials.
        outcomes: what each trial left.
        best: the architectures to draw, best first.

    Raises:
        InputError: if matplotlib is not installed.
    """
    made = []
    if all(outcome.best is not None for outcome in outcomes):
        made.append(_curve(study, outcomes))
        made.extend(_fronts(study, history))
    if len(best):
        made.append(_cells(study, best.take(np.arange(min(len(best), MOST_CELLS)))))
    return made


def _curve(study: Study, outcomes: Sequence[Outcome]) -> Picture:
    values = np.concatenate([np.array(outcome.best_so_far) for outcome in outcomes])
    values = np.where(np.isfinite(values), values, np.nan)
    trials = np.repeat(np.arange(len(outcomes)), [len(outcome.best_so_far) for outcome in outcomes])
    # arithmetic has no unit, whatever metrics it is made of: Study.metric says "objective"
    goal = study.metric
    optimum = study.optimum()
    run = curve.Run(study.strategy, values, trials if len(outcomes) > 1 else None)
    page = curve.curve([run], goal, maximize=study.maximize, optimum=optimum)
    shown = quantity(goal)
    last = float(np.mean([outcome.best_so_far[-1] for outcome in outcomes]))
    known = "" if optimum is None else f"; the best there is has {shown.text(optimum * shown.factor)}"
    words = f"Best {shown.words} after each query. It ends at {shown.text(last * shown.factor)}{known}."
    return Picture("How fast it found good architectures", words, figure.render(page, "svg"))


def _fronts(study: Study, history: Chunk) -> list[Picture]:
    """Each goal that is a metric against the first, where there are several."""
    goals = study.objective.goals if study.objective and study.objective.several else ()
    plain = [goal for goal in goals if goal.expression.plain]
    made = []
    for other in plain[1:]:
        first = plain[0]
        x, y = (_numbers(history, goal.expression.metrics[0]) for goal in (other, first))
        names = (other.expression.metrics[0], first.expression.metrics[0])
        page = pareto.pareto([pareto.Candidates("evaluated", x, y)], names, maximize=(other.maximize, first.maximize))
        across, up = (quantity(name).words for name in names)
        words = f"All evaluated architectures by {across} and {up}, and as a staircase those that none beats in both."
        made.append(Picture(f"Front of {up} and {across}", words, figure.render(page, "svg")))
    return made


def _numbers(chunk: Chunk, name: str) -> NDArray[np.float64]:
    return np.asarray(arrow.to_numpy(chunk.column(name, pa.float64())))


def _cells(study: Study, best: Chunk) -> Picture:
    space = spaces.get(study.oracle().space)
    metric = study.objective.metrics[0] if study.objective else study.metric
    shown = quantity(metric)
    values = shown.scale(_numbers(best, metric))
    captions = [f"{row}.  {shown.text(value)}" for row, value in enumerate(values, start=1)]
    page = cells.cells(space, records.read(space, best).graphs, captions)
    words = f"The best {len(best)} found, each drawn as a graph from input to output, with its {shown.words}."
    return Picture("The best architectures", words, figure.render(page, "svg"))
