"""Several goals at once: who is dominated, how crowded it is, how much a front covers. Larger is better throughout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.float64]


def fronts(goals: _Numbers) -> NDArray[np.int64]:
    """[n] number of the front that each of [n, g] points is on: 0 is dominated by none, 1 only by those of 0, ...

    Equal points are on the same front (Deb et al., "NSGA-II", 2002).
    """
    better = np.asarray((goals[:, None] >= goals).all(axis=2) & (goals[:, None] > goals).any(axis=2))
    above = better.sum(axis=0)
    number = np.full(len(goals), -1, dtype=np.int64)
    at = 0
    while (number < 0).any():
        here = np.flatnonzero((number < 0) & (above == 0))
        number[here] = at
        above = above - better[here].sum(axis=0)
        at += 1
    return number


def nondominated(goals: _Numbers) -> NDArray[np.bool_]:
    """[n] which of [n, g] points no other dominates; memory grows with n times the size of the front."""
    result = np.ones(len(goals), np.bool_)
    left = np.arange(len(goals))
    while len(left):  # the best sum that is left is dominated by none
        best = left[goals[left].sum(axis=1).argmax()]
        below = (goals[best] >= goals[left]).all(axis=1) & (goals[best] > goals[left]).any(axis=1)
        result[left[below]] = False
        left = left[~below & (left != best)]
    return result


def crowding(goals: _Numbers) -> _Numbers:
    """[n] crowding distance of [n, g] points of one front, infinite at its ends (Deb et al., 2002)."""
    distance = np.zeros(len(goals))
    for goal in goals.T:
        order = np.argsort(goal, kind="stable")
        span = goal[order[-1]] - goal[order[0]]
        gaps = np.full(len(goals), np.inf)
        if len(goals) > 2:
            gaps[1:-1] = (goal[order[2:]] - goal[order[:-2]]) / (span or 1)
        distance[order] += gaps
    return distance


def hypervolume(goals: _Numbers, reference: _Numbers) -> float:
    """Volume between ``reference`` [g] and the points [n, g] that exceed it in every goal; exact.

    By slices along the last goal: quick for two goals, exponential in their number (Zitzler and Thiele, 1999).
    """
    goals = goals[(goals > reference).all(axis=1)]
    if not len(goals):
        return 0.0
    if goals.shape[1] == 1:
        return float((goals - reference).max())
    order = np.argsort(-goals[:, -1], kind="stable")
    goals = goals[order]
    heights = np.append(goals[:, -1], reference[-1])
    if goals.shape[1] == 2:
        reach = np.maximum.accumulate(goals[:, 0]) - reference[0]
        return float(reach @ (heights[:-1] - heights[1:]))
    total = 0.0
    front = goals[:0, :-1]
    for row in range(len(goals)):
        front = np.concatenate([front, goals[row : row + 1, :-1]])
        front = front[nondominated(front)]
        thickness = heights[row] - heights[row + 1]
        if thickness > 0:
            total += thickness * hypervolume(front, reference[:-1])
    return total


def hypervolumes(goals: _Numbers, reference: _Numbers) -> _Numbers:
    """[n] hypervolume of the first 1, 2, ... of [n, g] points; a point with NaN adds nothing."""
    volumes = np.zeros(len(goals))
    front = np.empty((0, goals.shape[1]))
    volume = 0.0
    for row, point in enumerate(goals):
        adds = bool((point > reference).all()) and not (front >= point).all(axis=1).any()
        if adds:
            front = np.concatenate([front[~(front <= point).all(axis=1)], point[None]])
            volume = hypervolume(front, reference)
        volumes[row] = volume
    return volumes
