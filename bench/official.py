"""``query`` and ``encode`` beside the loops that users of the official APIs write, scaled up to as many records.

NAS-Bench-201's is the package nats-bench itself, on random numbers in the form of the published results: 3 trainings of
200 epochs of a few cells. NAS-Bench-101's needs TensorFlow 1, so what ``nasbench.api`` does for a query is written
again here: useless vertices of a cell are taken off, the others hashed, and the results of all its trainings copied, of
which one is drawn. Both have all they know in memory; the time it takes to get there is not counted.
"""

from __future__ import annotations

import copy
import hashlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import benchmarks, spaces
from agnet.graphs import Graphs
from agnet.spaces.base import Space
from bench.measure import Row, compare, shell
from bench.spaces import import_nb101

_RECORDS, _CELLS, _ASKED = 1_000_000, 20, 2000
"""Records of ours; different cells and queries of the peer's."""
_LABELS = {"input": -1, "conv3x3-bn-relu": 0, "conv1x1-bn-relu": 1, "maxpool3x3": 2, "output": -2}
_REPEATS, _BUDGETS = 3, (4, 12, 36, 108)
_METRICS = tuple(
    f"{when}_{what}"
    for when in ("halfway", "final")
    for what in ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
)


def rows() -> Iterator[Row]:
    """A million records through ``query`` and ``encode`` against a loop over some, scaled up."""
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, AGNET_CACHE=f"{name}/cache"):
        benchmarks.get.cache_clear()
        import_nb101()
        for space, benchmark, peers in (
            (spaces.get("nb201"), "nb201/cifar10", _nats_bench),
            (spaces.get("nb101"), "nb101", _nasbench),
        ):
            file = Path(name) / f"{space.name}.arrow"
            _write(space, file)
            query, parse = peers(space.sample(_CELLS, np.random.default_rng(0)), space)
            for work, command, peer, theirs, limit in (
                ("query", f"query {benchmark} {file} -q --format arrow", "the official query loop", query, 0.01),
                ("encode", f"encode {file} -q --format arrow", "the official parser", parse, 0.05),
            ):
                scale = _RECORDS / _ASKED
                title = f"{work}, {_RECORDS:,} of {space.name}, arrow"
                yield compare(title, shell(command), peer, theirs, limit=limit, turns=3, scale=scale)


def _write(space: Space, path: Path) -> None:
    graphs = space.sample(_RECORDS, np.random.default_rng(1))
    table = pa.table({"space": pa.repeat(space.name, _RECORDS), "arch": space.format(graphs)})
    with pa.ipc.new_file(str(path), table.schema) as out:
        out.write_table(table, max_chunksize=65536)


_Peers = tuple[Callable[[], None], Callable[[], None]]


def _nats_bench(graphs: Graphs, space: Space) -> _Peers:
    """Queries and parsing of NATS-Bench's own package."""
    from nats_bench import create  # noqa: PLC0415
    from nats_bench.genotype_utils import topology_str2structure  # noqa: PLC0415

    archs = list(dict.fromkeys(space.format(graphs).to_pylist()))
    states = {number: {"200": _results(number, arch)} for number, arch in enumerate(archs)}
    known = {"meta_archs": archs, "arch2infos": states, "evaluated_indexes": list(states)}
    api = create(known, "tss", fast_mode=False, verbose=False)
    asked = [archs[number % len(archs)] for number in range(_ASKED)]

    def query() -> None:
        for arch in asked:
            index = api.query_index_by_arch(arch)
            api.get_more_info(index, "cifar10-valid", hp="200", is_random=False)

    def parse() -> None:
        for arch in asked:
            topology_str2structure(arch).to_unique_str(consider_zero=True)

    return query, parse


def _results(number: int, arch: str) -> Any:
    """What NATS-Bench keeps of a cell trained three times on CIFAR-10."""
    from nats_bench.api_utils import ArchResults, ResultsCount  # noqa: PLC0415

    results, epochs = ArchResults(number, arch), 200
    rng = np.random.default_rng(number)
    for seed in (777, 888, 999):
        curves = [dict(enumerate(rng.random(epochs).tolist())) for _ in range(3)]
        run = ResultsCount("cifar10-valid", None, curves[0], curves[1], 1.0, 100.0, {}, seed, epochs, None)
        run.train_times = curves[2]
        for split in ("x-valid", "ori-test"):
            for part in (run.eval_acc1es, run.eval_losses, run.eval_times):
                part.update({f"{split}@{epoch}": value for epoch, value in enumerate(rng.random(epochs).tolist())})
        results.update("cifar10-valid", seed, run)
    return results.state_dict()


def _nasbench(graphs: Graphs, space: Space) -> _Peers:
    """Queries and hashes as NAS-Bench-101's API makes them."""
    size = graphs.sizes[:, 0].astype(int).tolist()
    specs = [
        (graphs.adjacency[row, 0, :n, :n].astype(np.int8), [space.node_types[op] for op in graphs.ops[row, 0, :n]])
        for row, n in enumerate(size)
    ]
    for _, labels in specs:
        labels[0], labels[-1] = "input", "output"
        labels[1:-1] = [_official(label) for label in labels[1:-1]]
    fixed, computed = {}, {}
    for matrix, labels in specs:
        key = _hash(*_pruned(matrix, labels))
        fixed[key] = {"module_adjacency": matrix, "module_operations": labels, "trainable_parameters": 1}
        computed[key] = {
            budget: [{metric: random.random() for metric in _METRICS} for _ in range(_REPEATS)] for budget in _BUDGETS
        }
    asked = [specs[number % len(specs)] for number in range(_ASKED)]

    def query() -> None:
        for matrix, labels in asked:
            key = _hash(*_pruned(matrix, labels))
            stays, all_runs = copy.deepcopy(fixed[key]), copy.deepcopy(computed[key])
            run = all_runs[108][random.randrange(_REPEATS)]
            dict(stays, **{metric: run[metric] for metric in _METRICS[4:]})

    def parse() -> None:
        for matrix, labels in asked:
            _hash(*_pruned(matrix, labels))

    return query, parse


def _official(label: str) -> str:
    return next(name for name in _LABELS if name.startswith(label))


def _pruned(matrix: NDArray[np.int8], labels: list[str]) -> tuple[NDArray[np.int8], list[str]]:
    """The cell without what is on no path from the input to the output, vertex by vertex; the cell is copied first."""
    n = len(matrix)
    if any(matrix[source, target] for source in range(n) for target in range(source + 1)):
        raise ValueError("not upper triangular")
    matrix, labels = copy.deepcopy(matrix), copy.deepcopy(labels)
    ahead, behind = {0}, {n - 1}
    for reached, edges, order in ((ahead, matrix, range(n)), (behind, matrix.T, range(n - 1, -1, -1))):
        for vertex in order:
            if vertex in reached:
                reached.update(other for other in range(n) if edges[vertex, other])
    keep = sorted(ahead & behind)
    return matrix[np.ix_(keep, keep)], [labels[vertex] for vertex in keep]


def _hash(matrix: NDArray[np.int8], labels: list[str]) -> str:
    """The module hash, vertex by vertex, see :mod:`agnet.spaces.nb101_hash`."""
    n = len(matrix)
    into, out = matrix.sum(axis=0).tolist(), matrix.sum(axis=1).tolist()
    hashes = [_md5(str(key)) for key in zip(out, into, map(_LABELS.__getitem__, labels), strict=True)]
    for _ in range(n):
        hashes = [
            _md5(
                "".join(sorted(hashes[other] for other in range(n) if matrix[other, vertex]))
                + "|"
                + "".join(sorted(hashes[other] for other in range(n) if matrix[vertex, other]))
                + "|"
                + hashes[vertex]
            )
            for vertex in range(n)
        ]
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
