from __future__ import annotations

import numpy as np

from agnet import spaces
from agnet.graphs import Graphs
from agnet.search.candidates import Choice

CELLS = next(spaces.get("nb201").enumerate()).take(np.arange(100))


class Having:
    def __init__(self, *rows: int) -> None:
        self.keys = set(spaces.get("nb201").keys(CELLS.take(np.array(rows, int))).to_pylist())
        self.asked: list[int] = []

    def __call__(self, graphs: Graphs) -> np.ndarray:
        self.asked.append(len(graphs))
        return np.array([key in self.keys for key in spaces.get("nb201").keys(graphs).to_pylist()], np.bool_)


def test_the_best_with_an_answer_is_found_with_few_looked_up() -> None:
    has = Having(2, 3, 90)
    choice = Choice(CELLS, has)
    worth = -np.arange(100.0)
    assert choice.best(worth) == 2
    assert has.asked == [4]
    assert choice.unanswerable.tolist() == [0, 1]
    worth[[2, 3]] = -np.inf  # taken
    assert choice.best(worth) == 90
    assert sum(has.asked) == 100, "nothing is looked up twice"
    assert len(choice.unanswerable) == 97
    worth[90] = np.nan
    assert choice.best(worth) is None


def test_those_with_an_answer_keep_their_order() -> None:
    choice = Choice(CELLS, Having(5, 7, 9))
    assert choice.among(np.array([9, 1, 7, 2])).tolist() == [9, 7]
    assert Choice(CELLS, Having()).best(np.zeros(100)) is None
