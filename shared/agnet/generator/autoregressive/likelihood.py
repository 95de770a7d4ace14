"""The network in PyTorch: the likelihood of given architectures, all decisions of all of them at once.

Computes with channels first and architectures last, so that mixing rows and multiplying by matrices need no copies.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot, relu

from agnet.generator.autoregressive.config import Config
from agnet.generator.autoregressive.decisions import Decisions


class Likelihood(torch.nn.Module):
    """A network that learns."""

    def __init__(self, config: Config, parameters: Mapping[str, NDArray[np.float32]], device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self.device = torch.device(device)
        self.p = torch.nn.ParameterDict(
            {
                name.replace(".", "_"): torch.nn.Parameter(
                    torch.tensor(value, device=self.device), requires_grad=name != "quantiles"
                )
                for name, value in parameters.items()
            }
        )
        layout, rows = config.layout, config.layout.rows
        self._edges = {
            name: torch.as_tensor(getattr(layout, name), device=self.device)
            for name in ("source", "cell", "row", "first")
        }
        self._so_far = torch.ones(rows + 1, rows + 1, device=self.device).tril()

    def parameters_as_arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of all parameters, by the names of :class:`Config`."""
        names = self.config.parameter_shapes()
        return {name: self.p[name.replace(".", "_")].detach().cpu().numpy().copy() for name in names}

    def forward(self, batch: Decisions, features: NDArray[np.float32] | None = None) -> Tensor:
        """[n] negative logarithms of the likelihood.

        Args:
            batch: ``n`` architectures.
            features: [n, metrics, knots] of what is asked for.
        """
        c, p = self.config, self.p
        n, cells, nodes, edges_in = len(batch), c.cells, c.nodes, c.layout.edges
        if cells == 1:  # Rows that no architecture of the batch has cost nothing.
            nodes = int(batch.used.sum(axis=1).max()) + 1
            edges_in = nodes * (nodes - 1) // 2
        rows = cells * (nodes - 1)
        source, cell, row, first = (self._edges[name][:edges_in] for name in ("source", "cell", "row", "first"))
        place = row % (nodes - 1) + 1
        types = self._tensor(batch.types[:, :rows].T).long()
        edges = self._tensor(batch.edges[:, :edges_in].T).long()
        used = self._tensor(batch.used[:, :rows].T)

        kinds = one_hot(edges, c.operands + 1)[..., 1:].permute(2, 0, 1).float()  # [operands, edges, n]
        there = (edges > 0).float()
        table = torch.zeros(c.operands, nodes, rows, n, device=self.device)
        table[:, source, row] = kinds
        by_row = table.sum(0).view(nodes, cells, nodes - 1, n)
        fed = by_row.cumsum(2)  # edges that each node feeds, up to each row
        count = by_row.sum(0).cumsum(1).reshape(1, rows, n)
        behind = torch.arange(nodes, device=self.device)[:, None] <= torch.arange(1, nodes, device=self.device)
        waiting = (fed == 0) & behind[:, None, :, None]

        inputs = [
            one_hot(types, c.types).permute(2, 0, 1).float(),
            table.reshape(-1, rows, n),
            waiting.float().reshape(nodes, rows, n),
            count / 4,
        ]
        states = self._states(torch.cat(inputs), nodes, None if features is None else self._tensor(features))
        before = states[:, :-1]
        hidden = relu(self._times("type_hidden", before) + p["type_place"][:, :rows, None])
        scores = self._times("type_score", hidden) + p["type_bias"][:, :rows, None]
        # The last node that a cell can have is an output anyway.
        free = used & (torch.arange(rows, device=self.device) % (nodes - 1) < c.nodes - 2)[:, None]
        loss = (_cross_entropies(scores, types) * free).sum(0)

        nodes_types = torch.cat([torch.ones_like(types[:1]).expand(cells, 1, n), types.view(cells, nodes - 1, n)], 1)
        origin = cell * (nodes - 1) + source  # the state behind each edge's source
        target = self._times("target", before) + p["target_type"][:, types] + p["target_place"][:, :rows, None]
        offers = self._times("source", states).index_select(1, origin)
        offers = offers + p["source_type"][:, nodes_types.reshape(-1, n)].index_select(1, cell * nodes + source)
        offers = offers + p["source_place"][:, source, None]
        fed_before = (fed - by_row).reshape(nodes, rows, n)[source, row] > 0
        offers = offers + fed_before * p["source_used"][:, None, None]
        taken = self._times("earlier", states).index_select(1, origin) + p["earlier_place"][:, source, None]
        taken = there * taken + torch.einsum("hk,ken->hen", p["earlier_operand"], kinds)
        earlier = taken.cumsum(1) - taken
        earlier = earlier - earlier.index_select(1, first)
        hidden = relu(target.index_select(1, row) + offers + earlier)
        bias = p["edge_bias"][:, place * (place - 1) // 2 + source, None]
        scores = self._times("edge_score", hidden) + bias
        scores = torch.cat([torch.zeros_like(scores[:1]), scores])
        return loss + (_cross_entropies(scores, edges) * used[row]).sum(0)

    def _states(self, inputs: Tensor, nodes: int, features: Tensor | None) -> Tensor:
        """[width, rows + 1, n] before the first row and behind each."""
        c, p = self.config, self.p
        rows, n = inputs.shape[1:]
        weight = p["input"]
        if nodes < c.nodes:
            parts = weight.split([c.types, c.operands * c.nodes, c.nodes, 1], 1)
            by_kind = parts[1].view(-1, c.operands, c.nodes)[:, :, :nodes].reshape(c.width, -1)
            weight = torch.cat([parts[0], by_kind, parts[2][:, :nodes], parts[3]], 1)
        states = (weight @ inputs.reshape(len(inputs), -1)).view(c.width, rows, n)
        states = torch.cat([torch.zeros_like(states[:, :1]), states], 1) + p["place"][:, : rows + 1, None]
        if features is not None:
            states = states + torch.einsum("mwk,nmk->wn", p["condition"], features)[:, None]
        for layer in range(c.layers):
            mix = (p[f"mix_{layer}"] * self._so_far)[:, : rows + 1, : rows + 1]
            mixed = torch.bmm(mix.repeat_interleave(c.width // c.groups, 0), states)
            states = states + relu(self._times(f"layer_{layer}", mixed) + p[f"layer_bias_{layer}"][:, : rows + 1, None])
        return states

    def _times(self, name: str, x: Tensor) -> Tensor:
        """A matrix times [channels, ..., n]."""
        weight = self.p[name]
        return (weight @ x.reshape(len(x), -1)).view(len(weight), *x.shape[1:])

    def _tensor(self, values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def _cross_entropies(scores: Tensor, chosen: Tensor) -> Tensor:
    """[...] of [choices, ...] scores."""
    choices = len(scores)
    flat = cross_entropy(scores.reshape(choices, -1).t(), chosen.reshape(-1), reduction="none")
    return flat.view(chosen.shape)
