"""What an autoregressive generator is made of, and its parameters before it has learned anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.generator.autoregressive.condition import KNOTS, TABLE
from agnet.generator.autoregressive.decisions import Layout
from agnet.spaces.base import Space

_LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes of the network.

    A row (a node with its edges) becomes a state. Each layer mixes the states of all rows so far, with weights that
    belong to the pair of places and a group of channels, and adds what a rectified linear layer makes of that. The last
    state before a row scores the row's type. An edge is scored from that state, from that of its source, and from the
    edges that the row already has.
    """

    cells: int
    nodes: int
    types: int
    operands: int = 1
    """Kinds of edges."""
    width: int = 128
    """Channels of a state."""
    hidden: int = 32
    """Hidden units behind an edge's score; twice as many behind a type's."""
    layers: int = 2
    groups: int = 16
    """Groups of channels that are mixed alike."""
    metrics: tuple[str, ...] = ()
    """What it can be asked for."""

    @classmethod
    def of(cls, space: Space) -> Config:
        """Sizes that suit a space: small ones where a cell has few choices."""
        width = 64 if space.size is not None and space.size < 100_000 else 128
        return cls(len(space.cells), space.max_nodes, len(space.node_types), space.max_operands, width)

    @property
    def layout(self) -> Layout:
        """Where decisions stand."""
        return Layout(self.cells, self.nodes)

    @property
    def latent_length(self) -> int:
        """One number a row."""
        return self.layout.rows

    @property
    def inputs(self) -> int:
        """Numbers that say what a row is: type, edges, nodes that still lead nowhere, edges so far."""
        return self.types + self.operands * self.nodes + self.nodes + 1

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each parameter."""
        rows, hidden, width = self.layout.rows, self.hidden, self.width
        shapes: dict[str, tuple[int, ...]] = {
            "input": (width, self.inputs),
            "place": (width, rows + 1),
            "type_hidden": (2 * hidden, width),
            "type_place": (2 * hidden, rows),
            "type_score": (self.types, 2 * hidden),
            "type_bias": (self.types, rows),
            "target": (hidden, width),
            "target_type": (hidden, self.types),
            "target_place": (hidden, rows),
            "source": (hidden, width),
            "source_type": (hidden, self.types),
            "source_place": (hidden, self.nodes),
            "source_used": (hidden,),
            "earlier": (hidden, width),
            "earlier_place": (hidden, self.nodes),
            "earlier_operand": (hidden, self.operands),
            "edge_score": (self.operands, hidden),
            "edge_bias": (self.operands, self.layout.edges_of_cell),
        }
        for layer in range(self.layers):
            shapes[f"mix.{layer}"] = (self.groups, rows + 1, rows + 1)
            shapes[f"layer.{layer}"] = (width, width)
            shapes[f"layer_bias.{layer}"] = (width, rows + 1)
        if self.metrics:
            shapes["condition"] = (len(self.metrics), width, len(KNOTS))
            shapes["quantiles"] = (len(self.metrics), len(TABLE))
        return shapes

    def initial_parameters(self, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Random parameters: matrices keep the size of what they multiply, embeddings are small, biases are zero."""
        parameters = {}
        for name, shape in self.parameter_shapes().items():
            value = rng.standard_normal(shape)
            if name.startswith("mix."):
                value = np.eye(shape[1]) + value * 0.5 / np.sqrt(shape[1])
            elif name == "input":
                value /= 3
            elif "bias" in name or name in ("type_place", "condition", "quantiles"):
                value = np.zeros(shape)
            elif shape in ((self.width, self.width), (2 * self.hidden, self.width), (self.hidden, self.width)):
                value /= np.sqrt(self.width) * (1 if name in ("target", "type_hidden") or "layer" in name else 2)
            elif name in ("type_score", "edge_score"):
                value /= np.sqrt(shape[1])
            else:
                value *= 0.3
            parameters[name] = value.astype(np.float32)
        return parameters

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "metrics": list(self.metrics)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Config:
        """The inverse of :meth:`to_json`.

        Raises:
            KeyError, TypeError, ValueError: if that is not possible.
        """
        config = cls(**{**value, "metrics": tuple(map(str, value["metrics"]))})
        sizes = [size for name, size in asdict(config).items() if name != "metrics"]
        if any(not isinstance(size, int) or not 0 < size <= _LARGEST for size in sizes) or config.nodes < 2:
            raise ValueError("sizes out of range")
        if config.width % config.groups:
            raise ValueError("sizes that do not fit")
        if sum(map(prod, config.parameter_shapes().values())) > 1 << 28:
            raise ValueError("sizes out of range")
        return config
