"""How an autoregressive generator learns in about a second what is good about few evaluated architectures.

A few dozen evaluated architectures are soon learned by heart, which teaches nothing about others. So a surrogate learns
from them and predicts the metrics of a pool that the generator has drawn, and the generator learns the pool, each
architecture together with the share of the pool that is as good. Then it draws good ones by what it has learned, the
pool gets these too, and so on for a few rounds. A part of every batch comes from the first pool and asks for nothing:
without targets the generator stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agnet.errors import AgnetError, InputError
from agnet.generator.autoregressive import condition
from agnet.generator.autoregressive.config import Config
from agnet.generator.autoregressive.network import Network
from agnet.generator.autoregressive.training import AutoregressiveLearner
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.sampling import AutoregressiveSampler
from agnet.generator.training import digest, versions
from agnet.graphs import Graphs
from agnet.metrics import direction
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates import Batch, Surrogate, make

_SOUGHT = (0.01, 0.05)
"""Shares that the pool is extended with."""
_EVENNESS = 0.01
"""Good architectures are learned from more often: in proportion to 1 / (this + share)."""
_FRUITLESS = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to learn."""

    pool: int = 2048
    """Architectures drawn without being asked for anything."""
    found: int = 1024
    """... and at the end of each round but the last, by what was learned."""
    rounds: int = 3
    steps: int = 16
    """Batches of a round."""
    batch: int = 128
    unasked: float = 0.25
    """Share of a batch that asks for nothing."""
    rate: float = 7e-3
    """Adam's step size; it falls to zero in each round."""
    surrogate: str = "gp"


def adapt(
    init: Checkpoint,
    space: Space,
    graphs: Graphs,
    seed: Seed,
    *,
    metrics: Sequence[str],
    values: NDArray[np.float64],
    settings: Settings | None = None,
    device: str = "cpu",
    on_round: Callable[[int, float], None] | None = None,
) -> Checkpoint:
    """Teach a generator what can be asked of it.

    Args:
        init: an autoregressive generator that knows the space.
        space: the space.
        graphs: [n] evaluated architectures.
        seed: decides every random choice.
        metrics: what they were evaluated by.
        values: [n, metrics]; NaN where a metric is not known.
        settings: see there.
        device: ``cpu`` or a device of PyTorch's.
        on_round: told after each round its number, from 1, and its mean loss.

    Raises:
        InputError: if a metric has fewer than two values.
        AgnetError: if the generator makes hardly any valid architecture.
    """
    settings = settings or Settings()
    assert isinstance(init.config, Config)
    for metric, known in zip(metrics, np.isfinite(values).sum(axis=0), strict=True):
        if known < 2:
            raise InputError(f"{metric}: at least two evaluated architectures are needed to learn from, not {known}")
    surrogate = make(settings.surrogate)
    surrogate.fit(Batch(space, graphs), values, seed=seed)
    pool = _draw(init, space, settings.pool, seed, "pool")
    predicted = _predict(surrogate, space, pool)
    start = _asked(init, metrics, predicted)
    # The metrics of evaluated architectures are known, and where they are not, predicted.
    measured = np.where(np.isfinite(values), values, _predict(surrogate, space, graphs))
    pool, predicted = Graphs.concat([pool, graphs]), np.concatenate([predicted, measured])
    loss = 0.0
    for round_ in range(settings.rounds):
        loss, start = _learn(start, space, pool, predicted, settings, device, numpy_stream(seed, "adaptation", round_))
        if on_round:
            on_round(round_ + 1, loss)
        if round_ + 1 < settings.rounds:
            n = max(settings.found // (len(metrics) * len(_SOUGHT)), 1)
            for number, share in enumerate(_SOUGHT):
                for sought in range(len(metrics)):
                    shares = np.where(np.arange(len(metrics)) == sought, share, np.nan)
                    found = _draw(start, space, n, (*seed, round_, number, sought), "found", shares)
                    pool = Graphs.concat([pool, found])
                    predicted = np.concatenate([predicted, _predict(surrogate, space, found)])
    adapted = {
        "data": {"rows": len(graphs), "sha256": digest(graphs)},
        "metrics": list(metrics),
        "seed": list(seed),
        "pool": settings.pool,
        "rounds": settings.rounds,
        "steps": settings.steps,
        "batch": settings.batch,
        "rate": settings.rate,
        "surrogate": settings.surrogate,
        "loss": round(loss, 6),
        "versions": versions(init.model),
    }
    return replace(start, facts={**init.facts, "adapted": adapted})


def _asked(init: Checkpoint, metrics: Sequence[str], predicted: NDArray[np.float64]) -> Checkpoint:
    """The generator with conditions that mean nothing yet, and what share of the pool has which value."""
    assert isinstance(init.config, Config)
    config = replace(init.config, metrics=tuple(metrics))
    parameters = {name: init.parameters[name] for name in init.config.parameter_shapes() if name in init.parameters}
    shapes = config.parameter_shapes()
    if init.config.metrics != config.metrics:
        parameters["condition"] = np.zeros(shapes["condition"], np.float32)
    best_first = [
        np.quantile(column, 1 - condition.TABLE if direction(metric) == "maximize" else condition.TABLE)
        for metric, column in zip(metrics, predicted.T, strict=True)
    ]
    parameters["quantiles"] = np.array(best_first, np.float32)
    return replace(init, config=config, parameters=parameters)


def _learn(
    start: Checkpoint,
    space: Space,
    pool: Graphs,
    predicted: NDArray[np.float64],
    settings: Settings,
    device: str,
    rng: np.random.Generator,
) -> tuple[float, Checkpoint]:
    """A round; the mean loss and what the generator has become."""
    assert isinstance(start.config, Config)
    metrics = start.config.metrics
    shares = np.stack(
        [
            condition.share_of(column, metric, quantiles)
            for metric, column, quantiles in zip(metrics, predicted.T, start.parameters["quantiles"], strict=True)
        ],
        axis=1,
    )
    shares = np.maximum(shares, 1 / settings.pool)
    chances = np.cumsum(1 / (_EVENNESS + shares), axis=0)
    chances /= chances[-1]
    learner = AutoregressiveLearner(start, space, pool, device, warmup=5)
    unasked = int(settings.batch * settings.unasked)
    asked = settings.batch - unasked
    total = 0.0
    for step in range(settings.steps):
        # Each architecture is drawn by one metric, and the others are asked for, too, or not.
        by = rng.integers(len(metrics), size=asked)
        drawn = [np.searchsorted(chances[:, metric], u) for metric, u in zip(by, rng.random(asked), strict=True)]
        rows = np.concatenate([rng.integers(settings.pool, size=unasked), np.array(drawn, np.int64)])
        wanted = (rng.random((asked, len(metrics))) < 0.5) | (by[:, None] == np.arange(len(metrics)))
        goals = np.full((settings.batch, len(metrics)), np.nan)
        goals[unasked:] = np.where(wanted, shares[rows[unasked:]], np.nan)
        total += learner.learn(rows, None, settings.rate * (1 - step / settings.steps), condition.features(goals))
    return total / settings.steps, replace(start, parameters=learner.parameters())


def _draw(
    generator: Checkpoint,
    space: Space,
    n: int,
    seed: Seed,
    purpose: str,
    shares: NDArray[np.float64] | None = None,
) -> Graphs:
    """``n`` valid architectures, not all different."""
    assert isinstance(generator.config, Config)
    sampler = AutoregressiveSampler(Network(generator.config, generator.parameters, shares), space)
    parts: list[Graphs] = []
    missing = n
    for number in range(_FRUITLESS):
        rng = numpy_stream(seed, purpose, number)
        size = missing + missing // 50 + 8
        latent = rng.standard_normal((size, generator.config.latent_length), np.float32)
        made = sampler.graphs(latent, rng, 1.0)
        parts.append(made.take(np.flatnonzero(space.valid(made))[:missing]))
        missing -= len(parts[-1])
        if not missing:
            return Graphs.concat(parts)
    raise AgnetError("the generator makes hardly any valid architecture: train it on the space first")


def _predict(surrogate: Surrogate, space: Space, graphs: Graphs) -> NDArray[np.float64]:
    return surrogate.predict(Batch(space, graphs)).mean.astype(np.float64)
