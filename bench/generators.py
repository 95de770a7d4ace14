"""What generators make: ``python -m bench.generators samples|targets [--data FOLDER] [--seeds N]``.

``samples``: of 10,000 samples of each generator how many are architectures (``raw``: before the space's rules mend
what they can), how many of these are distinct, new, and what they cover; beside them as many random architectures of
the space, which is the distribution that generators learn. ``targets``: generators learn from 64 random evaluated
architectures what is good; the mean rank of what they make then, 0 % being the best of the benchmark.

``--data`` is a folder with AG-Net's published generators (``agnet/*.best.model``), known cells of NAS-Bench-101
(``nb101/nb101_108ep_151644.npz``) and YAHPO Gym's surrogate of NAS-Bench-301 (``nb301/new_model.onnx``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agnet import benchmarks, encodings, spaces
from agnet.benchmarks.base import Benchmark
from agnet.generator import adaptation, checkpoint
from agnet.generator.autoregressive import adaptation as autoregressive
from agnet.generator.autoregressive.config import Config
from agnet.generator.autoregressive.network import Network
from agnet.generator.published import import_published
from agnet.generator.quality import Quality, known, quality
from agnet.generator.sampling import Generation, draw
from agnet.graphs import Graphs
from agnet.seen import Seen, hashes
from agnet.spaces.base import Space
from agnet.spaces.nb301.vectors import yahpo_codes

Scores = Callable[[Graphs], NDArray[np.float64]]
"""Architectures to validation accuracies, NaN where it is not known."""

_PUBLISHED = {"nb101": "NASBench101", "nb201": "NASBench201", "nb301": "NASBench301", "nbnlp": "NASBenchNLP"}
_SAMPLES, _EVALUATED, _MADE, _REFERENCE = 10_000, 64, 1000, 10_000
_LEARNED = 100_000
"""Random architectures that novelty and coverage are measured against, where a space is too large for all."""


def samples(data: Path | None) -> Iterator[str]:
    """The table of samples."""
    yield "| space | generator | raw | valid | distinct | new | covered | seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in spaces.names():
        space = spaces.get(name)
        rng = np.random.default_rng(0)
        whole = list(space.enumerate()) if space.size else [space.sample(_LEARNED, rng)]
        learned = known(space, Graphs.concat(whole))
        yield _line(name, "(random)", 1.0, _of_space(space, learned, rng), 0.0)
        for title, generator in _generators(name, data):
            raw = _raw(generator, space)
            started = time.process_time()
            measured = quality(generator, space, learned, _SAMPLES, (1,))
            yield _line(name, title, raw, measured, time.process_time() - started)


def _generators(name: str, data: Path | None) -> Iterator[tuple[str, checkpoint.Checkpoint]]:
    if data is not None:
        yield "AG-Net, published", import_published(str(data / "agnet" / f"{_PUBLISHED[name]}.best.model"))
    yield "AG-Net, trained here", checkpoint.load(f"{name}-agnet")
    yield "autoregressive", checkpoint.load(name)


def _of_space(space: Space, learned: Seen, rng: np.random.Generator) -> Quality:
    graphs = space.sample(_SAMPLES, rng)
    distinct = np.unique(hashes(space.keys(graphs)))
    new = np.count_nonzero(~learned.has(distinct)) / len(distinct)
    return Quality(1.0, len(distinct) / _SAMPLES, new, (1 - new) * len(distinct) / len(learned))


def _raw(generator: checkpoint.Checkpoint, space: Space) -> float:
    rng = np.random.default_rng(1)
    latent = rng.standard_normal((_SAMPLES, generator.config.latent_length), np.float32)
    valid = []
    for start in range(0, _SAMPLES, 500):
        z = latent[start : start + 500]
        if isinstance(generator.config, Config):
            made = Network(generator.config, generator.parameters).graphs(z)
        else:
            made = draw(*generator.network().scores(z), rng)
        valid.append(space.valid(made))
    return float(np.concatenate(valid).mean())


def _line(name: str, title: str, raw: float, measured: Quality, seconds: float) -> str:
    distinct = round(_SAMPLES * measured.validity * measured.uniqueness)
    return (
        f"| {name} | {title} | {100 * raw:.2f} % | {100 * measured.validity:.2f} % | {distinct:,} "
        f"| {100 * measured.novelty:.1f} % | {100 * measured.coverage:.1f} % | {seconds:.1f} |"
    )


def targets(data: Path | None, seeds: int) -> Iterator[str]:
    """The table of what can be asked for."""
    yield f"| benchmark | {' | '.join(_METHODS)} |"
    yield f"|---|{'---|' * len(_METHODS)}"
    for title, space, scores in _benchmarks(data):
        reference = space.sample(_REFERENCE, np.random.default_rng(0))
        population = scores(reference)
        population = np.sort(population[np.isfinite(population)])
        cells = []
        for method in _METHODS.values():
            runs = np.array([_run(method, space, scores, population, seed) for seed in range(seeds)])
            rank, error = runs[:, 0].mean(), runs[:, 0].std(ddof=1) / np.sqrt(seeds)
            cells.append(
                f"{100 * rank:.1f} ± {100 * error:.1f} %, {runs[:, 1].mean():.0f} distinct, {runs[:, 2].mean():.1f} s"
            )
        yield f"| {title} | {' | '.join(cells)} |"


def _run(
    method: Callable[[Space, Graphs, NDArray[np.float64], int], Graphs],
    space: Space,
    scores: Scores,
    population: NDArray[np.float64],
    seed: int,
) -> tuple[float, float, float]:
    """Mean rank, distinct architectures, and CPU seconds."""
    rng = np.random.default_rng(1000 + seed)
    graphs = space.sample(_EVALUATED * 8, rng)
    values = scores(graphs)
    rows = np.flatnonzero(np.isfinite(values))[:_EVALUATED]
    started = time.process_time()
    made = method(space, graphs.take(rows), values[rows], seed)
    seconds = time.process_time() - started
    found = scores(made)
    better = 1 - np.searchsorted(population, found[np.isfinite(found)], side="right") / len(population)
    return float(better.mean()), float(len(space.format(made).unique())), seconds


def _prior(space: Space, graphs: Graphs, values: NDArray[np.float64], seed: int) -> Graphs:
    return _made(Generation(checkpoint.load(space.name), space, _MADE, (seed,)), space)


def _marginals(space: Space, graphs: Graphs, values: NDArray[np.float64], seed: int) -> Graphs:
    """Each node and edge by itself, as often as in what ranks high; a tenth as often as in the space."""
    rng = np.random.default_rng(seed)
    weights = adaptation.rank_weights(values)
    parts = [(graphs, 0.9 * weights / weights.sum()), (space.sample(1000, rng), np.full(1000, 0.1 / 1000))]
    onehot = np.eye(len(space.node_types))
    types = sum(np.einsum("n,ncit->cit", w, onehot[part.ops]) for part, w in parts)
    edges = sum(np.einsum("n,nce->ce", w, encodings.edge_vector(part.adjacency)) for part, w in parts)
    with np.errstate(divide="ignore"):
        scores = (np.log(types), np.log(edges) - np.log1p(-np.minimum(edges, 1)))
    found: list[Graphs] = []
    while sum(map(len, found)) < _MADE:
        type_scores, edge_scores = (np.repeat(part[None], 4 * _MADE, axis=0).astype(np.float32) for part in scores)
        made = space.resolve(draw(type_scores, edge_scores, rng), edge_scores)
        found.append(made.take(np.flatnonzero(space.valid(made))))
    return Graphs.concat(found).take(slice(0, _MADE))


def _agnet(space: Space, graphs: Graphs, values: NDArray[np.float64], seed: int) -> Graphs:
    """AG-Net's retraining, with its own latents."""
    adapted = adaptation.adapt(
        checkpoint.load(f"{space.name}-agnet"),
        graphs,
        (seed,),
        rank_by=values,
        metrics=("val_acc",),
        values=values[:, None],
    )
    return _made(Generation(adapted, space, _MADE, (seed,), latent="uniform"), space)


def _target(space: Space, graphs: Graphs, values: NDArray[np.float64], seed: int) -> Graphs:
    start = checkpoint.load(space.name)
    adapted = autoregressive.adapt(start, space, graphs, (seed,), metrics=("val_acc",), values=values[:, None])
    return _made(Generation(adapted, space, _MADE, (seed,), targets={"val_acc": "top1%"}), space)


def _made(generation: Generation, space: Space) -> Graphs:
    return Graphs.concat([Graphs.blank(0, len(space.cells), space.max_nodes), *(block.graphs for block in generation)])


_METHODS = {
    "unasked": _prior,
    "marginals": _marginals,
    "AG-Net retrained": _agnet,
    "autoregressive, top1%": _target,
}


def _benchmarks(data: Path | None) -> Iterator[tuple[str, Space, Scores]]:
    for name in ("nb201/cifar10", "nb201/cifar100", "nb201/ImageNet16-120"):
        yield name, spaces.get("nb201"), partial(_answers, benchmarks.get(name))
    if data is not None:
        from bench.tables import KnownCells  # noqa: PLC0415

        cells = KnownCells(data / "nb101" / "nb101_108ep_151644.npz")
        yield "nb101, 151,644 known cells", spaces.get("nb101"), partial(_answers, cells)
        yield "nb301, YAHPO Gym's surrogate", spaces.get("nb301"), _yahpo(data / "nb301" / "new_model.onnx")


def _answers(benchmark: Benchmark, graphs: Graphs) -> NDArray[np.float64]:
    values = np.full(len(graphs), np.nan)
    there = np.flatnonzero(benchmark.has(graphs))
    values[there] = benchmark.query(graphs.take(there)).columns["val_acc"]
    return values


def _yahpo(path: Path) -> Scores:
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(str(path))
    epoch = np.full((1, 1), 98, np.float32)

    def scores(graphs: Graphs) -> NDArray[np.float64]:
        codes = yahpo_codes(graphs)
        return np.array([session.run(None, {"x_cat": row[None], "x_cont": epoch})[0][0, 0] for row in codes]) / 100

    return scores


def main() -> None:
    """The tables asked for, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("table", choices=("samples", "targets"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    lines = samples(arguments.data) if arguments.table == "samples" else targets(arguments.data, arguments.seeds)
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
