"""The AG-Net network: a decoder for each cell of an architecture, and a predictor behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agnet.generator import decoder, predictor
from agnet.generator.arrays import Array, Backend, backend, views
from agnet.generator.recurrence import Shape, Tape
from agnet.spaces.base import Space


@dataclass(frozen=True, slots=True)
class Config:
    """What a network is made of."""

    cells: int
    shape: Shape
    metrics: tuple[str, ...] = ()
    """What the predictor predicts; without any there is no predictor."""

    @classmethod
    def of(cls, space: Space) -> Config:
        """AG-Net's sizes for a space.

        The published network for cells with two inputs fixes three edge scores near zero, so that a fourth of all
        samples have an edge between the inputs. Here only that edge is fixed, and certainly absent.
        """
        forced = ((-20.0,),) if len(space.input_types) > 1 else ((20.0,),)
        layers = 4 if len(space.input_types) > 1 else 2
        return cls(len(space.cells), Shape(space.max_nodes, len(space.node_types), layers=layers, forced=forced))

    @property
    def nodes(self) -> int:
        """Nodes of a cell."""
        return self.shape.nodes

    @property
    def types(self) -> int:
        """Node types."""
        return self.shape.types

    @property
    def latent_length(self) -> int:
        """Numbers in an architecture's latent: those of its first cell, then of the next."""
        return self.cells * self.shape.width

    @property
    def scores_length(self) -> int:
        """Scores of an architecture, of types then of edges for each cell."""
        return self.cells * (self.shape.nodes * self.shape.types + self.shape.edges)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each parameter."""
        shapes = {
            f"decoder.{cell}.{name}": size
            for cell in range(self.cells)
            for name, size in decoder.parameter_shapes(self.shape).items()
        }
        if self.metrics:
            of_predictor = predictor.parameter_shapes(self.scores_length, len(self.metrics))
            shapes |= {f"predictor.{name}": size for name, size in of_predictor.items()}
        return shapes

    def initial_parameters(self, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Random parameters, decoders first."""
        parameters = {
            f"decoder.{cell}.{name}": value
            for cell in range(self.cells)
            for name, value in decoder.initial_parameters(self.shape, rng).items()
        }
        return parameters | (self.initial_predictor(rng) if self.metrics else {})

    def initial_predictor(self, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Random parameters of the predictor."""
        made = predictor.initial_parameters(self.scores_length, len(self.metrics), rng)
        return {f"predictor.{name}": value for name, value in made.items()}

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"cells": self.cells, "shape": self.shape._asdict(), "metrics": list(self.metrics)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Config:
        """The inverse of :meth:`to_json`.

        Raises:
            KeyError, TypeError, ValueError: if that is not possible.
        """
        sizes = {**value["shape"], "forced": tuple(tuple(map(float, row)) for row in value["shape"]["forced"])}
        shape = Shape(**sizes)
        if any(not isinstance(size, int) or not 0 < size <= 4096 for size in (value["cells"], *shape[:4])):
            raise ValueError("sizes out of range")
        if [len(row) for row in shape.forced] != list(range(1, len(shape.forced) + 1)) or not shape.forced:
            raise ValueError("forced edges of no node")
        if shape.width % 2 or shape.nodes < 2 or shape.types < 2 or len(shape.forced) >= shape.nodes:
            raise ValueError("sizes that do not fit")
        return cls(value["cells"], shape, tuple(map(str, value["metrics"])))


class Targets(NamedTuple):
    """What a batch of latents should give."""

    ops: NDArray[np.uint8]
    """[b, cells, nodes]"""
    edges: NDArray[np.bool_]
    """[b, cells, edges]"""
    values: NDArray[np.float64] | None = None
    """[b, metrics]; NaN where a metric is not known."""
    weights: NDArray[np.float64] | None = None
    """[b] by which the loss is multiplied."""


class Losses(NamedTuple):
    """Means over a batch, not weighted."""

    reconstruction: float
    prediction: float


class Network:
    """Parameters and their gradients, each as one vector and as named arrays in it."""

    def __init__(
        self, config: Config, parameters: Mapping[str, NDArray[np.float32]], xp: Backend | None = None
    ) -> None:
        self.config = config
        self.xp = xp or backend()
        shapes = config.parameter_shapes()
        self.vector = self.xp.empty(sum(map(prod, shapes.values())))
        self.gradient = self.xp.full(0, len(self.vector))
        self._parameters = views(self.vector, shapes)
        for name, value in self._parameters.items():
            value[...] = self.xp.array(parameters[name])
        of_decoder = decoder.matrices(decoder.parameter_shapes(config.shape))
        length = sum(map(prod, of_decoder.values()))
        starts = [cell * length for cell in range(config.cells)]
        # What starts with d is a gradient.
        self._decoders = [views(self.vector[start:], of_decoder) for start in starts]
        self._d_decoders = [views(self.gradient[start:], of_decoder) for start in starts]
        self.of_predictor = slice(config.cells * length, None)
        self._predictor, self._d_predictor = (
            {name.removeprefix("predictor."): value for name, value in named.items() if name.startswith("predictor.")}
            for named in (self._parameters, views(self.gradient, shapes))
        )
        self._tapes: list[Tape] = []

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """A copy of all parameters."""
        return {name: np.array(self.xp.numpy(value), np.float32) for name, value in self._parameters.items()}

    def scores(self, latent: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scores (logits) of [n, latent_length] latents: [n, cells, nodes, types] and [n, cells, edges]."""
        types, edges, _ = zip(
            *self._decode(self.xp.array(latent), self._new_tapes(len(latent), keep=False)), strict=True
        )
        return np.stack([*map(self.xp.numpy, types)], axis=1), np.stack([*map(self.xp.numpy, edges)], axis=1)

    def predict(self, latent: NDArray[np.float32]) -> NDArray[Any]:
        """[n, metrics] what the predictor says of latents."""
        cells = self._decode(self.xp.array(latent), self._new_tapes(len(latent), keep=False))
        return self.xp.numpy(predictor.predict(self.xp, self._predictor, self._flat(cells))[-1])

    def learn(
        self, latent: NDArray[np.float32], targets: Targets, *, alpha: float = 0.0, backpropagate: bool = True
    ) -> Losses:
        """Set ``gradient`` to that of the weighted mean loss.

        The loss of an architecture is ``(1 - alpha)`` × reconstruction + ``alpha`` × squared error of the predictor,
        with reconstruction the mean cross-entropy of its nodes plus that of its edges.

        Args:
            latent: [b, latent_length]
            targets: the architectures to be generated from them.
            alpha: share of the predictor.
            backpropagate: whether the predictor's error reaches the decoders.
        """
        xp, shape, b = self.xp, self.config.shape, len(latent)
        if not self._tapes or self._tapes[0].b != b:
            self._tapes = self._new_tapes(b, keep=True)
        cells = self._decode(xp.array(latent), self._tapes)
        weight = np.full(b, 1 / b) if targets.weights is None else targets.weights / b
        per_architecture = xp.array(weight.astype(np.float32))[:, None]
        reconstruction, gradients = 0.0, []
        for cell, (types, edges, _) in enumerate(cells):
            onehot = xp.array((targets.ops[:, cell, :, None] == np.arange(shape.types)).astype(np.float32))
            wanted = xp.array(targets.edges[:, cell].astype(np.float32))
            d_types, loss_types = _cross_entropy(xp, types, onehot)
            d_edges, loss_edges = _binary_cross_entropy(xp, edges, wanted)
            reconstruction += (loss_types + loss_edges) / len(cells)
            share = (1 - alpha) / len(cells)
            d_types *= per_architecture[:, :, None] * (share / shape.nodes)
            d_edges *= per_architecture * (share / shape.edges)
            gradients.append((d_types, d_edges))
        prediction = 0.0
        if self.config.metrics and targets.values is not None:
            layers = predictor.predict(xp, self._predictor, self._flat(cells))
            known = np.isfinite(targets.values)
            error = layers[-1] - xp.array(np.where(known, targets.values, 0).astype(np.float32))
            error *= xp.array(known.astype(np.float32))
            prediction = float((error * error).sum()) / max(int(known.sum()), 1)
            d_scores = predictor.predict_backward(
                xp, self._predictor, layers, error * (per_architecture * (2 * alpha)), self._d_predictor
            )
            if backpropagate:
                self._share_out(d_scores, gradients)
        for (_, _, record), scores, tape, p, d in zip(
            cells, gradients, self._tapes, self._decoders, self._d_decoders, strict=True
        ):
            decoder.decode_backward(xp, shape, p, record, tape, *scores, d)
        return Losses(reconstruction, prediction)

    def _new_tapes(self, b: int, *, keep: bool) -> list[Tape]:
        return [Tape(self.xp, self.config.shape, b, keep=keep) for _ in self._decoders]

    def _decode(self, latent: Array, tapes: list[Tape]) -> list[tuple[Array, Array, decoder.Record]]:
        shape = self.config.shape
        return [
            decoder.decode(self.xp, shape, p, latent[:, cell * shape.width : (cell + 1) * shape.width], tape)
            for cell, (p, tape) in enumerate(zip(self._decoders, tapes, strict=True))
        ]

    def _flat(self, cells: list[tuple[Array, Array, Any]]) -> Array:
        """[b, scores_length]"""
        b = len(cells[0][1])
        return self.xp.concat([part for types, edges, _ in cells for part in (types.reshape(b, -1), edges)], 1)

    def _share_out(self, d_scores: Array, gradients: list[tuple[Array, Array]]) -> None:
        """Add the columns of ``d_scores`` to the gradients of the scores that stand there."""
        column = 0
        for part in (part for cell in gradients for part in cell):
            length = prod(part.shape[1:])
            part[...] += d_scores[:, column : column + length].reshape(part.shape)
            column += length


_TINY = 1e-12
"""Added to probabilities before their logarithm is taken; it bounds reported losses, not gradients."""


def _cross_entropy(xp: Backend, scores: Array, onehot: Array) -> tuple[Array, float]:
    """Gradient of the summed cross-entropies with respect to [b, nodes, types] scores, and their mean."""
    p = xp.softmax(scores)
    b, nodes, _ = scores.shape
    loss = -float((xp.log(p + _TINY) * onehot).sum()) / (b * nodes)
    return p - onehot, loss


def _binary_cross_entropy(xp: Backend, scores: Array, wanted: Array) -> tuple[Array, float]:
    """Gradient of the summed binary cross-entropies with respect to [b, edges] scores, and their mean."""
    p = xp.sigmoid_(scores * 1)
    gradient = p - wanted
    loss = -float(xp.log(1 - abs(gradient) + _TINY).mean())
    return gradient, loss
