"""NAS-Bench-301's graph network against the published layers, written down with today's PyTorch Geometric.

The published package needs versions that do not install any more. What it computes of one architecture is repeated here
step by step from the configuration (``gnn_utils.py``) through the layers (``models/conv.py``, ``models/gincnn.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agnet import benchmarks
from agnet.benchmarks import sources
from agnet.benchmarks.official import nb301, silent
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nb301 import NB301

from ..layouts import ensemble, gin, nb301_result

_GRAPHS = NB301().sample(300, np.random.default_rng(5))
_PRIMITIVES = (
    "identity", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
_NODES = [0, 1, 2, 2, 2, 2, 3]
_PREFIX = "NetworkSelectorDatasetInfo:darts"


def _cell(config: dict[str, str], kind: str) -> tuple[np.ndarray, list[int]]:
    """``create_darts_adjacency_matrix_from_config`` and ``convert_to_pytorch_format``."""
    adjacency = np.zeros((7, 7))
    adjacency[[0, 1], 2] = 1
    for node in range(3, 6):
        for parent in config[f"{_PREFIX}:inputs_node_{kind}_{node}"].split("_"):
            adjacency[int(parent), node] = 1
    names = [f"{_PREFIX}:edge_{kind}_{edge}" for edge in range(14)]
    operations = [_PRIMITIVES.index(config[name]) for name in names if name in config]
    edges = np.c_[np.array(np.nonzero(adjacency)), [[2, 3, 4, 5], [6, 6, 6, 6]]]
    return edges, operations + [0] * 4


def _data(graphs: Graphs, row: int, settings: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Node features, edges and their operations: ``_convert_cell_to_geometric``."""
    from torch_geometric import utils

    config = nb301_result(graphs, row)["optimized_hyperparamater_config"]
    (normal, first), (reduction, second) = (_cell(config, kind) for kind in ("normal", "reduce"))
    edges = torch.from_numpy(np.c_[normal, reduction + 7, [[6, 6, 6, 13, 13], [6, 7, 8, 0, 1]]]).long()
    operations = torch.tensor(first + second + [0] * 5)
    rows, _ = utils.to_undirected(edges)
    features = torch.stack([torch.tensor(_NODES * 2), utils.degree(rows, 14).long()], dim=1)
    if settings["graph_preprocessing:self_loops"]:
        edges, operations = utils.add_remaining_self_loops(edges, operations, fill_value=0)
    if settings["graph_preprocessing:undirected_graph"]:
        edges, operations = torch.cat([edges, edges.flip(0)], dim=1), torch.cat([operations, operations])
    return features, edges, operations


def _mlp(width: int, *more: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Linear(2 * width, width), *more
    )


def _published(weights: dict[str, Tensor], settings: dict[str, Any]) -> Any:
    """``GIN`` with ``GNN_node_Virtualnode`` for one graph at a time, its weights loaded by name."""
    from torch_geometric.nn import MessagePassing

    class Conv(MessagePassing):
        def __init__(self, width: int) -> None:
            super().__init__(aggr="add")
            self.mlp = _mlp(width)
            self.eps = nn.Parameter(torch.zeros(1))
            self.edge_encoder = nn.Embedding(len(_PRIMITIVES), width)

        def forward(self, x: Tensor, edges: Tensor, operations: Tensor) -> Tensor:
            embedded = self.edge_encoder(operations)
            return self.mlp((1 + self.eps) * x + self.propagate(edges, x=x, edge_attr=embedded))  # type: ignore[no-any-return]

        def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
            return torch.relu(x_j + edge_attr)

    class Nodes(nn.Module):
        def __init__(self, width: int, layers: int) -> None:
            super().__init__()
            self.layers = layers
            self.node_encoder = nn.ModuleDict(
                {"type_encoder": nn.Embedding(4, width), "attribute_encoder": nn.Embedding(8, width)}
            )
            self.virtualnode_embedding = nn.Embedding(1, width)
            self.convs = nn.ModuleList(Conv(width) for _ in range(layers))
            self.batch_norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(layers))
            self.mlp_virtualnode_list = nn.ModuleList(
                _mlp(width, nn.BatchNorm1d(width), nn.ReLU()) for _ in range(layers - 1)
            )

        def forward(self, x: Tensor, edges: Tensor, operations: Tensor) -> Tensor:
            virtual = self.virtualnode_embedding.weight
            h = self.node_encoder["type_encoder"](x[:, 0]) + self.node_encoder["attribute_encoder"](x[:, 1])
            for layer in range(self.layers):
                h = h + virtual
                new = self.batch_norms[layer](self.convs[layer](h, edges, operations))
                if layer < self.layers - 1:
                    virtual = self.mlp_virtualnode_list[layer](h.sum(dim=0, keepdim=True) + virtual)
                    new = torch.relu(new)
                h = new
            return h

    width = settings["gnn_hidden_dimensions"]
    network = nn.ModuleDict(
        {"gnn_node": Nodes(width, settings["num_gnn_layers"]), "graph_pred_linear": nn.Linear(width, 1)}
    )
    known = {name: value for name, value in weights.items() if not name.startswith("node_encoder.")}
    network.load_state_dict(known, strict=True)
    network.eval()
    pool = {"mean": lambda h: h.mean(0), "sum": lambda h: h.sum(0), "max": lambda h: h.amax(0)}

    def predict(graphs: Graphs, row: int) -> float:
        with torch.no_grad():
            h = network["gnn_node"](*_data(graphs, row, settings))
            return float(torch.sigmoid(network["graph_pred_linear"](pool[settings["graph_pooling"]](h))))

    return predict


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("undirected", [False, True])
def test_against_the_published_layers(tmp_path: Path, fresh: Path, pooling: str, loops: bool, undirected: bool) -> None:
    pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")
    weights, settings = gin()
    if pooling == "sum":  # or the sigmoid is 1
        weights["graph_pred_linear.weight"] /= 100
    settings |= {
        "graph_pooling": pooling,
        "graph_preprocessing:self_loops": loops,
        "graph_preprocessing:undirected_graph": undirected,
    }
    sources.bring_in("nb301", ensemble(tmp_path / "gnn_gin_v1.0", "gnn_gin", [(weights, settings)]))
    graphs = _GRAPHS.take(np.arange(20))
    answer = benchmarks.load("nb301").query(graphs).columns["val_acc"]
    published = _published(weights, settings)
    expected = [published(graphs, row) for row in range(len(graphs))]
    assert np.std(expected) > 1e-4
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_alone_and_among_others(tmp_path: Path, fresh: Path) -> None:
    weights, config = gin()
    folder = ensemble(tmp_path / "gnn_gin_v1.0", "gnn_gin", [(weights, config)])
    sources.bring_in("nb301", folder)
    benchmark = benchmarks.load("nb301")
    many = benchmark.query(_GRAPHS).columns["val_acc"]
    assert ((many > 0) & (many < 1)).all()
    assert len(np.unique(many)) > 0.9 * len(many)
    alone = [benchmark.query(_GRAPHS.take(np.array([row]))).columns["val_acc"][0] for row in range(5)]
    np.testing.assert_allclose(alone, many[:5], rtol=1e-5)
    ensemble(folder, "gnn_gin", [({name: value for name, value in weights.items() if "eps" not in name}, config)])
    with pytest.raises(InputError, match=r"not a model of the kind 'gnn_gin': .*eps"):
        nb301.read(folder, silent)
