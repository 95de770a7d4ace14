"""Architectures from a generator: latents, scores, graphs, and which of them are new.

Latents and choices are drawn in blocks whose sizes and seeds depend on nothing but the block's number. So the first
thousand architectures of a seed are the first thousand of its two thousand.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from agnet.encodings import adjacency_from_edges
from agnet.errors import InputError
from agnet.generator.autoregressive import condition
from agnet.generator.autoregressive.config import Config as AutoregressiveConfig
from agnet.generator.autoregressive.network import Network as AutoregressiveNetwork
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.network import Network
from agnet.graphs import Graphs
from agnet.seeds import Seed, numpy_stream
from agnet.seen import Seen, hashes
from agnet.spaces.base import Space

Latent = Literal["normal", "uniform"]
Unique = Literal["arch", "id"]

_FIRST_BLOCK = 256
_LARGEST_BLOCK = 8192
_PATIENCE = 262_144
"""Samples without a new architecture after which a generator counts as exhausted."""


class Sampler(Protocol):
    """Makes architectures of latents."""

    rows: int
    """How many it makes at once, as suits the cache."""
    draws: bool
    """Whether anything is left open."""

    def graphs(self, latent: NDArray[np.float32], rng: np.random.Generator, temperature: float) -> Graphs:
        """The architectures of latents [n, latent_length]; ``rng`` for what they leave open."""


class AgnetSampler:
    """AG-Net's: independent choices by the scores that latents are decoded to."""

    rows = 128
    draws = True

    def __init__(self, network: Network, space: Space) -> None:
        self._network, self._space = network, space

    def graphs(self, latent: NDArray[np.float32], rng: np.random.Generator, temperature: float) -> Graphs:
        """See :class:`Sampler`."""
        types, edges = self._network.scores(latent)
        if np.isnan(types.sum() + edges.sum()):  # none of what would be drawn, for minutes, is an architecture
            raise InputError("the generator decodes to what is no number; its parameters are too large")
        return self._space.resolve(draw(types, edges, rng, temperature), edges)


class AutoregressiveSampler:
    """Choices one after the other; the few samples that break a rule become the architectures that they stand for."""

    # For one thread 512 are as good. But between operations on so few, threads wait for each other to let go of Python.
    rows = 2048
    draws = False

    def __init__(self, network: AutoregressiveNetwork, space: Space) -> None:
        self._network, self._space = network, space
        self._resolves = type(space).resolve is not Space.resolve

    def graphs(self, latent: NDArray[np.float32], rng: np.random.Generator, temperature: float) -> Graphs:
        """See :class:`Sampler`."""
        if not self._resolves:
            return self._network.graphs(latent, temperature)
        space = self._space
        edge_scores = np.zeros((len(latent), len(space.cells), space.num_edges), np.float32)
        made = self._network.graphs(latent, temperature, edge_scores=edge_scores)
        broken = np.flatnonzero(~space.valid(made))
        if not len(broken):
            return made
        both = Graphs.concat([made, space.resolve(made.take(broken), edge_scores[broken])])
        rows = np.arange(len(made))
        rows[broken] = len(made) + np.arange(len(broken))
        return both.take(rows)


def make_sampler(checkpoint: Checkpoint, space: Space, targets: Mapping[str, str] | None = None) -> Sampler:
    """What makes a generator's architectures.

    Args:
        checkpoint: the generator.
        space: the space that it is for.
        targets: what is asked of them, see :func:`agnet.generator.autoregressive.condition.parse_targets`.

    Raises:
        InputError: if the generator cannot be asked for that.
    """
    config = checkpoint.config
    if not isinstance(config, AutoregressiveConfig):
        if targets:
            raise InputError(f"an {checkpoint.model} generator cannot be asked for targets, an autoregressive one can")
        return AgnetSampler(checkpoint.network(), space)
    shares = None
    if targets:
        shares = condition.shares(targets, config.metrics, checkpoint.parameters.get("quantiles", np.zeros((0, 0))))
    return AutoregressiveSampler(AutoregressiveNetwork(config, checkpoint.parameters, shares), space)


@dataclass(frozen=True, slots=True)
class Block:
    """Some generated architectures, in the order they were drawn."""

    graphs: Graphs
    latent: NDArray[np.float32]
    """[n, latent_length] what they were decoded from."""
    valid: NDArray[np.bool_]
    """[n] all true, unless invalid ones were asked for."""


@dataclass(slots=True)
class Tally:
    """What became of the samples, up to the last architecture that was given out."""

    drawn: int = 0
    valid: int = 0
    duplicates: int = 0
    """Valid samples equal to an earlier one."""
    excluded: int = 0
    """Valid samples that were to be left out."""
    found: int = 0
    """Architectures given out."""
    shortfall: str | None = None
    """Why fewer were found than asked for."""


class Generation:
    """``n`` architectures of a generator, to be iterated once, a :class:`Block` at a time."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        space: Space,
        n: int,
        seed: Seed,
        *,
        latent: Latent = "normal",
        scale: float = 3.0,
        temperature: float = 1.0,
        unique: Unique | None = None,
        exclude: Seen | None = None,
        keep_invalid: bool = False,
        max_samples: int | None = None,
        targets: Mapping[str, str] | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        """Architectures for latents drawn at random.

        Args:
            checkpoint: the generator.
            space: the space that it is for.
            n: architectures wanted; fewer come if there are no more, ``tally.shortfall`` then says why.
            seed: decides everything.
            latent: ``normal``, the distribution of training, or ``uniform`` in ± ``scale``, as AG-Net searches.
            scale: see ``latent``.
            temperature: divides the scores; below 1 likelier choices become likelier still.
            unique: leave out those with an ``arch`` (or ``id``) that came before, or that is in ``exclude``.
            exclude: hashes of what to leave out, by ``unique`` (by ``space.identity`` without it).
            keep_invalid: give out samples that are no architectures of the space too; they count towards ``n``.
            max_samples: give up after that many samples.
            targets: what is asked of the architectures, see :func:`make_sampler`.
            sampler: the checkpoint's, where there is one already.
        """
        self.tally = Tally()
        self._n, self._space, self._seed = n, space, seed
        self._sampler = sampler or make_sampler(checkpoint, space, targets)
        self._length = checkpoint.config.latent_length
        self._latent, self._scale, self._temperature = latent, scale, temperature
        self._unique, self._exclude = unique, exclude or Seen()
        self._keep_invalid, self._max_samples = keep_invalid, max_samples
        self._found = Seen()

    def __iter__(self) -> Iterator[Block]:
        tally, fruitless, blocks = self.tally, 0, self._blocks()
        while tally.found < self._n and not self._is_over(fruitless):
            block = next(blocks)
            wanted = self._wanted(block)
            rows = np.flatnonzero(wanted)
            fruitless = 0 if len(rows) else fruitless + len(wanted)
            if len(rows):
                yield Block(block.graphs.take(rows), block.latent[rows], block.valid[rows])

    def _is_over(self, fruitless: int) -> bool:
        """Whether to give up before the next block."""
        tally, size = self.tally, self._space.size
        missing = f"{tally.found:,} of the {self._n:,} architectures asked for"
        if self._unique == "arch" and size is not None and tally.found + len(self._exclude) >= size:
            tally.shortfall = f"{missing}: {self._space.name} has no more, all {size:,} are found or excluded"
        elif fruitless >= max(_PATIENCE, 20 * self._n):
            tally.shortfall = f"{missing}: the generator is exhausted, its last {fruitless:,} samples gave no new one"
        elif self._max_samples is not None and tally.drawn >= self._max_samples:
            tally.shortfall = f"{missing}: stopped after {tally.drawn:,} samples as asked"
        return tally.shortfall is not None

    def _wanted(self, block: Block) -> NDArray[np.bool_]:
        """[n] which samples to give out; counts what became of all up to the last one of them."""
        valid = np.flatnonzero(block.valid)
        graphs = block.graphs.take(valid)
        excluded, repeated = np.zeros(len(valid), np.bool_), np.zeros(len(valid), np.bool_)
        if self._unique or len(self._exclude):
            kind = self._unique or self._space.identity
            keys = hashes(self._space.format(graphs) if kind == "arch" else self._space.ids(graphs))
            if len(self._exclude):
                excluded = self._exclude.has(keys)
            if self._unique:
                repeated = ~excluded
                repeated[~excluded] = ~self._found.add(keys[~excluded])
        wanted = ~block.valid if self._keep_invalid else np.zeros(len(block.valid), np.bool_)
        wanted[valid] = ~(excluded | repeated)
        tally = self.tally
        rows = np.flatnonzero(wanted)
        missing = self._n - tally.found
        end = rows[missing - 1] + 1 if len(rows) >= missing else len(wanted)
        wanted[end:] = False
        tally.drawn += int(end)
        tally.valid += int(block.valid[:end].sum())
        tally.excluded += int(excluded[valid < end].sum())
        tally.duplicates += int(repeated[valid < end].sum())
        tally.found += min(len(rows), missing)
        return wanted

    def _blocks(self) -> Iterator[Block]:
        """All samples, without end unless ``max_samples`` says so.

        A few come as they are made, many are worked on by several threads. Of the last ones no more are made than it
        takes, as far as the share tells that was found of those before.
        """
        ahead: deque[tuple[int, Future[Block]]] = deque()
        workers = os.cpu_count() or 1
        pool: ThreadPoolExecutor | None = None
        try:
            for number, size, rows in _sizes(self._max_samples):
                if workers == 1 or (size < _LARGEST_BLOCK and self._n < _LARGEST_BLOCK):
                    yield from self._parts(number, size, slice(0, rows))
                    continue
                pool = pool or ThreadPoolExecutor(workers)
                start = 0
                while start < rows:
                    missing = self._likely_missing(sum(count for count, _ in ahead))
                    if ahead and (len(ahead) > workers or missing <= 0):
                        yield ahead.popleft()[1].result()
                        continue
                    cut = self._sampler.rows if missing < rows and not self._sampler.draws else rows
                    part = slice(start, min(start + cut, rows))
                    ahead.append((part.stop - start, pool.submit(self._block, number, size, part)))
                    start = part.stop
            yield from (block.result() for _, block in ahead)
        finally:
            if pool:
                pool.shutdown(wait=False, cancel_futures=True)

    def _likely_missing(self, ahead: int) -> float:
        """Samples that it will still take, apart from the next ``ahead`` of them."""
        tally = self.tally
        share = tally.found / tally.drawn if tally.drawn else 1.0
        return (self._n - tally.found) / max(share, 1e-9) - ahead

    def _block(self, number: int, size: int, part: slice) -> Block:
        """All of :meth:`_parts`."""
        parts = list(self._parts(number, size, part))
        return Block(
            Graphs.concat([made.graphs for made in parts]),
            np.concatenate([made.latent for made in parts]),
            np.concatenate([made.valid for made in parts]),
        )

    def _parts(self, number: int, size: int, part: slice) -> Iterator[Block]:
        """Some of the ``size`` samples that a block has; the first ones, unless the sampler leaves nothing open."""
        rng = numpy_stream(self._seed, "generate", number)
        if self._latent == "normal":
            latent = rng.standard_normal((size, self._length), np.float32)
        else:
            latent = (2 * rng.random((size, self._length), np.float32) - 1) * np.float32(self._scale)
        at_once = self._sampler.rows
        for start in range(part.start, part.stop, at_once):
            graphs = self._sampler.graphs(latent[start : start + at_once], rng, self._temperature)
            end = min(start + at_once, part.stop)
            graphs = graphs.take(slice(0, end - start))
            yield Block(graphs, latent[start:end], self._space.valid(graphs))


def _sizes(max_samples: int | None) -> Iterator[tuple[int, int, int]]:
    """Number and size of each block, and how many of its samples are wanted."""
    left = max_samples
    for number in count():
        size = min(_FIRST_BLOCK << min(number, 20), _LARGEST_BLOCK)
        rows = size if left is None else min(size, left)
        if not rows:
            return
        yield number, size, rows
        left = None if left is None else left - rows


def draw(
    types: NDArray[np.float32], edges: NDArray[np.float32], rng: np.random.Generator, temperature: float = 1.0
) -> Graphs:
    """Graphs by independent choices: types from the categorical, edges from the Bernoulli distribution of their scores.

    The first node is the input, the last one the output, and a cell ends at its first output.

    Args:
        types: [n, cells, nodes, types] scores.
        edges: [n, cells, edges] scores.
        rng: random numbers.
        temperature: divides the scores.
    """
    largest = types.max(axis=-1, keepdims=True)
    likelihood = np.cumsum(np.exp((types - largest) / np.float32(temperature)), axis=-1)
    chance = rng.random(types.shape[:-1], np.float32)[..., None] * likelihood[..., -1:]
    ops = np.minimum((likelihood <= chance).sum(axis=-1), types.shape[-1] - 1).astype(np.uint8)
    ops[..., 0], ops[..., -1] = 1, 0
    sizes = (ops == 0).argmax(axis=-1).astype(np.uint8) + np.uint8(1)
    used = np.arange(ops.shape[-1]) < sizes[..., None]
    ops *= used
    # u < 1 / (1 + exp(-score)), without the overflow
    chance = rng.random(edges.shape, np.float32)
    with np.errstate(divide="ignore"):
        kept = edges / np.float32(temperature) > np.log(chance) - np.log1p(-chance)
    adjacency = adjacency_from_edges(kept)
    adjacency &= used[..., None] & used[..., None, :]
    return Graphs(ops, adjacency, sizes)


def predict_latents(
    checkpoint: Checkpoint, latent: NDArray[np.float32], *, network: Network | None = None
) -> NDArray[np.float64]:
    """[n, metrics] what a checkpoint's own predictor says of latents [n, latent_length].

    Computed in double and rounded to single precision, so that it does not depend on what else is in the batch.

    Args:
        checkpoint: a generator with a predictor.
        latent: what architectures were decoded from.
        network: the checkpoint's network in double precision, where there is one already.
    """
    network = network or checkpoint.network(double=True)
    at_once = AgnetSampler.rows
    parts = [network.predict(latent[start : start + at_once]) for start in range(0, len(latent), at_once)]
    made = np.concatenate(parts) if parts else np.zeros((0, len(checkpoint.config.metrics)))
    return made.astype(np.float32).astype(np.float64)
