"""A search that goes on asks little again, and comes to the same end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from tests.search.test_asynchronous import Shuffled

from agnet import networks, spaces
from agnet.benchmarks.base import Answer, Benchmark, Metric
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.search import asynchronous, packed, questions, strategies
from agnet.search.history import History
from agnet.search.journal import HEADER, Journal
from agnet.search.loop import Budget, search
from agnet.search.objective import Goal, Objective
from agnet.search.strategies import Strategy
from agnet.seeds import Seed
from agnet.spaces.base import Space
from agnet.spaces.held import Held

LIMITED = Objective((Goal("flops_m", False),), ("params_m>=0.4",))
PLAIN = Objective((Goal("flops_m", False),))
SMALL = {"epochs": 1, "candidates": 8}


class Sizes(Benchmark):
    """Of the networks of a space, but for a third of its architectures."""

    name, title, source, size = "sizes", "sizes", "computed", None
    metrics = (Metric("flops_m", "", "minimize", ""), Metric("params_m", "", "minimize", ""))
    at_once = 2

    def __init__(self, space: str) -> None:
        self.space = space

    def has(self, graphs: Graphs) -> np.ndarray:
        return graphs.adjacency.sum(axis=(1, 2, 3)) % 3 > 0

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        space = spaces.get(self.space)
        flops, params = networks.flops(space, graphs), networks.params(space, graphs)
        return Answer({"flops_m": flops / 1e6, "params_m": params / 1e6}, {})


@dataclass
class Case:
    space: str
    strategy: str
    objective: Objective = PLAIN
    options: dict[str, Any] = field(default_factory=dict)
    held: bool = False

    def made(self) -> tuple[Strategy, History]:
        space: Space = Held(spaces.get(self.space)) if self.held else spaces.get(self.space)
        made = strategies.make(
            self.strategy, space, "flops_m", maximize=False, options=self.options, plain=self.objective is PLAIN
        )
        return made, History(space, "flops_m", maximize=False, objective=self.objective)

    def run(self, path: Path) -> tuple[bytes, int]:
        """The history, and how often the strategy was asked."""
        strategy, history = self.made()
        asked, ask = [], strategy.ask
        strategy.ask = lambda *given: (asked.append(given), ask(*given))[1]  # type: ignore[method-assign]
        with Journal(path, {}, resume=True) as journal:
            search(Sizes(self.space), strategy, history, budget=Budget(26, 2, 6), seed=(3,), journal=journal)
        return b"".join(chunk.json_lines().to_pybytes() for chunk in history.chunks), len(asked)


CASES = [
    Case("nb301", "bayesian", LIMITED, held=True),
    Case("nb201", "bayesian", LIMITED),
    Case("nb101", "agnet", options=SMALL),
    Case("nb301", "local", held=True),
    Case("nb201", "evolution"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.space} {case.strategy} {len(case.objective.limits)}")
def test_a_search_in_one_process(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it was killed."""
    monkeypatch.setattr(questions, "_LEAST", 2)
    whole, asked = case.run(tmp_path / "whole")
    recorded = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    assert b"".join(line for line in recorded if HEADER.encode() not in line) == whole
    for cut in (len(recorded) * 2 // 3, len(recorded)):
        (tmp_path / "cut").write_bytes(b"".join(recorded[:cut]))
        left = len([line for line in recorded[cut:] if b'"round"' in line])
        again, times = case.run(tmp_path / "cut")
        assert again == whole
        assert times <= left + 4 < asked
        assert (tmp_path / "cut").read_bytes() == b"".join(recorded)


def test_journals_without_questions_are_asked_all_of_them(tmp_path: Path) -> None:
    """Older versions wrote them."""
    case = Case("nb201", "local")
    whole, asked = case.run(tmp_path / "whole")
    header = (tmp_path / "whole").read_bytes().split(b"\n")[0]
    (tmp_path / "old").write_bytes(header + b"\n" + b"".join(whole.splitlines(keepends=True)[:15]))
    assert case.run(tmp_path / "old") == (whole, asked)
    assert b'"round"' in (tmp_path / "old").read_bytes()
    assert case.run(tmp_path / "old") == (whole, asked)


@pytest.mark.parametrize("case", CASES[1:4], ids=lambda case: f"{case.space} {case.strategy}")
def test_a_search_with_several_workers(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes on as one that asks everything again."""
    monkeypatch.setattr(questions, "_LEAST", 2)
    evaluated = Sizes(case.space)

    def run(path: Path, workers: int) -> tuple[bytes, int]:
        strategy, history = case.made()
        asked, ask = [], strategy.ask
        strategy.ask = lambda *given: (asked.append(given), ask(*given))[1]  # type: ignore[method-assign]
        with Journal(path, {}, resume=True) as journal:
            evaluator = _Evaluator(evaluated, workers)
            asynchronous.search(
                evaluator,
                strategy,
                history,
                budget=Budget(26, 1, 6),
                seed=(3,),
                journal=journal,  # type: ignore[arg-type]
            )
        return path.read_bytes(), len(asked)

    whole, _ = run(tmp_path / "whole", 3)
    recorded = whole.splitlines(keepends=True)
    (tmp_path / "cut").write_bytes(b"".join(recorded[: len(recorded) * 3 // 4]))
    (tmp_path / "all").write_bytes(b"".join(recorded[: len(recorded) * 3 // 4]))
    some, few = run(tmp_path / "cut", 2)
    monkeypatch.setattr(Journal, "state_at", lambda self: 0)
    every, many = run(tmp_path / "all", 2)
    assert some == every
    assert few < many - 3


class _Evaluator:
    """Answers in this process, what was begun last first."""

    def __init__(self, benchmark: Benchmark, workers: int) -> None:
        self.benchmark, self.engine = benchmark, Shuffled(workers)
        self._begun: list[tuple[int, Graphs]] = []
        self._number = 0

    def submit(self, graphs: Graphs) -> int:
        self._number += 1
        self._begun.append((self._number, graphs))
        return self._number

    def wait(self) -> list[tuple[int, Answer]]:
        number, graphs = self._begun.pop()
        return [(number, self.benchmark.query(graphs))]


def test_states_that_are_none_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_LEAST", 2)
    case = Case("nb201", "local")
    case.run(tmp_path / "whole")
    recorded = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    for state in ("", "no base64", "AAAA", packed.pack({"other": np.zeros(3)}), packed.pack({"walk": np.zeros(5)}), 7):
        lines = [orjson.loads(line) for line in recorded]
        lines = [line | {"state": state} if "state" in line else line for line in lines]
        (tmp_path / "cut").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        with pytest.raises(InputError, match="the state of the strategy in round"):
            case.run(tmp_path / "cut")


@pytest.mark.parametrize("name", spaces.names())
def test_graphs_are_packed_bit_for_bit(name: str) -> None:
    space = spaces.get(name)
    graphs = space.sample(20, np.random.default_rng(0))
    again = packed.graphs_of(packed.unpack(packed.pack(packed.of_graphs(graphs))))
    for part in ("ops", "adjacency", "sizes"):
        assert np.array_equal(getattr(graphs, part), getattr(again, part))
    assert np.array_equal(graphs.ordered(), again.ordered())
