"""What Bayesian searches have in common: where they begin, what they learn from, the candidates they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.search import candidates
from agnet.search.beginning import Has, at_random
from agnet.search.history import History
from agnet.search.remembered import Remembered
from agnet.seeds import Seed
from agnet.spaces.base import Space
from agnet.surrogates.process import Groups, Posterior, Process
from agnet.surrogates.respects import Respects, respects

FIRST = 4
"""Architectures to begin with."""
SINGLY = 64
"""Answers until which one architecture is asked for at a time: each teaches the more, the fewer there are."""
MATTER = -3.0
"""What processes expect a respect to matter, see :class:`agnet.surrogates.process.Process`; less than among random
architectures, for what is searched is alike in most."""
RELEARN = 1.15
"""Growth of the history after which processes learn their parameters anew."""
_POOL = 300
"""Random architectures, at least, of which those to begin with are chosen."""
_BLOCKS = 9
"""Blocks of random architectures after which fewer are enough: a table may have few of a large space."""
_TURN = 4
"""Of so many to begin with one is promising, where something is known before any is trained."""
_RANDOM = 500
_BEST = 10
"""Evaluated architectures whose neighbours are candidates."""
_FAR = 15
"""Of those neighbours, drawn at random, whose neighbours are candidates too."""
_CLIMBS = 3
_CLIMBERS = 5
"""Candidates whose neighbours become candidates, so often."""
_KNOWN = (140, 60)
"""Best and latest evaluations that a process knows at most: its cost is cubic, a search's must be linear."""
_BELIEVED = 500
"""Architectures without an answer yet that are taken for what is expected of them, at most: the latest."""

Posteriors = Callable[[Groups], list[Posterior]]
"""What each process says of architectures with these features."""
Worth = Callable[[list[Posterior]], NDArray[np.float64]]
"""[m] how much each candidate is worth a query, from what each process says of it."""


def memorable(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of [n] scores, in the order of the queries, the rows that a process should know: the best and the latest."""
    best, latest = _KNOWN
    if len(scores) <= best + latest:
        return np.arange(len(scores))
    return np.union1d(candidates.best_rows(scores[:-latest], best), np.arange(len(scores) - latest, len(scores)))


def spread_out(space: Space, has: Has, seed: Seed, promising: Graphs | None = None) -> Iterator[Graphs]:
    """Architectures to begin with that have little in common, one at a time; then random ones.

    Each is the one about which a process that has learned nothing would know least if it knew those before: so the
    first are the smallest, or the largest, and from the other end of the space (McKay, Beckman and Conover, "A
    Comparison of Three Methods for Selecting Values of Input Variables", 1979, and all experimental design since: what
    is spread out tells more than what is random).

    Args:
        space: of which they are.
        has: says which the benchmark can answer.
        seed: decides of which random ones they are chosen.
        promising: architectures that are known to be, which take turns with the others: one, then three.
    """
    known = Graphs.blank(0, len(space.cells), space.max_nodes)
    if promising is not None:
        known = promising.take(np.flatnonzero(has(promising))[:_POOL])
    random = at_random(space, has, seed, space.keys(known))
    found = [known]
    for block in islice(random, _BLOCKS):
        found.append(block)
        if sum(map(len, found[1:])) >= _POOL:
            break
    graphs = Graphs.concat(found)
    features = respects(space.name)
    posterior = Process(features.kinds, MATTER).prior(features(graphs))
    turns, others = iter(range(len(known))), np.arange(len(graphs)) >= len(known)
    for turn in count():
        row = next(turns, None) if turn % _TURN == 0 or not others.any() else None
        if row is None:
            if not others.any():
                break
            row = int(np.where(others, posterior.variance, -np.inf).argmax())
            others[row] = False
        yield graphs.take(slice(row, row + 1))
        posterior.expect(row)
    yield from random


class Evaluated:
    """Features of the evaluated architectures, computed once."""

    def __init__(self, respects: Respects) -> None:
        self._respects = respects
        self._groups: list[NDArray[np.float64]] = []

    def __call__(self, history: History, rows: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """[n, d] features in each group of the architectures at ``rows``."""
        known = len(self._groups[0]) if self._groups else 0
        if known < len(history):
            new = self._respects(history.graphs.take(slice(known, None)))
            self._groups = [np.concatenate(pair) for pair in zip(self._groups, new, strict=True)] if known else new
        return [group[rows] for group in self._groups]

    def pending(self, history: History) -> list[NDArray[np.float64]] | None:
        """The same of those that are being evaluated; None where there are none."""
        return None if history.pending is None else self._respects(history.pending.take(slice(-_BELIEVED, None)))


class Candidates:
    """Random architectures, neighbours of the best and some of theirs, and those of the most promising, three times.

    That finds what scoring a whole space would, where what is promising is near to what is good: two edits away, for
    there are cells with few neighbours. Under limits it often is not: there the most promising of each round are
    candidates of the next again, if that is asked for.
    """

    def __init__(self, respects: Respects) -> None:
        self._features = Remembered(respects)
        self.kept: list[Graphs] = []
        """Candidates of the next round, in one batch, if there are any."""

    def find(
        self,
        history: History,
        scores: NDArray[np.float64],
        posteriors: Posteriors,
        worths: Sequence[Worth],
        rng: np.random.Generator,
        keep: int = 0,
    ) -> tuple[Graphs, list[Posterior]]:
        """Candidates that the history does not have, and what each process says of them.

        Args:
            history: what is evaluated.
            scores: [n] of it, larger is better.
            posteriors: of which processes.
            worths: which candidates are promising, one way or another.
            rng: draws the random ones.
            keep: how many by each of ``worths`` are candidates of the next round again.
        """
        space, seen, features = history.space, history.seen, self._features
        near = space.neighbours(history.graphs.take(candidates.best_rows(scores, _BEST)))[0]
        found = [*self.kept, space.sample(_RANDOM, rng), near]
        if len(near):
            far = space.neighbours(near.take(rng.permutation(len(near))[:_FAR]))[0]
            found.append(far.take(rng.permutation(len(far))[:_RANDOM]))
        graphs, keys = candidates.fresh(space, Graphs.concat(found), seen)
        features.turn()
        said = posteriors(features(graphs, keys))
        climbed = np.empty(0, dtype=np.int64)
        for _ in range(_CLIMBS if len(graphs) else 0):
            climbers = _best(said, worths, _CLIMBERS)
            climbers = climbers[np.isin(climbers, climbed, invert=True)]
            if not len(climbers):
                break
            climbed = np.concatenate([climbed, climbers])
            more, more_keys = candidates.fresh(
                space, space.neighbours(graphs.take(climbers))[0], pa.concat_arrays([seen, keys])
            )
            if not len(more):
                break
            graphs, keys = Graphs.concat([graphs, more]), pa.concat_arrays([keys, more_keys])
            new = posteriors(features(more, more_keys))
            said = [posterior.extend(other) for posterior, other in zip(said, new, strict=True)]
        if keep:
            self.kept = [graphs.take(_best(said, worths, keep))]
        return graphs, said


def _best(said: list[Posterior], worths: Sequence[Worth], n: int) -> NDArray[np.int64]:
    """Rows of the ``n`` most promising by each of ``worths``, none twice."""
    rows = np.concatenate([candidates.best_rows(worth(said), n) for worth in worths])
    return rows[np.sort(np.unique(rows, return_index=True)[1])]
