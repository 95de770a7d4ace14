"""Drawing architectures, one decision after the other, for many at a time and without PyTorch.

The latent is one number for each row, and the architecture follows from it: the number, as a quantile of the normal
distribution, is decoded as an arithmetic code. It falls into the interval of one type, its place in there into that
of an edge or none, and so on to the row's last edge. Normal latents give the network's distribution exactly; a latent
that is moved a little changes first the last edges of a row, and then its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from agnet.generator.autoregressive.condition import features
from agnet.generator.autoregressive.config import Config
from agnet.graphs import Graphs

_Floats = NDArray[np.float32]
_BELOW_ONE = np.nextafter(1.0, 0.0)


class Network:
    """Parameters, ready to draw with."""

    def __init__(
        self, config: Config, parameters: Mapping[str, _Floats], shares: NDArray[np.floating] | None = None
    ) -> None:
        """Get ready.

        Args:
            config: sizes.
            parameters: as :meth:`Config.parameter_shapes` lists them.
            shares: [metrics] what is asked for, see :mod:`~agnet.generator.autoregressive.condition`.
        """
        self.config = config
        # A batch stands in rows here, so matrices are the other way round.
        self._p = {
            name: np.ascontiguousarray(value.T if value.ndim == 2 else value) for name, value in parameters.items()
        }
        repeats = config.width // config.groups
        self._mix = [
            np.ascontiguousarray(np.repeat(parameters[f"mix.{layer}"], repeats, axis=0).transpose(1, 2, 0))
            for layer in range(config.layers)
        ]
        """[to, from, width] of each layer."""
        self._condition: _Floats | None = None
        """[width] what is added to each row."""
        if shares is not None:
            self._condition = np.einsum("mwk,mk->w", parameters["condition"], features(shares))

    def graphs(self, latent: _Floats, temperature: float = 1.0, *, edge_scores: _Floats | None = None) -> Graphs:
        """The architectures of latents; some may break a rule of the space.

        Args:
            latent: [n, rows]
            temperature: divides the scores.
            edge_scores: [n, cells, edges of a cell] zeros, to be filled with the log-odds of each edge that was drawn.
        """
        config = self.config
        n = len(latent)
        code = np.minimum(ndtr(latent.astype(np.float64)), _BELOW_ONE)
        made = _Made(
            np.zeros((n, config.cells, config.nodes), np.uint8),
            np.zeros((n, config.cells, config.nodes, config.nodes), np.uint8),
            np.zeros((n, config.cells), np.uint8),
            edge_scores,
        )
        made.ops[:, :, 0] = 1
        states = _States(self, n)
        for cell in range(config.cells):
            self._draw_cell(cell, code, np.float32(temperature), states, made)
        return Graphs(made.ops, made.operands > 0, made.sizes, made.operands if config.operands > 1 else None)

    def _draw_cell(
        self, cell: int, code: NDArray[np.float64], temperature: np.float32, states: _States, made: _Made
    ) -> None:
        p, config = self._p, self.config
        nodes, first = config.nodes, cell * (config.nodes - 1)
        ops, operands, sizes = made.ops[:, cell], made.operands[:, cell], made.sizes[:, cell]
        drawn = _Drawn.start(len(code), config)
        for node in range(1, nodes):
            row, place = first + node - 1, node - 1
            if config.cells == 1:
                # What has ended needs no more work. Another cell would need the states behind it.
                ended = np.count_nonzero(sizes[drawn.rows])
                if ended == len(drawn.rows):
                    break
                if ended > len(drawn.rows) // 8:
                    keep = np.flatnonzero(sizes[drawn.rows] == 0)
                    drawn.keep(keep)
                    states.keep(keep)
            rows, state = drawn.rows, states.current
            over = np.flatnonzero(sizes[rows])
            types, rest = np.zeros(len(rows), np.intp), code[rows, row]
            drawn.source[place] = state @ p["source"] + p["source_type"][ops[rows, place]] + p["source_place"][place]
            drawn.earlier[place] = state @ p["earlier"] + p["earlier_place"][place]
            if node < nodes - 1:
                hidden = np.maximum(state @ p["type_hidden"] + p["type_place"][row], 0)
                types, rest = _choose((hidden @ p["type_score"] + p["type_bias"][row]) / temperature, rest)
                types[over] = 0
            target = state @ p["target"] + p["target_type"][types] + p["target_place"][row]
            edges = np.zeros((len(rows), nodes), np.uint8)
            for before in range(node):
                hidden = target + drawn.source[before]
                np.maximum(hidden, 0, out=hidden)
                scores = (hidden @ p["edge_score"] + p["edge_bias"][node * (node - 1) // 2 + before]) / temperature
                if made.edge_scores is not None:
                    made.edge_scores[rows, cell, node * (node - 1) // 2 + before] = np.logaddexp.reduce(scores, axis=1)
                chosen, rest = _choose_or_not(scores, rest)
                chosen[over] = 0
                edges[:, before] = chosen
                there = np.flatnonzero(chosen)
                target[there] += drawn.earlier[before, there] + p["earlier_operand"][chosen[there] - 1]
            ops[rows, node], operands[rows, :, node] = types, edges
            sizes[rows[(types == 0) & (sizes[rows] == 0)]] = node + 1
            if row + 1 < config.layout.rows:
                drawn.feed(edges, p["source_used"])
                states.append(self._inputs(types, edges, drawn.used, drawn.count, node))

    def _inputs(
        self, types: NDArray[np.intp], edges: NDArray[np.uint8], used: NDArray[np.bool_], count: _Floats, node: int
    ) -> _Floats:
        """[n, inputs] what a row is."""
        config = self.config
        kinds = edges[:, None] == np.arange(1, config.operands + 1, dtype=np.uint8)[:, None]
        waiting = ~used & (np.arange(config.nodes) <= node)
        parts = [np.eye(config.types)[types], kinds.reshape(len(edges), -1), waiting, count[:, None] / 4]
        return np.concatenate(parts, axis=1, dtype=np.float32)


@dataclass(slots=True)
class _Made:
    """Arrays that are being filled, see :class:`Graphs` and :meth:`Network.graphs`."""

    ops: NDArray[np.uint8]
    operands: NDArray[np.uint8]
    sizes: NDArray[np.uint8]
    edge_scores: _Floats | None


@dataclass(slots=True)
class _Drawn:
    """What is remembered of a cell's nodes while it is drawn."""

    rows: NDArray[np.intp]
    """[m] which architectures are still drawn."""
    source: _Floats
    """[nodes, m, hidden] what each node is to its own edges."""
    earlier: _Floats
    """[nodes, m, hidden] what an edge from each node is to the edges of the row behind it."""
    used: NDArray[np.bool_]
    """[m, nodes] which nodes feed another."""
    count: _Floats
    """[m] edges so far."""

    @classmethod
    def start(cls, n: int, config: Config) -> _Drawn:
        """Nothing drawn yet."""
        source, earlier = (np.empty((config.nodes, n, config.hidden), np.float32) for _ in range(2))
        return cls(np.arange(n), source, earlier, np.zeros((n, config.nodes), np.bool_), np.zeros(n, np.float32))

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Forget the other rows."""
        self.rows, self.used, self.count = self.rows[rows], self.used[rows], self.count[rows]
        self.source, self.earlier = self.source[:, rows], self.earlier[:, rows]

    def feed(self, edges: NDArray[np.uint8], source_used: _Floats) -> None:
        """Add a row's edges [m, nodes]."""
        there = edges > 0
        rows, nodes = np.nonzero(there & ~self.used)
        self.source[nodes, rows] += source_used
        self.used |= there
        self.count += there.sum(axis=1)


class _States:
    """States of the rows so far."""

    def __init__(self, network: Network, n: int) -> None:
        self._network = network
        # What each layer had before it mixed, row by row.
        self._before: list[list[_Floats]] = [[] for _ in range(network.config.layers)]
        self.append(np.zeros((n, network.config.inputs), np.float32))
        self.current: _Floats
        """[n, width] of the last row."""

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Forget the other architectures."""
        self._before = [[state[rows] for state in states] for states in self._before]
        self.current = self.current[rows]

    def append(self, inputs: _Floats) -> None:
        """Go on by a row."""
        p, row = self._network._p, len(self._before[0])
        state = inputs @ p["input"] + p["place"][row]
        if self._network._condition is not None:
            state += self._network._condition
        term = np.empty_like(state)
        for layer, before in enumerate(self._before):
            before.append(state)
            weights = self._network._mix[layer][row]
            mixed = state * weights[row]
            for other, weight in zip(before[:-1], weights, strict=False):
                np.multiply(other, weight, out=term)
                mixed += term
            state = state + np.maximum(mixed @ p[f"layer.{layer}"] + p[f"layer_bias.{layer}"][row], 0)
        self.current = state


def _choose(scores: NDArray[np.floating], code: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """[n] the choice whose interval ``code`` [n] falls into, by [n, choices] scores, and its place in there, 0 to 1."""
    likelihood = np.exp(scores - scores.max(axis=1, keepdims=True), dtype=np.float64)
    upper = np.cumsum(likelihood, axis=1)
    upper /= upper[:, -1:]
    chosen = np.minimum((upper <= code[:, None]).sum(axis=1), scores.shape[1] - 1)
    rows = np.arange(len(code))
    above = upper[rows, chosen]
    below = np.where(chosen > 0, upper[rows, chosen - 1], 0.0)
    rest = (code - below) / np.maximum(above - below, 1e-300)
    return chosen, np.clip(rest, 0, _BELOW_ONE)


def _choose_or_not(scores: _Floats, code: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """As :func:`_choose` with a choice more, the first, whose score is 0."""
    if scores.shape[1] > 1:
        return _choose(np.concatenate([np.zeros_like(scores[:, :1]), scores], axis=1), code)
    absent = 1 / (1 + np.exp(np.minimum(scores[:, 0], 80), dtype=np.float64))
    chosen = code >= absent
    low = np.where(chosen, absent, 0)
    rest = (code - low) / np.maximum(np.where(chosen, 1 - absent, absent), 1e-300)
    return chosen.astype(np.intp), np.clip(rest, 0, _BELOW_ONE)
