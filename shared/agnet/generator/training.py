"""How a generator learns the distribution of many architectures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agnet import __version__
from agnet.encodings import edge_vector
from agnet.generator.adam import Adam
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.network import Targets
from agnet.generator.quality import Quality, known, quality
from agnet.generator.sampling import AgnetSampler, Sampler
from agnet.generator.state import State
from agnet.graphs import Graphs
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space

if TYPE_CHECKING:
    from agnet.generator.together import Together

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
    def of(cls, n: int, model: str) -> Schedule:
        """For ``n`` architectures.

        AG-Net's: each four times, but in all at least 64,000 and at most 400,000 or each once. An autoregressive one:
        each ten times, but in all at least 50,000 and at most 160,000 or each twice.
        """
        if model == "agnet":
            samples = min(max(4 * n, 64_000), 400_000)
            return cls(epochs=-(-samples // n), batch=64, rate=3e-3)
        samples = max(min(max(10 * n, 50_000), 160_000), 2 * n)
        return cls(epochs=-(-samples // n), batch=256, rate=5e-3)

    def samples(self, n: int, steps: int) -> int:
        """How many of ``n`` architectures, again and again, have been learned from after so many steps."""
        epochs, batches = divmod(steps, -(-n // self.batch))
        return epochs * n + min(batches * self.batch, n)


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


class Learner(Protocol):
    """A generator that learns, with its optimiser."""

    @property
    def steps(self) -> int:
        """Batches learned from so far."""

    def learn(self, rows: NDArray[np.int64], rng: np.random.Generator, rate: float) -> float:
        """Learn from the architectures at ``rows``; returns their mean loss."""

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the generator's parameters."""

    def sampler(self) -> Sampler:
        """What makes architectures as the generator would now."""

    def state(self) -> State:
        """From where it could continue."""

    def restore(self, state: State) -> None:
        """Continue from there."""


class AgnetLearner:
    """AG-Net's generator: reconstructs architectures from noise that is fresh for every batch."""

    def __init__(
        self, start: Checkpoint, space: Space, graphs: Graphs, device: str, together: Together | None = None
    ) -> None:
        self._space, self._length, self._together = space, start.config.latent_length, together
        self._network = start.network(device)
        self._adam = Adam(self._network.xp, len(self._network.vector))
        self._ops, self._edges = graphs.ops, edge_vector(graphs.adjacency)

    @property
    def steps(self) -> int:
        """See :class:`Learner`."""
        return self._adam.steps

    def learn(self, rows: NDArray[np.int64], rng: np.random.Generator, rate: float) -> float:
        """See :class:`Learner`."""
        z = rng.standard_normal((len(rows), self._length), np.float32)
        loss = self._gradient(z, rows) if self._together is None else self._added(self._together, z, rows)
        self._adam.step(self._network.vector, self._network.gradient, rate)
        return loss

    def _gradient(self, z: NDArray[np.float32], rows: NDArray[np.int64]) -> float:
        return self._network.learn(z, Targets(self._ops[rows], self._edges[rows])).reconstruction

    def _added(self, together: Together, z: NDArray[np.float32], rows: NDArray[np.int64]) -> float:
        """Each process has the gradient of its share."""
        mine = together.share(rows)
        share = len(mine) / len(rows)
        loss = self._gradient(together.share(z), mine) * share if len(mine) else 0.0
        self._network.gradient[...] *= share
        together.add(self._network.gradient)
        return together.total(loss)

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """See :class:`Learner`."""
        return self._network.parameters()

    def sampler(self) -> Sampler:
        """See :class:`Learner`."""
        return AgnetSampler(self._network, self._space)

    def state(self) -> State:
        """See :class:`Learner`."""
        return State.of(self._network, self._adam)

    def restore(self, state: State) -> None:
        """See :class:`Learner`."""
        state.restore(self._network, self._adam)


def _learner(start: Checkpoint, space: Space, graphs: Graphs, device: str, together: Together | None) -> Learner:
    if start.model == "agnet":
        return AgnetLearner(start, space, graphs, device, together)
    from agnet.generator.autoregressive.training import AutoregressiveLearner  # noqa: PLC0415 - imports PyTorch

    return AutoregressiveLearner(start, space, graphs, device, together=together)


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
    together: Together | None = None,
) -> Checkpoint:
    """Learn the distribution of architectures.

    What is drawn in a step depends on the seed and the step alone, so a training that goes on from a state ends as if
    it had not stopped.

    Args:
        space: the space.
        graphs: [n] architectures, at least one.
        seed: decides every random choice.
        init: generator to start from; without, a new one of AG-Net's.
        schedule: how long and how fast.
        device: ``cpu`` or a device of PyTorch's.
        on_tick: told ten times how it goes.
        on_state: told as often from where it could continue.
        state: where to continue from; of several processes the first one's counts.
        together: the processes that train together; all but the first return a checkpoint without facts.

    Raises:
        AgnetError: if processes that train together were given other architectures.
    """
    start = init or Checkpoint.initial(space, seed)
    schedule = schedule or Schedule.of(len(graphs), start.model)
    learner = _learner(start, space, graphs, device, together)
    first = together is None or together.first
    if together is not None:
        told = repr((digest(graphs), seed, schedule, start.digest()))
        together.agree(hashlib.sha256(told.encode()).hexdigest())
        state = together.from_first(state, sum(value.size for value in start.parameters.values()))
    n = len(graphs)
    per_epoch = -(-n // schedule.batch)
    steps = per_epoch * schedule.epochs
    ticks = {steps * tick // _TICKS for tick in range(1, _TICKS + 1)}
    learned = known(space, graphs)
    if state is not None:
        learner.restore(state)
    loss, counted = 0.0, 0
    order = np.arange(0)
    for step in range(learner.steps, steps):
        epoch, batch = divmod(step, per_epoch)
        if not len(order) or batch == 0:
            order = numpy_stream(seed, "training order", epoch).permutation(n)
        rows = order[batch * schedule.batch : (batch + 1) * schedule.batch]
        rate = schedule.rate * (1 + math.cos(math.pi * step / steps)) / 2
        loss += learner.learn(rows, numpy_stream(seed, "training noise", step), rate)
        counted += 1
        if step + 1 in ticks and step + 1 < steps:
            if on_tick and first:
                measured = quality(start, space, learned, _TICK_SAMPLES, (*seed, step), sampler=learner.sampler())
                samples = schedule.samples(n, step + 1)
                on_tick(Tick(samples, n * schedule.epochs, loss / counted, measured))
            loss, counted = 0.0, 0
            if on_state and first:
                on_state(learner.state())
    if not first:
        return replace(start, parameters=learner.parameters(), facts={})
    final = quality(start, space, learned, _FINAL_SAMPLES, (*seed, steps), sampler=learner.sampler())
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
        "versions": versions(start.model),
    }
    if together is not None:
        facts["processes"] = together.size
    if init is not None and init.facts:
        facts["init"] = dict(init.facts)
    return replace(start, parameters=learner.parameters(), facts=facts)


def digest(graphs: Graphs) -> str:
    """SHA-256 of architectures, in their order."""
    total = hashlib.sha256(repr(graphs.ops.shape).encode())
    for part in (graphs.ops, graphs.adjacency, graphs.sizes):
        total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()


def versions(model: str) -> dict[str, str]:
    """Of what decides the outcome of a training."""
    known = {"agnet": __version__, "numpy": np.__version__}
    if model == "autoregressive":
        import torch  # noqa: PLC0415 - AG-Net's does without

        known["torch"] = torch.__version__
    return known
