"""Drawing architectures, one decision after the other, for many at a time and without PyTorch.

The latent is one number for each row, and the architecture follows from it: the number, as a quantile of the normal
distribution, is decoded as an arithmetic code. It falls into the interval of one type, its place in there into that
of an edge or none, and so on to the row's last edge. Normal latents give the network's distribution exactly; a latent
that is moved a little changes first the last edges of a row, and then its type.

Arrays have channels first and architectures last: a mixture of rows is then a product of a row of weights and a matrix
of long rows, and what is added to a channel is added to neighbours in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from agnet.generator.autoregressive.condition import features
from agnet.generator.autoregressive.config import Config
from agnet.graphs import Graphs

_Floats = NDArray[np.float32]
_BELOW_ONE = np.nextafter(1.0, 0.0)
_LARGEST_SCORE = np.float32(80)
"""The exponential of more is no longer a float."""
_FEW = 64
"""So few architectures are not worth being moved together."""


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
        self._p = p = dict(parameters)
        self._mix = [
            np.ascontiguousarray(p[f"mix.{layer}"].transpose(1, 0, 2)[:, :, None]) for layer in range(config.layers)
        ]
        """[to, groups, 1, from] of each layer."""
        # All that is made of a state is made at once. What every edge of the only kind adds, its source may as well.
        places = np.arange(config.layout.rows) % (config.nodes - 1)
        earlier = p["earlier_place"] if config.operands > 1 else p["earlier_place"] + p["earlier_operand"]
        biases = [p["source_place"][:, places], earlier[:, places], p["target_place"], p["type_place"]]
        self._heads = np.concatenate([p[name] for name in ("source", "earlier", "target", "type_hidden")])
        """[3 * hidden + 2 * hidden, width]"""
        self._heads_bias = np.concatenate(biases).T[:, :, None].copy()
        """[rows, 5 * hidden, 1]"""
        self._place = p["place"]
        """[width, rows + 1]"""
        if shares is not None:
            self._place = self._place + np.einsum("mwk,mk->w", p["condition"], features(shares))[:, None]
        self._memory = _Memory()
        self._sums = np.tri(config.types + 1, config.types, -1)
        """[types + 1, types] makes upper bounds of shares, and a lower one of the first."""

    def graphs(self, latent: _Floats, temperature: float = 1.0, *, edge_scores: _Floats | None = None) -> Graphs:
        """The architectures of latents; some may break a rule of the space.

        Args:
            latent: [n, rows]
            temperature: divides the scores.
            edge_scores: [n, cells, edges of a cell] zeros, to be filled with the log-odds of each edge that was drawn.
        """
        drawing = _Drawing(self, latent, np.float32(1 / temperature), edge_scores)
        for cell in range(self.config.cells):
            drawing.draw_cell(cell)
        return drawing.graphs()


class _Drawing:
    """A batch of architectures that is being drawn."""

    def __init__(self, network: Network, latent: _Floats, sharpness: np.float32, edge_scores: _Floats | None) -> None:
        config = network.config
        n, nodes, hidden = len(latent), config.nodes, config.hidden
        self._network, self._config, self._sharpness = network, config, sharpness
        self._code = np.minimum(ndtr(latent.T.astype(np.float64, order="C")), _BELOW_ONE)
        """[rows, m] of the architectures that are still drawn."""
        self._ops = np.zeros((config.cells, nodes, n), np.uint8)
        self._operands = np.zeros((config.cells, nodes, nodes, n), np.uint8)
        self._sizes = np.zeros((config.cells, n), np.uint8)
        self._edge_scores = edge_scores
        self._rows: NDArray[np.intp] | slice = slice(None)
        """[m] which architectures are still drawn."""
        self._inputs = np.zeros((config.inputs, n), np.float32)
        """[inputs, m] what the last row is."""
        self._source, self._earlier = (np.empty((nodes, hidden, n), np.float32) for _ in range(2))
        """[nodes, hidden, m] what a node is to its own edges, and an edge from it to those behind it in a row."""
        self._states = _States(network, n)
        self._states.append(self._inputs)

    def graphs(self) -> Graphs:
        """What was drawn."""
        operands = np.ascontiguousarray(self._operands.transpose(3, 0, 1, 2))
        ops = np.ascontiguousarray(self._ops.transpose(2, 0, 1))
        sizes = np.ascontiguousarray(self._sizes.T)
        return Graphs(ops, operands > 0, sizes, operands if self._config.operands > 1 else None)

    def draw_cell(self, cell: int) -> None:
        """Draw the next cell of all."""
        config, p, hidden = self._config, self._network._p, self._config.hidden
        self._ops[cell, 0] = 1
        types, waiting = self._inputs[: config.types], self._waiting()
        self._inputs[:] = 0
        types[1] = waiting[0] = 1
        for node in range(1, config.nodes):
            row, place = cell * (config.nodes - 1) + node - 1, node - 1
            if config.cells == 1 and node > 1 and not self._keep_open(place):
                break
            types = self._inputs[: config.types]
            parts = (5 if node < config.nodes - 1 else 3) * hidden  # The last type is not asked for.
            heads = self._network._heads[:parts] @ self._states.current
            heads += self._network._heads_bias[row, :parts]
            self._source[place] = heads[:hidden]
            self._source[place] += p["source_type"] @ types
            self._earlier[place] = heads[hidden : 2 * hidden]
            over = np.flatnonzero(self._sizes[cell, self._rows])
            rest = self._draw_type(cell, node, heads[3 * hidden :], over)
            target = heads[2 * hidden : 3 * hidden]
            target += p["target_type"] @ types
            self._draw_edges(cell, node, target, rest, over)
            if row + 1 < config.layout.rows:
                self._states.append(self._inputs)

    def _waiting(self) -> _Floats:
        """[nodes, m] which nodes still lead nowhere."""
        return self._inputs[-1 - self._config.nodes : -1]

    def _keep_open(self, place: int) -> bool:
        """Forget what has ended, which needs no more work; another cell would need the states behind it."""
        going = self._sizes[0, self._rows] == 0
        left, m = int(np.count_nonzero(going)), len(going)
        if left <= m * 3 // 4 and m > _FEW:
            keep = np.flatnonzero(going)
            self._rows = keep if isinstance(self._rows, slice) else self._rows[keep]
            self._code, self._inputs = self._code.take(keep, axis=1), self._inputs.take(keep, axis=1)
            source, earlier = self._source, self._earlier
            self._source, self._earlier = (np.empty((*source.shape[:2], left), np.float32) for _ in range(2))
            source[:place].take(keep, axis=2, out=self._source[:place], mode="clip")
            earlier[:place].take(keep, axis=2, out=self._earlier[:place], mode="clip")
            self._states.keep(keep)
        return left > 0

    def _draw_type(self, cell: int, node: int, hidden: _Floats, over: NDArray[np.intp]) -> NDArray[np.float64]:
        """Draw the type of each architecture's node; [m] what is left of the code."""
        p, row = self._network._p, cell * (self._config.nodes - 1) + node - 1
        onehot = self._inputs[: self._config.types]
        if len(hidden):
            np.maximum(hidden, 0, out=hidden)
            scores = p["type_score"] @ hidden
            scores += p["type_bias"][:, row, None]
            scores -= scores.max(axis=0)
            scores *= self._sharpness
            bounds = self._network._sums @ np.exp(scores, out=scores).astype(np.float64)
            types, rest = _choose(bounds, self._code[row])
            types[over] = 0
        else:
            types, rest = np.zeros(onehot.shape[1], np.uint8), self._code[row]
        onehot[:] = types == np.arange(len(onehot), dtype=np.uint8)[:, None]
        self._ops[cell, node, self._rows] = types
        sizes = self._sizes[cell, self._rows]
        sizes[(types == 0) & (sizes == 0)] = node + 1
        self._sizes[cell, self._rows] = sizes
        return rest

    def _draw_edges(
        self, cell: int, node: int, target: _Floats, rest: NDArray[np.float64], over: NDArray[np.intp]
    ) -> None:
        """Draw the edges to a node, given what it is to them, [hidden, m], and what is left of the code."""
        config, p = self._config, self._network._p
        weight: _Floats = p["edge_score"] * self._sharpness
        bias: _Floats = p["edge_bias"] * self._sharpness
        m = target.shape[1]
        table = self._inputs[config.types : -1 - config.nodes].reshape(config.operands, config.nodes, m)
        waiting = self._waiting()
        kinds = np.arange(1, config.operands + 1, dtype=np.uint8)[:, None]
        hidden, drawn = np.empty_like(target), np.zeros((node, m), np.uint8)
        for before in range(node):
            edge = node * (node - 1) // 2 + before
            np.add(target, self._source[before], out=hidden)
            np.maximum(hidden, 0, out=hidden)
            scores = weight @ hidden
            scores += bias[:, edge, None]
            chosen, rest = _choose_or_not(scores, rest)
            chosen[over] = 0
            drawn[before] = chosen
            if self._edge_scores is not None:
                odds = scores[0] if len(scores) == 1 else np.logaddexp.reduce(scores, axis=0)
                self._edge_scores[self._rows, cell, edge] = odds
            table[:, before] = chosen if config.operands == 1 else chosen == kinds
            if before < node - 1 and chosen.any():
                np.multiply(self._earlier[before], chosen > 0, out=hidden)
                target += hidden
                if config.operands > 1:
                    target += p["earlier_operand"] @ table[:, before]
        table[:, node:] = 0
        self._operands[cell, :node, node][:, self._rows] = drawn
        there = drawn > 0
        newly = there & (waiting[:node] > 0)
        for fed in np.flatnonzero(newly.any(axis=1)):
            self._source[fed] += p["source_used"][:, None] * newly[fed]
        waiting[:node] -= newly
        waiting[node] = 1
        self._inputs[-1] += there.sum(axis=0, dtype=np.uint8) / np.float32(4)


class _States:
    """States of the rows so far."""

    def __init__(self, network: Network, n: int) -> None:
        config = network.config
        self._network, self._count, self._moves = network, 0, 0
        self._before = self._new((config.layout.rows + 1, config.width, n))
        """Of each layer [rows, width, m] what it had before it mixed."""
        self.current: _Floats
        """[width, m] of the last row."""

    def _new(self, shape: tuple[int, int, int]) -> list[_Floats]:
        memory, moves = self._network._memory, self._moves % 2
        return [memory.array((layer, moves), shape) for layer in range(self._network.config.layers)]

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Forget the other architectures."""
        before, count = self._before, self._count
        self._moves += 1
        self._before = self._new((*before[0].shape[:2], len(rows)))
        for old, new in zip(before, self._before, strict=True):
            old[:count].take(rows, axis=2, out=new[:count], mode="clip")
        self.current = self.current.take(rows, axis=1)

    def append(self, inputs: _Floats) -> None:
        """Go on by a row, of [inputs, m]."""
        p, row, groups = self._network._p, self._count, self._network.config.groups
        self._count += 1
        state = p["input"] @ inputs
        state += self._network._place[:, row, None]
        for layer, before in enumerate(self._before):
            before[row] = state
            so_far = before[: row + 1].reshape(row + 1, groups, -1).transpose(1, 0, 2)
            mixed = self._network._mix[layer][row, :, :, : row + 1] @ so_far
            more = p[f"layer.{layer}"] @ mixed.reshape(state.shape)
            more += p[f"layer_bias.{layer}"][:, row, None]
            state += np.maximum(more, 0, out=more)
        self.current = state


class _Memory(threading.local):
    """Large arrays of each thread that are used again: mapping new memory takes longer than filling it."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Floats] = {}

    def array(self, key: Hashable, shape: tuple[int, ...]) -> _Floats:
        """An array whose numbers are anything, until the next with this key."""
        size = prod(shape)
        if key not in self._kept or len(self._kept[key]) < size:
            self._kept[key] = np.empty(size, np.float32)
        return self._kept[key][:size].reshape(shape)


def _choose(bounds: NDArray[np.float64], code: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The choice whose interval a code falls into, and its place in there, 0 to 1.

    Args:
        bounds: [choices + 1, m] of the intervals, one behind the other, up to any sum.
        code: [m] 0 to 1.
    """
    code = code * bounds[-1]
    chosen = (bounds[1:-1] <= code).sum(axis=0, dtype=np.uint8)
    at = chosen * np.intp(len(code)) + np.arange(len(code))
    below, above = bounds.take(at), bounds.take(at + len(code))
    return chosen, np.minimum((code - below) / np.maximum(above - below, 1e-300), _BELOW_ONE)


def _choose_or_not(scores: _Floats, code: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """As :func:`_choose` by [choices, m] scores, with a choice more, the first, whose score is 0."""
    odds = np.exp(np.minimum(scores, _LARGEST_SCORE))
    if len(odds) > 1:
        bounds = np.zeros((len(odds) + 2, len(code)))
        bounds[1] = 1
        for choice, width in enumerate(odds, 1):
            np.add(bounds[choice], width, out=bounds[choice + 1])
        return _choose(bounds, code)
    code = code * (odds[0].astype(np.float64) + 1)
    there = np.flatnonzero(code >= 1)
    code[there] = (code[there] - 1) / odds[0, there]
    chosen = np.zeros(len(code), np.uint8)
    chosen[there] = 1
    return chosen, np.minimum(code, _BELOW_ONE, out=code)
