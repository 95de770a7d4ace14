"""How a generator learns the distribution of many architectures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from agnet import __version__
from agnet.encodings import edge_vector
from agnet.generator.adam import Adam
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.network import Targets
from agnet.generator.quality import Quality, known, quality
from agnet.generator.state import State
from agnet.graphs import Graphs
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space

_TICKS = 10
"""Times that a training reports how it goes."""
_TICK_SAMPLES, _FINAL_SAMPLES = 1000, 10_000
"""Samples that its quality is measured on, then and at the end."""


class Schedule(NamedTuple):
    """How long and how fast to learn."""

    epochs: int
    batch: int
    rate: float
    """Adam's step size; a half cosine takes it to zero."""

    @classmethod
    def of(cls, n: int) -> Schedule:
        """For ``n`` architectures: each four times, but in all at least 64,000 and at most 400,000 or each once."""
        samples = min(max(4 * n, 64_000), 400_000)
        return cls(epochs=-(-samples // n), batch=64, rate=3e-3)


@dataclass(frozen=True, slots=True)
class Tick:
    """How a training goes."""

    samples: int
    """Architectures learned from so far."""
    total: int
    """... and at the end."""
    loss: float
    """Mean reconstruction loss since the last tick."""
    quality: Quality


def pretrain(
    space: Space,
    graphs: Graphs,
    seed: Seed,
    *,
    init: Checkpoint | None = None,
    schedule: Schedule | None = None,
    device: str = "cpu",
    on_tick: Callable[[Tick], None] | None = None,
    on_state: Callable[[State], None] | None = None,
    state: State | None = None,
) -> Checkpoint:
    """Learn the distribution of architectures: reconstruct them from noise that is fresh for every batch.

    What is drawn in a step depends on the seed and the step alone, so a training that goes on from a state ends as if
    it had not stopped.

    Args:
        space: the space.
        graphs: [n] architectures, at least one.
        seed: decides every random choice.
        init: generator to start from.
        schedule: how long and how fast.
        device: ``cpu`` or a device of PyTorch's.
        on_tick: told ten times how it goes.
        on_state: told as often from where it could continue.
        state: where to continue from.
    """
    start = init or Checkpoint.initial(space, seed)
    schedule = schedule or Schedule.of(len(graphs))
    network = start.network(device)
    adam = Adam(network.xp, len(network.vector))
    ops, edges = graphs.ops, edge_vector(graphs.adjacency)
    n, length = len(graphs), start.config.latent_length
    per_epoch = -(-n // schedule.batch)
    steps = per_epoch * schedule.epochs
    ticks = {steps * tick // _TICKS for tick in range(1, _TICKS + 1)}
    learned = known(space, graphs)
    if state is not None:
        state.restore(network, adam)
    loss, counted = 0.0, 0
    order = np.arange(0)
    for step in range(adam.steps, steps):
        epoch, batch = divmod(step, per_epoch)
        if not len(order) or batch == 0:
            order = numpy_stream(seed, "training order", epoch).permutation(n)
        rows = order[batch * schedule.batch : (batch + 1) * schedule.batch]
        z = numpy_stream(seed, "training noise", step).standard_normal((len(rows), length), np.float32)
        losses = network.learn(z, Targets(ops[rows], edges[rows]))
        adam.step(network.vector, network.gradient, schedule.rate * (1 + math.cos(math.pi * step / steps)) / 2)
        loss, counted = loss + losses.reconstruction, counted + 1
        if step + 1 in ticks and step + 1 < steps:
            if on_tick:
                measured = quality(start, space, learned, _TICK_SAMPLES, (*seed, step), network=network)
                samples = epoch * n + batch * schedule.batch + len(rows)
                on_tick(Tick(samples, n * schedule.epochs, loss / counted, measured))
            loss, counted = 0.0, 0
            if on_state:
                on_state(State.of(network, adam))
    final = quality(start, space, learned, _FINAL_SAMPLES, (*seed, steps), network=network)
    mean = loss / max(counted, 1)
    if on_tick:
        on_tick(Tick(n * schedule.epochs, n * schedule.epochs, mean, final))
    facts = {
        "data": {"rows": n, "sha256": digest(graphs)},
        "seed": list(seed),
        "epochs": schedule.epochs,
        "batch": schedule.batch,
        "rate": schedule.rate,
        "loss": round(mean, 6),
        **{name: round(value, 6) for name, value in final._asdict().items()},
        "versions": versions(),
    }
    if init is not None and init.facts:
        facts["init"] = dict(init.facts)
    return replace(start, parameters=network.parameters(), facts=facts)


def digest(graphs: Graphs) -> str:
    """SHA-256 of architectures, in their order."""
    total = hashlib.sha256(repr(graphs.ops.shape).encode())
    for part in (graphs.ops, graphs.adjacency, graphs.sizes):
        total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()


def versions() -> dict[str, str]:
    """Of what decides the outcome of a training."""
    return {"agnet": __version__, "numpy": np.__version__}
