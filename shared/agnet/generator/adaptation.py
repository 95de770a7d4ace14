"""How a generator learns what is good about few evaluated architectures: AG-Net's latent space optimisation.

Lukasik, Jung, Keuper, section 3.3, after "weighted retraining" (Tripp, Daxberger, Hernández-Lobato, NeurIPS 2020): the
better an architecture ranks, the more often it is drawn and the more its loss weighs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agnet.encodings import edge_vector
from agnet.generator.adam import Adam
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.network import Config, Losses, Targets
from agnet.generator.training import digest, versions
from agnet.graphs import Graphs
from agnet.seeds import Seed, numpy_stream


@dataclass(frozen=True, slots=True)
class Settings:
    """AG-Net's, for NAS-Bench-201."""

    epochs: int = 30
    batch: int = 16
    rate: float = 1e-3
    """Adam's step size."""
    alpha: float = 0.9
    """Share of the predictor in the loss."""
    rank_k: float = 0.01
    """How evenly ranks weigh: weight = 1 / (rank_k × n + rank)."""
    backpropagate: bool = True
    """Whether the predictor's error reaches the decoder."""
    learn_generator: bool = True
    """Whether the decoder learns at all."""


def rank_weights(values: NDArray[np.float64], *, maximize: bool = True, k: float = 0.01) -> NDArray[np.float64]:
    """[n] weights 1 / (k n + rank), the best value having rank 0; among equal ones the earlier is better."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(-values if maximize else values, kind="stable")] = np.arange(len(values))
    return 1 / (k * len(values) + ranks)


def adapt(
    init: Checkpoint,
    graphs: Graphs,
    seed: Seed,
    *,
    rank_by: NDArray[np.float64] | None = None,
    maximize: bool = True,
    metrics: Sequence[str] = (),
    values: NDArray[np.float64] | None = None,
    settings: Settings | None = None,
    device: str = "cpu",
    on_epoch: Callable[[int, Losses], None] | None = None,
) -> Checkpoint:
    """Retrain a generator, and a predictor behind it, on evaluated architectures.

    An epoch draws as many architectures as there are, with replacement, and decodes fresh noise for each. The optimiser
    starts anew, so the outcome follows from generator, data and seed.

    Args:
        init: the generator to start from. Its predictor goes on if it is for the same ``metrics``, else one begins.
        graphs: [n] architectures, at least one.
        seed: decides every random choice.
        rank_by: [n] finite values that architectures are ranked by; all weigh the same without.
        maximize: whether large values are good.
        metrics: names of what to predict; there is no predictor without.
        values: [n, metrics]; NaN where a metric is not known.
        settings: see there.
        device: ``cpu`` or a device of PyTorch's.
        on_epoch: told after each epoch its number, from 1, and its mean losses.
    """
    settings = settings or Settings()
    start = _with_predictor(init, tuple(metrics), seed)
    network = start.network(device)
    learning = slice(None) if settings.learn_generator else network.of_predictor
    vector, gradient = network.vector[learning], network.gradient[learning]
    adam = Adam(network.xp, len(vector))
    ops, edges = graphs.ops, edge_vector(graphs.adjacency)
    n, length = len(graphs), start.config.latent_length
    weights = np.ones(n) if rank_by is None else rank_weights(rank_by, maximize=maximize, k=settings.rank_k)
    chances = weights / weights.sum()
    alpha = settings.alpha if metrics else 0.0
    losses = Losses(0.0, 0.0)
    for epoch in range(settings.epochs):
        rng = numpy_stream(seed, "adaptation", epoch)
        drawn = rng.choice(n, n, p=chances)
        noise = rng.standard_normal((n, length), np.float32)
        batches = []
        for first in range(0, n, settings.batch):
            rows = drawn[first : first + settings.batch]
            targets = Targets(ops[rows], edges[rows], None if values is None else values[rows], weights[rows])
            batches.append(
                network.learn(
                    noise[first : first + settings.batch], targets, alpha=alpha, backpropagate=settings.backpropagate
                )
            )
            adam.step(vector, gradient, settings.rate)
        losses = Losses(*np.mean(batches, axis=0).tolist())
        if on_epoch:
            on_epoch(epoch + 1, losses)
    adapted = {
        "data": {"rows": n, "sha256": digest(graphs)},
        "seed": list(seed),
        "epochs": settings.epochs,
        "batch": settings.batch,
        "rate": settings.rate,
        "alpha": alpha,
        "rank_k": None if rank_by is None else settings.rank_k,
        "loss": round(losses.reconstruction, 6),
        "prediction_loss": round(losses.prediction, 9),
        "versions": versions(init.model),
    }
    return replace(start, parameters=network.parameters(), facts={**init.facts, "adapted": adapted})


def _with_predictor(init: Checkpoint, metrics: tuple[str, ...], seed: Seed) -> Checkpoint:
    if init.agnet.metrics == metrics:
        return init
    config = Config(init.agnet.cells, init.agnet.shape, metrics)
    decoders = {name: value for name, value in init.parameters.items() if name.startswith("decoder.")}
    predictor = config.initial_predictor(numpy_stream(seed, "predictor parameters")) if metrics else {}
    return replace(init, config=config, parameters=decoders | predictor)
