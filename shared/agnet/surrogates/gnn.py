"""A graph neural network (torch-geometric): for histories of hundreds of architectures and more.

Messages go along the edges and against them in every layer, summed by a perceptron each (GIN: Xu et al., ICLR 2019);
an architecture is the sum of its nodes' states and that of each cell's output node. It reads graphs, no encoding. Three
networks leave out another third of the examples each; the prediction is their average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agnet import encodings, spaces
from agnet.errors import InputError
from agnet.seeds import Seed, integer, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.base import Batch, Scale
from agnet.surrogates.folds import Folded
from agnet.surrogates.targets import Targets

try:
    from torch_geometric.nn import GINConv, global_add_pool
except ImportError:
    raise InputError("the surrogate gnn needs torch-geometric: pip install 'agnet[gnn]'") from None

_WIDTH, _LAYERS = 48, 3
_BATCH = 64
_STEPS, _EPOCHS = 150, 80
"""Least number of steps, and of passes over the examples."""
_RATE, _DECAY = 1e-2, 1e-4
_ROWS = 1024


class _Net(nn.Module):
    """Metrics of architectures."""

    def __init__(self, space: Space, columns: int, metrics: int) -> None:
        super().__init__()
        width = len(space.node_types)
        self.embed = nn.Linear(width, _WIDTH)
        self.along, self.against = (
            nn.ModuleList(
                [
                    GINConv(nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH)))
                    for _ in range(_LAYERS)
                ]
            )
            for _ in range(2)
        )
        state = 2 * _WIDTH * len(space.cells) + columns
        self.head = nn.Sequential(nn.Linear(state, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, metrics))

    def forward(self, graphs: _Graphs) -> torch.Tensor:
        """[n, metrics]"""
        h = self.embed(graphs.nodes)
        back = graphs.edges.flip(0)
        for along, against in zip(self.along, self.against, strict=True):
            h = h + torch.relu(along(h, graphs.edges) + against(h, back))
        pooled = torch.cat([global_add_pool(h, graphs.cell, size=graphs.cells), h[graphs.outputs]], dim=1)
        n = len(graphs.columns)
        out: torch.Tensor = self.head(torch.cat([pooled.reshape(n, -1), graphs.columns], dim=1))
        return out


@dataclass(frozen=True, slots=True)
class _Graphs:
    """Cells of n architectures as one graph without edges between them."""

    nodes: torch.Tensor
    """[nodes, types] one-hot; only nodes with an edge, and outputs."""
    edges: torch.Tensor
    """[2, edges] from, to."""
    cell: torch.Tensor
    """[nodes] which cell a node belongs to; the cells of an architecture follow each other."""
    outputs: torch.Tensor
    """[cells] its output node."""
    columns: torch.Tensor
    """[n, k] what else is known of an architecture."""

    @property
    def cells(self) -> int:
        return len(self.outputs)

    @classmethod
    def of(cls, space: Space, x: NDArray[np.floating]) -> _Graphs:
        """From rows of the encoding ``onehot`` with k more columns."""
        types, most = len(space.node_types), space.max_nodes
        pairs = most * (most - 1) // 2
        width = len(space.cells) * (most * types + pairs)
        cells = x[:, :width].reshape(-1, most * types + pairs)
        nodes = cells[:, : most * types].reshape(-1, most, types)
        row, edge = np.nonzero(cells[:, most * types :])
        sources, targets = (ends[edge] for ends in encodings.edge_nodes(most))
        used = np.zeros(nodes.shape[:2], dtype=np.bool_)
        used[row, sources] = used[row, targets] = True
        last = most - 1 - np.argmax(used[:, ::-1], axis=1)  # the output is the last node that has an edge
        last = np.where(used.any(axis=1), last, 0)
        used[np.arange(len(used)), last] = True
        place = np.cumsum(used).reshape(used.shape) - 1
        ends = np.stack([place[row, sources], place[row, targets]])
        return cls(
            torch.from_numpy(nodes[used]),
            torch.from_numpy(ends),
            torch.from_numpy(np.nonzero(used)[0]),
            torch.from_numpy(place[np.arange(len(used)), last]),
            torch.from_numpy(np.ascontiguousarray(x[:, width:])),
        )


@dataclass(frozen=True, slots=True)
class Network:
    """A trained network."""

    space: Space
    net: _Net
    """In double precision, so that how rows are grouped does not show in the single precision that comes out."""
    inputs: Scale
    """Of the columns besides the graph."""
    targets: Targets

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, metrics] of [n, d] rows."""
        out = np.empty((len(x), len(self.targets.numbers)))
        with torch.inference_mode():
            for start in range(0, len(x), _ROWS):
                rows = slice(start, start + _ROWS)
                out[rows] = self.net(_Graphs.of(self.space, _scaled(x[rows], self.inputs))).numpy()
        return self.targets.invert(out)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The network's parameters and the scales."""
        network = {f"network.{name}": value.float().numpy() for name, value in self.net.state_dict().items()}
        return {**network, "mean": self.inputs.mean, "std": self.inputs.std, "numbers": self.targets.numbers}


class GNN(Folded):
    """Three networks, each for all metrics."""

    name = "gnn"
    title = "graph neural network (torch-geometric)"
    averages = True
    parts = 3

    _space: str

    def _rows(self, batch: Batch) -> NDArray[np.float32]:
        self._space = batch.space.name
        flat = encodings.flat(batch.space, batch.graphs).astype(np.float32)
        return flat if not self.inputs.columns else np.concatenate([flat, self.inputs.columns_of(batch)], axis=1)

    def _learn(self, x: NDArray[np.float32], y: NDArray[np.float64], seed: Seed) -> Network:
        space, targets = spaces.get(self._space), Targets.of(y)
        more = x[:, _width(space) :].astype(np.float64)
        inputs = Scale.of(more)
        known = np.isfinite(y)
        target, weight = torch.from_numpy(np.where(known, targets.apply(y), 0)).float(), torch.from_numpy(known).float()
        net = _made(space, more.shape[1], y.shape[1], seed)
        batches = -(-len(x) // _BATCH)
        steps = max(_EPOCHS * batches, _STEPS)
        adam = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=_DECAY, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(adam, _RATE, total_steps=steps)
        rng = numpy_stream(seed, self.name)
        rows = _scaled(x, inputs).astype(np.float32)
        order: list[NDArray[np.intp]] = []
        for _ in range(steps):
            order = order or np.array_split(rng.permutation(len(x)), batches)
            some = order.pop()
            error = (net(_Graphs.of(space, rows[some])) - target[some]) * weight[some]
            adam.zero_grad()
            (error.square().sum() / weight[some].sum().clamp(min=1)).backward()
            adam.step()
            schedule.step()
        return Network(space, net.double(), inputs, targets)

    def _settings(self) -> dict[str, Any]:
        return {"space": self._space}

    def _read(self, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Network:
        self._space = spaces.get(str(settings["space"])).name
        space, targets, inputs = spaces.get(self._space), Targets.read(arrays["numbers"]), Scale.read(arrays)
        net = _Net(space, len(inputs.mean), len(targets.numbers))
        network = {
            name.removeprefix("network."): torch.from_numpy(np.array(array))
            for name, array in arrays.items()
            if name.startswith("network.")
        }
        try:
            net.load_state_dict(network)
        except RuntimeError:
            raise ValueError("the network's layers do not fit together") from None
        return Network(space, net.double(), inputs, targets)


def _made(space: Space, columns: int, metrics: int, seed: Seed) -> _Net:
    """A network with parameters that the seed decides; torch's own state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "gnn"))
        return _Net(space, columns, metrics)


def _width(space: Space) -> int:
    """Columns of the encoding ``onehot``."""
    nodes = space.max_nodes
    return len(space.cells) * (nodes * len(space.node_types) + nodes * (nodes - 1) // 2)


def _scaled(x: NDArray[np.float32], inputs: Scale) -> NDArray[np.float64]:
    """Rows with the columns besides the graph at deviation 1."""
    if not len(inputs.mean):
        return x.astype(np.float64)
    at = x.shape[1] - len(inputs.mean)
    return np.concatenate([x[:, :at], inputs.apply(x[:, at:].astype(np.float64))], axis=1)
