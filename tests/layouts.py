"""Files in the layouts of official ones that are not at hand, written with the libraries that wrote those."""

from __future__ import annotations

import base64
import bz2
import copy
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import orjson
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import gaussian_kde
from sklearn.multioutput import RegressorChain
from sklearn.preprocessing import StandardScaler

from agnet.benchmarks.official import tfrecord
from agnet.benchmarks.official.x11 import EPOCHS
from agnet.graphs import Graphs
from agnet.spaces.nb301.darts import CELLS, FIRST_EDGE, INPUTS, OPERATIONS, OPS, from_graphs

# NAS-Bench-101: TFRecords of JSON with a protocol buffer in Base64.

NB101_CELL = ("011001000", "input,conv3x3-bn-relu,output", "d32d0b26d534203b48d866facd98cc3e")
"""Adjacency, operations and module hash."""


def double(field: int, value: float) -> bytes:
    """A field of a protocol buffer."""
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def message(field: int, content: bytes) -> bytes:
    """A field of a protocol buffer."""
    assert len(content) < 128
    return bytes([field << 3 | 2, len(content)]) + content


def varint(field: int, value: int) -> bytes:
    """A field of a protocol buffer."""
    out = bytearray([field << 3])
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def nb101_training(
    epochs: object = 108, val: float = 0.5, cell: tuple[str, str, str] = NB101_CELL, metrics: bytes | None = None
) -> bytes:
    """A record of NAS-Bench-101's file."""
    adjacency, ops, digest = cell
    budget = float(str(epochs))
    if metrics is None:
        evaluations = [
            b"".join(double(field, value) for field, value in enumerate((at, at * 10, 0.9, val, val / 2), start=1))
            for at in (0.0, budget / 2, budget)
        ]
        metrics = b"".join(message(1, evaluation) for evaluation in evaluations) + varint(2, 8_555_530) + double(3, 1.0)
    text = base64.encodebytes(metrics).decode()  # with a newline every 76 characters, as in the official files
    return orjson.dumps([digest, epochs, adjacency, ops, text])


def frame(data: bytes) -> bytes:
    """A record with its length and checksums."""
    length = struct.pack("<Q", len(data))
    check = [struct.pack("<I", tfrecord.masked_crc(part)) for part in (length, data)]
    return length + check[0] + data + check[1]


def nb101_full(path: Path, only108: Path) -> None:
    """``nasbench_full.tfrecord``, with results of our own, of the cells of a real file with one budget."""
    cells = dict.fromkeys(
        (adjacency, ops, digest)
        for digest, _, adjacency, ops, _ in (orjson.loads(record) for _, record in tfrecord.records(only108))
    )
    path.write_bytes(
        b"".join(
            frame(nb101_training(epochs, 0.5 + epochs / 500 + run / 1000 + number / 5000, cell))
            for number, cell in enumerate(cells)
            for epochs in (108, 4, 36, 12)
            for run in range(3)
        )
    )


# NAS-Bench-201: what PyTorch saved, and NATS-Bench's pickles.


def nats_states(folder: Path, cells: tuple[int, ...]) -> dict[int, dict[str, Any]]:
    """Results as the official packages hold them; our own reader of plain pickles is tested elsewhere."""
    return {cell: pickle.loads(bz2.decompress((folder / f"{cell:06d}.pickle.pbz2").read_bytes())) for cell in cells}


def nats_meta(folder: Path) -> dict[str, Any]:
    """What NATS-Bench's API reads first."""
    content: dict[str, Any] = pickle.loads(bz2.decompress((folder / "meta.pickle.pbz2").read_bytes()))
    return content


def nb201_pth(states: dict[int, dict[str, Any]], meta: dict[str, Any], *, weights: bool = False) -> dict[str, Any]:
    """What NAS-Bench-201-v1_*.pth holds."""
    infos = {cell: {"less": state["12"], "full": state["200"]} for cell, state in copy.deepcopy(states).items()}
    if weights:  # the published files have none; archives of single cells do
        for info in infos.values():
            for state in info.values():
                for result in state["all_results"].values():
                    result["net_state_dict"] = {"conv.weight": torch.randn(8, 3), "steps": torch.tensor(3)}
    names = meta["meta_archs"]
    return {"meta_archs": names, "total_archs": len(names), "arch2infos": infos, "evaluated_indexes": set(infos)}


# HW-NAS-Bench: a dict of lists.


def hw_pickle(table: pd.DataFrame, rows: int, numpy: bool) -> dict[str, Any]:
    """What HW-NAS-Bench-v1_0.pickle holds, from its republication as a table."""

    def listed(column: str) -> object:
        values = table[column].to_numpy()[:rows]
        return values if numpy else [np.float64(value) for value in values]

    def data_set(name: str) -> dict[str, Any]:
        config = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": arch} for arch in table["arch_str"][:rows]]
        columns = [column for column in table.columns if column.startswith(f"{name}_")]
        return {"config": config} | {column.removeprefix(f"{name}_"): listed(column) for column in columns}

    return {"nasbench201": {name: data_set(name) for name in ("cifar10", "cifar100", "ImageNet16-120")}, "fbnet": {}}


# NAS-Bench-301: folders of models, and results as JSON.


def ensemble(path: Path, kind: str, members: list[object]) -> Path:
    """A folder of boosters, or of PyTorch weights, as in ``nb_models_1.0``."""
    for number, member in enumerate(members):
        config = {"model": kind, "param:max_depth": 5}
        file = _member(path / "ensemble" / f"member_{number}", config)
        if kind.startswith("gnn"):
            weights, config = member  # type: ignore[misc]
            torch.save(weights, file)
            (file.parent / "model_config.json").write_text(json.dumps(config))
        else:
            file.write_bytes(pickle.dumps(member))
        (file.parent / "data_config.json").write_text('{"seed": 6}')
    return path


def _member(folder: Path, config: dict[str, Any]) -> Path:
    """Where a model goes, with what belongs beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_config.json").write_text(json.dumps(config))
    return folder / "surrogate_model.model"


def gin(hidden: int = 6, layers: int = 3) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights of a graph network with NAS-Bench-301's names, and its configuration."""
    torch.manual_seed(0)
    weights: dict[str, torch.Tensor] = {}

    def linear(name: str, inputs: int, outputs: int) -> None:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.randn(outputs, inputs) / 2, torch.randn(outputs) / 2

    def norm(name: str, width: int) -> None:
        weights.update({f"{name}.{part}": torch.randn(width) / 2 for part in ("weight", "bias", "running_mean")})
        weights[f"{name}.running_var"] = torch.rand(width) + 0.5
        weights[f"{name}.num_batches_tracked"] = torch.tensor(7)

    encoder = {"type": torch.randn(4, hidden), "attribute": torch.randn(8, hidden)}
    for prefix in ("node_encoder", "gnn_node.node_encoder"):
        weights |= {f"{prefix}.{kind}_encoder.weight": value for kind, value in encoder.items()}
    weights["gnn_node.virtualnode_embedding.weight"] = torch.randn(1, hidden)
    for layer in range(layers):
        linear(f"gnn_node.convs.{layer}.mlp.0", hidden, 2 * hidden)
        norm(f"gnn_node.convs.{layer}.mlp.1", 2 * hidden)
        linear(f"gnn_node.convs.{layer}.mlp.3", 2 * hidden, hidden)
        weights[f"gnn_node.convs.{layer}.eps"] = torch.randn(1)
        weights[f"gnn_node.convs.{layer}.edge_encoder.weight"] = torch.randn(8, hidden)
        norm(f"gnn_node.batch_norms.{layer}", hidden)
        if layer < layers - 1:
            linear(f"gnn_node.mlp_virtualnode_list.{layer}.0", hidden, 2 * hidden)
            norm(f"gnn_node.mlp_virtualnode_list.{layer}.1", 2 * hidden)
            linear(f"gnn_node.mlp_virtualnode_list.{layer}.3", 2 * hidden, hidden)
            norm(f"gnn_node.mlp_virtualnode_list.{layer}.4", hidden)
    linear("graph_pred_linear", hidden, 1)
    weights["graph_pred_linear.weight"] *= 0.01  # or the sigmoid is 0 or 1
    config = {
        "model": "gnn_gin",
        "num_gnn_layers": layers,
        "gnn_hidden_dimensions": hidden,
        "virtual_node": True,
        "graph_pooling": "mean",
        "graph_preprocessing:add_node_degree_one_hot": True,
        "graph_preprocessing:self_loops": False,
        "graph_preprocessing:undirected_graph": False,
    }
    return weights, config


def nb301_result(graphs: Graphs, row: int, **change: Any) -> dict[str, Any]:
    """What a ``results_*.json`` holds."""
    configuration = {}
    prefix = "NetworkSelectorDatasetInfo:darts"
    for cell, codes in zip(CELLS, from_graphs(graphs)[row], strict=True):
        for node, code in enumerate(codes):
            for source, operation in zip(INPUTS[code], OPS[code], strict=True):
                configuration[f"{prefix}:edge_{cell}_{FIRST_EDGE[node] + source}"] = OPERATIONS[operation]
            if node:
                configuration[f"{prefix}:inputs_node_{cell}_{node + 2}"] = "_".join(map(str, INPUTS[code]))
    return {
        "optimized_hyperparamater_config": configuration,
        "budget": 100,
        "info": [{"val_accuracy": 93.5, "model_parameters": 1_234_567}],
        "test_accuracy": 92.25,
        "runtime": 5000,
        **change,
    }


# NAS-Bench-NLP: ZIP files of JSON, and NASLib's pickle.

NBNLP_RECIPE = (
    '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, '
    '"h_new_0": {"op": "activation_sigm", "input": ["node_0"]}}'
)
NBNLP_COMPACT = (((0, 4), (1, 4), (4, 5)), (0, 0, 0, 0, 6, 1), (5,))
"""The same cell."""


def nbnlp_log(**change: Any) -> dict[str, Any]:
    """The log of one training."""
    losses = {f"{part}_losses": [9.0 - k, 8.0 - k, 8.5 - k] for k, part in enumerate(("train", "val", "test"))}
    return {
        "data": "data/penn",
        "recepie": NBNLP_RECIPE,
        "init_time": "1",
        "status": "OK",
        "num_params": 1_500_000,
        "wall_times": [1.0, 2.0, 4.0],
        **losses,
        **change,
    }


def nbnlp_archive(path: Path, *logs: object) -> Path:
    """``logs.zip``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README", "not a log")
        for number, log in enumerate(logs):
            archive.writestr(f"log_stats_model_{number}.json", log if isinstance(log, str) else json.dumps(log))
    return path


def nbnlp_naslib(path: Path) -> list[float]:
    """``nb_nlp.pickle`` of one cell; its losses."""
    curve = [9 - epoch / 10 for epoch in range(50)]
    results = {f"{part}_losses": curve for part in ("val", "train", "test")} | {"wall_times": [2.0] * 50}
    path.write_bytes(pickle.dumps({NBNLP_COMPACT: results}))
    return curve


# NAS-Bench-x11: joblib files.

X11_COMPONENTS = 3


def x11_fit(model: str, x: NDArray[np.float64], regressor: object, order: list[int] | None = None) -> list[Any]:
    """The list in ``surrogate_model.model``, fitted to curves of our own; the last is the kernel density for noise."""
    k = X11_COMPONENTS
    rng = np.random.default_rng(0)
    epochs = np.arange(1, EPOCHS[model] + 1)
    end = 80 + 5 * np.sin(x[:, :12].sum(axis=1)) + x[:, 3]
    y = end[:, None] * (1 - np.exp(-epochs / (5 + x[:, 4:5]))) + 0.1 * rng.normal(size=(len(x), len(epochs)))
    u, s, vh = np.linalg.svd(y, full_matrices=False)
    scaler = StandardScaler()
    labels = scaler.fit_transform(u[:, :k].copy())
    chain = RegressorChain(regressor, order=order).fit(x, labels)
    if len(x) <= len(epochs):  # too few for a density
        return [chain, scaler, s, vh, k]
    residuals = u[:, :k] @ np.diag(s[:k]) @ vh[:k] - y
    return [chain, scaler, s, vh, k, gaussian_kde(residuals.T + 1e-3 * rng.normal(size=residuals.T.shape))]


def x11_folder(path: Path, content: object, kind: str = "svd_lgb", **options: Any) -> Path:
    """A folder of one model."""
    joblib.dump(content, _member(path / "ensemble_member_0", {"model": kind}), **options)
    return path
