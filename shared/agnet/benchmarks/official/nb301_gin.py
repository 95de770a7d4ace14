"""NAS-Bench-301's graph network ``gnn_gin``: its weights, and what it computes, on whole batches.

A graph isomorphism network with edge embeddings and a virtual node (Xu et al., 2019; Hu et al., 2020) on the 14 nodes
of both cells, operations on edges. The published code numbers operations by the node that they lead to and edges by the
node that they come from, and pairs them as they stand; the published weights were trained on that, so it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor
from torch.nn.functional import batch_norm, linear

from agnet import tensors
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nb301.darts import INPUTS, NODES, OPS, from_graphs

_NODE_TYPES = (0, 1, 2, 2, 2, 2, 3)  # two inputs, four nodes, output
_CELL_NODES = len(_NODE_TYPES)
_IDENTITY, _FIRST_OPERATION = 0, 1  # of the published list of operations, ours come behind the identity
_BETWEEN = ((6, 6), (6, 7), (6, 8), (13, 0), (13, 1))
_AT_ONCE = 512
_DIGITS = 4


def read(path: Path, config: Mapping[str, Any]) -> bytes:
    """The weights of one member as safetensors.

    Raises:
        ValueError, KeyError, TypeError: if they are not those of such a network.
    """
    try:
        weights = tensors.arrays(tensors.load(path))
    except InputError as error:
        raise ValueError(str(error).removeprefix(f"{path}: ")) from None
    if not config["virtual_node"] or not config["graph_preprocessing:add_node_degree_one_hot"]:
        raise ValueError("a network without virtual node or degrees")
    if config["graph_pooling"] not in ("mean", "sum", "max"):
        raise ValueError(f"pooling by {config['graph_pooling']}")
    # The node encoder is in it twice, and so are counters that only training needs.
    parts = ("gnn_node.", "graph_pred_linear.")
    kept = {
        name: torch.from_numpy(value.copy())
        for name, value in weights.items()
        if name.startswith(parts) and value.dtype == np.float32
    }
    Network(save(kept), config).predict(_example())  # all of them are there and fit
    return save(kept)


class Network:
    """One member of the ensemble."""

    def __init__(self, weights: bytes | memoryview, config: Mapping[str, Any]) -> None:
        self._weights = load(bytes(weights))
        self._layers = int(config["num_gnn_layers"])
        self._pooling = config["graph_pooling"]
        self._loops = bool(config["graph_preprocessing:self_loops"])
        self._undirected = bool(config["graph_preprocessing:undirected_graph"])

    def predict(self, graphs: Graphs) -> NDArray[np.float64]:
        """[n] validation accuracies in percent."""
        source, target, operations, degree = self._edges(graphs)
        parts = [np.zeros(0)]
        for start in range(0, len(graphs), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            arrays = (torch.from_numpy(array[rows]) for array in (source, target, operations, degree))
            with torch.inference_mode():
                parts.append(self._forward(*arrays).double().numpy())
        # The last bits may differ with how many are asked for together.
        return np.concatenate(parts).round(_DIGITS)

    def _edges(self, graphs: Graphs) -> tuple[NDArray[np.int64], ...]:
        """[n, edges] source, target and operation of each edge, and [n, 14] degrees of the nodes."""
        cells = [_cell_edges(from_graphs(graphs)[:, cell]) for cell in range(2)]
        n = len(graphs)
        between = np.broadcast_to(np.array(_BETWEEN).T[:, None], (2, n, len(_BETWEEN)))
        source = np.concatenate([cells[0][0], cells[1][0] + _CELL_NODES, between[0]], axis=1)
        target = np.concatenate([cells[0][1], cells[1][1] + _CELL_NODES, between[1]], axis=1)
        operations = np.concatenate(
            [cells[0][2], cells[1][2], np.full((n, len(_BETWEEN)), _IDENTITY, np.int64)], axis=1
        )
        joined = np.zeros((n, 2 * _CELL_NODES, 2 * _CELL_NODES), np.bool_)
        rows = np.arange(n)[:, None]
        joined[rows, source, target] = joined[rows, target, source] = True
        if self._loops:  # in place of those that there are
            other = source[0] != target[0]
            nodes = np.broadcast_to(np.arange(2 * _CELL_NODES), (n, 2 * _CELL_NODES))
            source = np.concatenate([source[:, other], nodes], axis=1)
            target = np.concatenate([target[:, other], nodes], axis=1)
            operations = np.concatenate([operations[:, other], np.full_like(nodes, _IDENTITY)], axis=1)
        if self._undirected:
            source, target = np.concatenate([source, target], axis=1), np.concatenate([target, source], axis=1)
            operations = np.concatenate([operations, operations], axis=1)
        return source, target, operations, joined.sum(axis=2)

    def _forward(self, source: Tensor, target: Tensor, operations: Tensor, degree: Tensor) -> Tensor:
        weights = self._weights
        encoder = "gnn_node.node_encoder"
        types = torch.tensor(_NODE_TYPES * 2)
        h = weights[f"{encoder}.type_encoder.weight"][types] + weights[f"{encoder}.attribute_encoder.weight"][degree]
        width = h.shape[2]
        virtual = weights["gnn_node.virtualnode_embedding.weight"].expand(len(h), 1, width)
        for layer in range(self._layers):
            h = h + virtual
            name = f"gnn_node.convs.{layer}"
            edges = weights[f"{name}.edge_encoder.weight"][operations]
            message = torch.relu(h.gather(1, source[..., None].expand(-1, -1, width)) + edges)
            summed = torch.zeros_like(h).scatter_add_(1, target[..., None].expand(-1, -1, width), message)
            new = self._mlp(f"{name}.mlp", (1 + weights[f"{name}.eps"]) * h + summed)
            new = self._norm(f"gnn_node.batch_norms.{layer}", new)
            if layer < self._layers - 1:
                virtual = self._mlp(f"gnn_node.mlp_virtualnode_list.{layer}", h.sum(dim=1, keepdim=True) + virtual)
                virtual = torch.relu(self._norm(f"gnn_node.mlp_virtualnode_list.{layer}.4", virtual))
                new = torch.relu(new)
            h = new
        pooled = {"mean": lambda: h.mean(1), "sum": lambda: h.sum(1), "max": lambda: h.amax(1)}[self._pooling]()
        out = linear(pooled, weights["graph_pred_linear.weight"], weights["graph_pred_linear.bias"])
        return torch.sigmoid(out[:, 0]) * 100

    def _mlp(self, name: str, x: Tensor) -> Tensor:
        """Linear, normalisation, ReLU, linear."""
        weights = self._weights
        x = torch.relu(self._norm(f"{name}.1", linear(x, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"])))
        return linear(x, weights[f"{name}.3.weight"], weights[f"{name}.3.bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weights = self._weights
        mean, variance, weight, bias = (
            weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return batch_norm(x.flatten(0, 1), mean, variance, weight, bias).view_as(x)


def _cell_edges(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """[n, 12] source, target and operation of the edges of cells [n, 4], as the published code pairs them."""
    n = len(codes)
    source = np.concatenate([INPUTS[codes].reshape(n, 2 * NODES), np.broadcast_to(np.arange(2, 6), (n, NODES))], axis=1)
    target = np.concatenate([np.repeat(np.arange(2, 6), 2), np.full(NODES, 6)])
    target = np.broadcast_to(target, source.shape)
    operations = np.concatenate([OPS[codes].reshape(n, -1) + _FIRST_OPERATION, np.full((n, NODES), _IDENTITY)], axis=1)
    # Edges by source, then target; operations stay as they are, by target, then source.
    order = np.argsort(source[:, : 2 * NODES] * _CELL_NODES + target[:, : 2 * NODES], axis=1)
    sorted_ = [
        np.concatenate([np.take_along_axis(a[:, : 2 * NODES], order, 1), a[:, 2 * NODES :]], 1)
        for a in (source, target)
    ]
    return sorted_[0], sorted_[1], operations


def _example() -> Graphs:
    from agnet.spaces.nb301 import NB301  # noqa: PLC0415

    return NB301().sample(1, np.random.default_rng(0))
