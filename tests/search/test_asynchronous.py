from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from agnet import benchmarks, spaces
from agnet.engines import Call, Done, Engine, Event, Setup
from agnet.engines.evaluating import Asked, Evaluator, Remote
from agnet.errors import AgnetError, InputError
from agnet.graphs import Graphs
from agnet.search import asynchronous, strategies
from agnet.search.history import History
from agnet.search.journal import HEADER, Record
from agnet.search.loop import Budget
from agnet.search.objective import Goal, Objective
from agnet.search.strategies.composite import CompositeStrategy
from agnet.search.study import Study

STRATEGIES = ["random", "local", "evolution", "bananas", "bayesian", "agnet"]


def study(strategy: str, queries: int = 40, **changed: object) -> Study:
    options = {"epochs": 2, "candidates": 10} if strategy == "agnet" else {}
    batch = 8 if strategy in ("agnet", "bananas") else 1
    return Study(
        "nb201/cifar10",
        "val_acc",
        True,
        strategy,
        options,
        Budget(queries, batch, 10),
        **changed,  # type: ignore[arg-type]
    )


class Shuffled(Engine):
    """Makes calls in this process; one of those that run ends next, drawn by a seed."""

    def __init__(self, workers: int, seed: int = 0, lose: Callable[[int], bool] = lambda made: False) -> None:
        super().__init__(Setup(workers=workers), workers)
        self._rng = np.random.default_rng(seed)
        self._calls: list[Call] = []
        self._lose = lose
        self.made = 0
        self.most = 0

    def _begin(self, call: Call) -> None:
        self._calls.append(call)
        self.most = max(self.most, len(self._calls))

    def _events(self) -> list[Event]:
        call = self._calls.pop(self._rng.integers(len(self._calls)))
        self.made += 1
        if self._lose(self.made):
            return [(call, "lost", "for a test")]
        return [(call, "done", call.function(print, *call.args))]

    def close(self) -> None:
        self._calls = []


def lines(history: History) -> bytes:
    return b"".join(chunk.json_lines().to_pybytes() for chunk in history.chunks)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_asks_exactly_as_often_as_allowed_and_keeps_workers_busy(strategy: str) -> None:
    engine = Shuffled(4)
    history = study(strategy).run((1,), engine=engine)
    assert len(history) == 40 == len(set(history.keys.to_pylist())) == engine.made
    assert history.pending is None
    assert engine.most == 4
    truth = benchmarks.load("nb201/cifar10").query(history.graphs).columns["val_acc"]
    assert np.array_equal(history.values, truth)


@pytest.mark.parametrize(
    "strategy", [name for name in STRATEGIES if name != "bananas"]
)  # which has no state, and is slow
def test_a_killed_search_loses_only_what_was_being_evaluated(strategy: str, tmp_path: Path) -> None:
    journal = tmp_path / "whole"
    whole = lines(study(strategy).run((5,), journal=journal, engine=Shuffled(4)))
    recorded = journal.read_bytes().splitlines(keepends=True)
    assert b"".join(line for line in recorded if HEADER.encode() not in line) == whole
    # it does again what it did, without an evaluation
    engine = Shuffled(9, 3)
    assert lines(study(strategy).run((5,), journal=journal, resume=True, engine=engine)) == whole
    assert engine.made == 0
    answers = [number for number, line in enumerate(recorded) if HEADER.encode() not in line]
    for answered in (0, 3, 17, 33):
        cut = recorded[: answers[answered]]
        path = tmp_path / f"cut{answered}"
        path.write_bytes(b"".join(cut) + b'{"half": "a li')
        engine = Shuffled(3, answered)
        history = study(strategy).run((5,), journal=path, resume=True, engine=engine)
        assert lines(history).startswith(b"".join(line for line in cut if HEADER.encode() not in line))
        assert len(history) == 40 == answered + engine.made
        assert len(set(history.keys.to_pylist())) == 40
        # what was asked for before is evaluated, whenever it is
        asked = {arch for line in cut[1:] if HEADER.encode() in line for arch in orjson.loads(line)["asked"]}
        assert asked <= {orjson.loads(line)["arch"] for line in lines(history).splitlines()}


@pytest.mark.parametrize("strategy", ["random", "evolution", "bayesian", "several", "table"])
def test_what_has_all_answers_is_not_asked_again(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And yet the search goes on as one does that asks for everything again."""
    if strategy == "table":  # that knows a part of the space: what it does not is on record too
        table = type(benchmarks.load("nb201/cifar10"))
        monkeypatch.setattr(table, "has", lambda self, graphs: _index(graphs) % 3 == 0)
    goals = Objective((Goal("val_acc", True), Goal("latency_ms", False))) if strategy == "several" else None
    kind = strategies.get(strategy if strategy in STRATEGIES else "bayesian") if goals is None else CompositeStrategy
    searched = study(strategy if strategy in STRATEGIES else "bayesian", objective=goals)
    journal, cut = tmp_path / "whole", tmp_path / "cut"
    searched.run((5,), journal=journal, engine=Shuffled(4))
    recorded = journal.read_bytes().splitlines(keepends=True)
    assert (b'"unknown"' in b"".join(recorded)) == (strategy == "table")
    ask, found = kind.ask, []
    for follows in (True, False):
        asked: list[object] = []
        if not follows:
            monkeypatch.setattr(kind, "follow", lambda self, history: False)
            monkeypatch.setattr(Record, "state_at", lambda self: 0)
        monkeypatch.setattr(kind, "ask", lambda *given, asked=asked: (asked.append(given), ask(*given))[1])
        cut.write_bytes(b"".join(recorded[:60]))
        history = searched.run((5,), journal=cut, resume=True, engine=Shuffled(3, 1))
        found.append((lines(history), cut.read_bytes(), len(asked)))
    assert found[0][:2] == found[1][:2]
    assert found[0][2] < found[1][2] - 10


def _index(graphs: Graphs) -> np.ndarray:
    index = spaces.get("nb201").index(graphs)
    assert index is not None
    return index


@pytest.mark.parametrize("name", spaces.names())
def test_what_strategies_propose_is_read_as_it_was_proposed(name: str) -> None:
    """So a journal's architectures are the very graphs that the search had."""
    space = spaces.get(name)
    graphs = space.sample(100, np.random.default_rng(0))
    for made in (graphs, space.neighbours(graphs.take(slice(5)))[0]):
        again = space.parse(space.format(made)).graphs
        for field in ("ops", "adjacency", "sizes"):
            assert np.array_equal(getattr(made, field), getattr(again, field))
        assert np.array_equal(made.ordered(), again.ordered())


def test_lost_workers_change_nothing_that_is_answered() -> None:
    engine = Shuffled(4, lose=lambda made: made % 5 == 0)
    history = study("random").run((1,), engine=engine)
    assert engine.made > 40 == len(history)
    assert lines_as_set(history) == lines_as_set(study("random").run((1,), engine=Shuffled(4)))


def lines_as_set(history: History) -> Counter[bytes]:
    return Counter(lines(history).splitlines())


def test_one_worker_asks_what_a_search_in_one_process_asks() -> None:
    for strategy in ("bayesian", "local"):
        assert lines(study(strategy).run((2,), engine=Shuffled(1))) == lines(study(strategy).run((2,)))


def test_knows_what_is_pending() -> None:
    """Asked twice without an answer between, a Gaussian process looks elsewhere the second time."""
    space = spaces.get("nb201")
    history = study("random").run((0,))
    made = strategies.make("bayesian", space, "val_acc", maximize=True, options={"acquisition": "ucb"})
    first = made.ask(history, 1, (9,))
    before = first.records["pred_val_acc"][0].as_py(), first.records["pred_val_acc_std"][0].as_py()
    history.expect(space.neighbours(first.graphs)[0], space.format(space.neighbours(first.graphs)[0]))
    after = made.ask(history, 1, (9,)).records
    assert after["arch"][0] not in [first.records["arch"][0], *history.seen.to_pylist()]
    assert before[1] > 0 < after["pred_val_acc_std"][0].as_py()


def test_two_cells_and_several_goals() -> None:
    study_ = Study(
        'sh:awk \'{ sub(/}$/, ""); print $0 ",\\"flops_m\\":" length($0) "}" }\'',
        "flops_m",
        False,
        "bayesian",
        {},
        Budget(12, 1, 4, 2),
        space="nb301",
        one_cell=True,
    )
    history = study_.run((0,), engine=Shuffled(3))
    assert len(history) == 12 == len(set(history.keys.to_pylist()))
    assert len({cell.tobytes() for cell in history.graphs.ops[-6:, 0]}) == 1


def test_failures_are_asked_for_again_and_then_recorded() -> None:
    asked = Asked.of("cmd:false", "nb201", {})
    graphs = next(spaces.get("nb201").enumerate()).take(slice(3))
    for lose, reason in ((False, "exit status 1"), (True, "its worker died: for a test")):
        engine = Shuffled(1, lose=lambda made, lose=lose: lose)  # type: ignore[misc]
        evaluator = Evaluator(engine, asked, ["val_acc"], retries=2)
        number = evaluator.submit(graphs)
        ((ended, answer),) = evaluator.wait()
        assert (ended, evaluator.unfinished) == (number, 0)
        assert engine.made == 3 * (3 if lose else 1)
        assert set(answer.problems) == {0, 1, 2}
        assert all(reason in problem for problem in answer.problems.values())
        assert np.isnan(answer.columns["val_acc"]).all()


def test_a_remote_benchmark_answers_as_the_benchmark_does() -> None:
    graphs = next(spaces.get("nb201").enumerate()).take(slice(50))
    remote = Remote(Shuffled(1), Asked.of("nb201/cifar10", None, {}))
    here = benchmarks.load("nb201/cifar10")
    for draw in (None, (3,)):
        found, expected = remote.query(graphs, draw=draw), here.query(graphs, draw=draw)
        assert all(np.array_equal(found.columns[name], expected.columns[name]) for name in expected.columns)


def test_a_benchmark_that_always_fails_ends_the_search() -> None:
    failing = Study("cmd:false", "val_acc", True, "random", {}, Budget(40, 1, 6), space="nb201")
    engine = Shuffled(2)
    with pytest.raises(AgnetError, match=r"none of the first 6 .* exit status 1"):
        failing.run((0,), engine=engine)
    assert engine.made == 6


@pytest.mark.parametrize("strategy", ["random", "bayesian", "local"])
def test_a_small_table_of_a_large_space_ends_the_search(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Few(Remote):
        def has(self, graphs: Graphs) -> np.ndarray:
            index = spaces.get("nb201").index(graphs)
            assert index is not None
            return index % 600 == 0

    monkeypatch.setattr(asynchronous, "UNANSWERED", 5)
    space, engine = spaces.get("nb201"), Shuffled(4)
    evaluator = Evaluator(engine, Asked.of("nb201/cifar10", None, {}), ["val_acc"])
    evaluator.benchmark = Few(engine, Asked.of("nb201/cifar10", None, {}))
    history = History(space, "val_acc", maximize=True)
    made = strategies.make(strategy, space, "val_acc", maximize=True, options={})
    asynchronous.search(evaluator, made, history, budget=Budget(100, 4, 27), seed=(0,))
    assert len(history) == 27 == engine.made
    history = History(space, "val_acc", maximize=True)
    asynchronous.search(evaluator, made, history, budget=Budget(100, 4, 10), seed=(0,))
    assert 10 <= len(history) <= 27


def test_journals_of_one_worker_and_of_several_are_told_apart(tmp_path: Path) -> None:
    study("random").run((0,), journal=tmp_path / "one")
    study("random").run((0,), journal=tmp_path / "several", engine=Shuffled(2))
    for name, engine in (("one", Shuffled(2)), ("several", None)):
        with pytest.raises(InputError, match=r"other settings \(workers\)"):
            study("random").run((0,), journal=tmp_path / name, resume=True, engine=engine)
    text = (tmp_path / "several").read_bytes()
    (tmp_path / "several").write_bytes(text.replace(b'"round":0', b'"round":1', 1))
    with pytest.raises(InputError, match="the journal has"):
        study("random").run((0,), journal=tmp_path / "several", resume=True, engine=Shuffled(2))
    (tmp_path / "several").write_bytes(text.replace(b'"round":0', b'"run":0', 1))
    with pytest.raises(InputError, match="several:2: not a line of a search's journal"):
        study("random").run((0,), journal=tmp_path / "several", resume=True, engine=Shuffled(2))


def test_done_says_why() -> None:
    assert Done(1, failure="no answer within 3 s").value is None
