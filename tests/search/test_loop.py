from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from agnet import benchmarks, networks, spaces
from agnet.benchmarks.base import Answer, Benchmark
from agnet.engines import Setup
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.search import beginning, loop, strategies
from agnet.search.history import History
from agnet.search.journal import HEADER, Journal
from agnet.search.loop import Budget, search
from agnet.search.objective import of
from agnet.search.study import Study, run_trials
from agnet.seeds import Seed
from agnet.spaces.held import Held
from agnet.spaces.sampling import distinct_blocks

RANDOM = Study("nb201/cifar10", "val_acc", True, "random", budget=Budget(queries=40, batch=7, init=10))


def lines(history: History) -> bytes:
    return b"".join(chunk.json_lines().to_pybytes() for chunk in history.chunks)


def test_asks_exactly_as_often_as_allowed_and_never_twice() -> None:
    history = RANDOM.run((3,))
    assert len(history) == 40
    assert len(set(history.keys.to_pylist())) == 40
    assert [len(chunk) for chunk in history.chunks] == [10, 7, 7, 7, 7, 2]
    truth = benchmarks.load("nb201/cifar10").query(history.graphs).columns["val_acc"]
    assert np.array_equal(history.values, truth)
    assert history.best() == truth.argmax()
    assert np.array_equal(history.best_so_far(), np.maximum.accumulate(truth))


def test_seed_decides() -> None:
    assert lines(RANDOM.run((3,))) == lines(RANDOM.run((3,)))
    assert lines(RANDOM.run((3,))) != lines(RANDOM.run((4,)))


def test_minimize_looks_for_the_smallest() -> None:
    history = Study("nb201/cifar10", "latency_ms", False, "random", budget=Budget(30, 10, 10)).run((0,))
    assert history.best() == history.values.argmin()
    assert history.best_so_far()[-1] == history.values.min()


def test_an_objective_without_a_finite_number_is_wrong_usage() -> None:
    study = Study("nb201/cifar10", "objective", True, "random", objective=of(["val_acc / 0"], [], [], "pareto"))
    with pytest.raises(InputError, match=r"max val_acc / 0: no finite number for any of the first \d+ architectures"):
        study.run((0,))


def test_continues_an_interrupted_search_to_the_same_history(tmp_path: Path) -> None:
    whole = lines(RANDOM.run((5,), journal=tmp_path / "whole"))
    recorded = (tmp_path / "whole").read_bytes()
    header, answers = recorded.split(b"\n", 1)
    assert b"".join(line for line in answers.splitlines(keepends=True) if HEADER.encode() not in line) == whole
    for cut in (len(header) + 1, len(header) + 500, len(recorded) // 2, len(recorded)):
        (tmp_path / "cut").write_bytes(recorded[:cut])
        assert lines(RANDOM.run((5,), journal=tmp_path / "cut", resume=True)) == whole
        assert (tmp_path / "cut").read_bytes() == recorded


def test_trials_in_processes_equal_single_searches(tmp_path: Path) -> None:
    seeds: list[Seed] = [(0,), (1,), (2,)]
    outcomes = dict(run_trials(RANDOM, seeds, [None, tmp_path / "j", None], resume=False, setup=Setup(workers=2)))
    assert [outcomes[trial].lines for trial in range(3)] == [lines(RANDOM.run(seed)) for seed in seeds]


class Picky(Benchmark):
    """Knows cells without pooling only, and fails on cells whose first operation is none."""

    name, space, title, source, size = "picky", "nb201", "", "", None
    metrics = (Metric("val_acc", "", "maximize", ""),)
    asked = 0

    def has(self, graphs: Graphs) -> np.ndarray:
        return ~(graphs.ops == 4).any(axis=(1, 2))

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        assert self.has(graphs).all()
        self.asked += len(graphs)
        values = np.where(graphs.ops[:, 0, 1] == 6, np.nan, 1.0 / (1 + graphs.ops.sum(axis=(1, 2))))
        return Answer({"val_acc": values}, {})


def test_unknown_architectures_cost_nothing_and_failures_are_recorded() -> None:
    space, benchmark = spaces.get("nb201"), Picky()
    history = History(space, "val_acc", maximize=True)
    strategy = strategies.make("random", space, "val_acc", maximize=True, options={})
    search(benchmark, strategy, history, budget=Budget(60, 20, 20), seed=(0,))
    assert len(history) == 60 == benchmark.asked
    assert len(history.seen) > 60
    assert np.isnan(history.values).any()
    assert not np.isnan(history.values[history.best()])  # type: ignore[index]
    table = pa.concat_tables([chunk.table() for chunk in history.chunks])
    assert table["val_acc"].null_count == np.isnan(history.values).sum()


def test_an_exhausted_space_ends_the_search() -> None:
    study = Study("nb201/cifar10", "val_acc", True, "random", budget=Budget(15_700, 5000, 1000))
    assert len(study.run((0,))) == 15_625


def test_unknown_names_and_options() -> None:
    space = spaces.get("nb201")
    with pytest.raises(InputError, match="did you mean 'random'"):
        strategies.make("rondom", space, "val_acc", maximize=True, options={})
    with pytest.raises(InputError, match="no option --alpha"):
        strategies.make("random", space, "val_acc", maximize=True, options={"alpha": 1})


class Sizes(Benchmark):
    """Multiply-adds of the DARTS space's networks, one evaluation at a time."""

    name, space, title, source, size = "sizes", "nb301", "sizes", "computed", None
    metrics = (Metric("flops_m", "", "minimize", ""),)
    at_once = 1

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        assert len(graphs) == 1
        return Answer({"flops_m": networks.flops(spaces.get("nb301"), graphs) / 1e6}, {})


@pytest.mark.parametrize("strategy", ["random", "local", "bayesian", "agnet"])
@pytest.mark.parametrize("companions", [1, 3])
def test_one_cell_after_the_other(strategy: str, companions: int) -> None:
    space = Held(spaces.get("nb301"))
    history = History(space, "flops_m", maximize=False)
    options = {"epochs": 2, "candidates": 10} if strategy == "agnet" else {}
    made = strategies.make(strategy, space, "flops_m", maximize=False, options=options)
    search(Sizes(), made, history, budget=Budget(40, 5, 8, companions), seed=(0,))
    assert len(history) == 40 == len(set(history.keys.to_pylist()))
    tried = 8 if companions == 1 else 11
    reduction = {cell.tobytes() for cell in history.graphs.ops[tried:20, 1]}
    assert len(reduction) == 1
    best = int(history.values[:20].argmin())
    assert (history.graphs.ops[20:, 0] == history.graphs.ops[best, 0]).all()
    assert len({cell.tobytes() for cell in history.graphs.ops[20:, 1]}) > 5
    if companions > 1:
        first = int(history.values[:8].argmin())
        assert (history.graphs.ops[8:11, 0] == history.graphs.ops[first, 0]).all()
        chosen = 8 + int(history.values[8:11].argmin())
        assert reduction == {history.graphs.ops[chosen, 1].tobytes()}


def test_answers_are_on_disk_before_the_next_evaluation_begins(tmp_path: Path) -> None:
    asked = 0

    class Failing(Sizes):
        def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
            nonlocal asked
            asked += 1
            assert (tmp_path / "j").read_bytes().count(b"\n") == asked
            if asked == 5:
                raise KeyboardInterrupt
            return super().query(graphs, metrics, draw=draw)

    space = spaces.get("nb301")

    def run(benchmark: Benchmark, path: Path | None) -> bytes:
        history = History(space, "flops_m", maximize=False)
        made = strategies.make("random", space, "flops_m", maximize=False, options={})
        with Journal(path, {}, resume=True) if path else nullcontext() as journal:
            search(benchmark, made, history, budget=Budget(12, 4, 6), seed=(0,), journal=journal)
        return lines(history)

    with pytest.raises(KeyboardInterrupt):
        run(Failing(), tmp_path / "j")
    assert (tmp_path / "j").read_bytes().count(b"\n") == 5
    assert run(Sizes(), tmp_path / "j") == run(Sizes(), None)


def test_first_architectures_that_cannot_be_answered_are_replaced() -> None:
    class Few(Sizes):
        at_once = None

        def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
            return Answer({"flops_m": networks.flops(spaces.get("nb301"), graphs) / 1e6}, {})

        def has(self, graphs: Graphs) -> np.ndarray:
            return networks.flops(spaces.get("nb301"), graphs) % 3 < 1

    space = spaces.get("nb301")
    history = History(space, "flops_m", maximize=False)
    made = strategies.make("random", space, "flops_m", maximize=False, options={})
    search(Few(), made, history, budget=Budget(10, 4, 10), seed=(0,))
    assert len(history) == 10


@pytest.mark.parametrize("strategy", ["random", "bayesian", "local"])
def test_a_small_table_of_a_large_space_ends_the_search(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    space = spaces.get("nb301")
    some = set(space.format(next(distinct_blocks(space, 20, (0,)))).to_pylist())

    class Table(Sizes):
        at_once = None

        def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
            return Answer({"flops_m": networks.flops(space, graphs) / 1e6}, {})

        def has(self, graphs: Graphs) -> np.ndarray:
            return np.array([text in some for text in space.format(graphs).to_pylist()], np.bool_)

    monkeypatch.setattr(loop, "UNANSWERED", 5)
    monkeypatch.setattr(beginning, "_VAIN", 2000)
    history = History(space, "flops_m", maximize=False)
    made = strategies.make(strategy, space, "flops_m", maximize=False, options={})
    search(Table(), made, history, budget=Budget(100, 4, 30), seed=(0,))
    assert len(history) == 20


class Some(Benchmark):
    """Cells of NAS-Bench-201 without pooling, of which a search is not told that there are no others."""

    name, space = "some", "nb201"
    whole = benchmarks.load("nb201/ImageNet16-120")
    metrics = whole.metrics

    def has(self, graphs: Graphs) -> np.ndarray:
        return ~(graphs.ops == spaces.get("nb201").node_types.index("avg_pool_3x3")).any(axis=(1, 2))

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        assert self.has(graphs).all()
        return self.whole.query(graphs, metrics)


@pytest.mark.parametrize(
    ("acquisition", "limits"), [("ei", []), ("thompson", []), ("mean", []), ("ei", ["latency_ms<=20"])]
)
def test_what_a_table_does_not_have_costs_no_question(acquisition: str, limits: list[str]) -> None:
    wanted = of(["val_acc"], [], limits, "pareto")
    history = History(spaces.get("nb201"), "val_acc", maximize=True, objective=wanted)
    options = {} if limits else {"acquisition": acquisition}
    made = strategies.make("bayesian", history.space, "val_acc", maximize=True, options=options, plain=not limits)
    asked = []
    ask = made.ask

    def count(history: History, n: int, seed: Seed) -> strategies.Proposal:
        asked.append(n)
        return ask(history, n, seed)

    made.ask = count  # type: ignore[method-assign]
    search(Some(), made, history, budget=Budget(65, 4, 5), seed=(1,))
    assert len(history) == 65
    assert asked == [4] * 15, "each question gets as many answers as were wanted"


def test_bayesian_is_asked_for_one_at_a_time_at_first() -> None:
    assert Budget.of(strategies.get("bayesian"), 192) == Budget(192, 2, 4, 1, 64)
    assert Budget.of(strategies.get("bayesian"), 192, 2, 8) == Budget(192, 2, 8)
    assert Budget.of(strategies.get("agnet"), 192) == Budget(192, 16, 16)
    study = Study("nb201/cifar10", "val_acc", True, "bayesian", budget=Budget(22, 3, 8, singly=13))
    assert [len(chunk) for chunk in study.run((0,)).chunks] == [8, 1, 1, 1, 1, 1, 3, 3, 3]
