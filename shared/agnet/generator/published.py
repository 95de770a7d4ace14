"""AG-Net's published checkpoints, PyTorch files of its repository's ``state_dicts``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import tensors
from agnet.errors import InputError
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.network import Config
from agnet.generator.recurrence import CERTAIN, Forced, Shape

_SPACES = {(7, 5): ("nb101", 1), (8, 7): ("nb201", 1), (11, 11): ("nb301", 2), (26, 9): ("nbnlp", 1)}
"""Nodes and node types to the space and its cells. The generator for NAS-Bench-301 is for one cell: both get it."""
_TWO_INPUTS: Forced = ((-1.0,), (1.0, -1.0))
_PREFIX = "Decoder.generator."

_LINEAR = {
    "graph_value": "prop.GraphEmb.f_m",
    "graph_gate": "prop.GraphEmb.g_m",
    "origin_value": "prop.GraphEmb_init.f_m",
    "origin_gate": "prop.GraphEmb_init.g_m",
    "type_hidden": "nodeAdd.f_an",
    "type_score": "nodeAdd.f_an_2",
    "embed_hidden": "nodeInit.NodeInits.lin_layers.Linear0",
    "embed": "nodeInit.NodeInits.lin_layers.Linear1",
    "node_hidden": "nodeInit.f_init",
    "node_state": "nodeInit.f_init_2",
    "start_hidden": "nodeInit.f_start",
    "start_state": "nodeInit.f_start_2",
    "edge_hidden": "nodes.f_s_1",
    "edge_score": "nodes.f_s_2",
}


def import_published(path: str) -> Checkpoint:
    """The generator in a file such as ``state_dicts/NASBench201/best.model``, without a predictor.

    Only tensors and plain values are read from the file; nothing in it is run.

    Raises:
        InputError: if it is no such file.
    """
    content = _load(path)
    try:
        sizes, data = content["pars"]["model_config"], content["pars"]["data_config"]
        nodes, types = data["max_num_nodes"], data["num_node_atts"]
        width, layers = sizes["node_embedding_dim"], sizes["gnn_iteration_layers"]
        if width != sizes["graph_embedding_dim"]:
            raise InputError(f"{path}: states of nodes and graphs differ in length; those of the published ones do not")
        if (nodes, types) not in _SPACES:
            raise InputError(f"{path}: no space has {nodes} nodes of {types} types")
        space, cells = _SPACES[nodes, types]
        forced = _TWO_INPUTS if content["pars"].get("nb301") else ((CERTAIN,),)
        state = {
            name.removeprefix(_PREFIX): value
            for name, value in tensors.arrays(content["state"]).items()
            if name.startswith(_PREFIX)
        }
        config = Config(cells, Shape(nodes, types, width, layers, forced))
        decoder = decoder_parameters(state, layers)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise InputError(f"{path}: is not one of AG-Net's published generators: {error!r} is not as expected") from None
    parameters = {f"decoder.{cell}.{name}": value for cell in range(cells) for name, value in decoder.items()}
    if {name: value.shape for name, value in parameters.items()} != config.parameter_shapes():
        raise InputError(f"{path}: is not one of AG-Net's published generators: its parameters have other shapes")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return Checkpoint(space, config, parameters, {"imported": data.get("data_name", ""), "sha256": digest})


def _load(path: str) -> dict[str, Any]:
    content = tensors.load(Path(path))
    try:
        generator: dict[str, Any] = content["nets"]["G"]
    except (KeyError, TypeError):
        raise InputError(f"{path}: is not one of AG-Net's published generators: no nets in it, or no G") from None
    return generator


def decoder_parameters(state: Mapping[str, NDArray[np.float32]], layers: int) -> dict[str, NDArray[np.float32]]:
    """Parameters of our decoder (:func:`~agnet.generator.decoder.parameter_shapes`) from those of the published one.

    Args:
        state: arrays under their published names, without the prefix ``Decoder.generator.``.
        layers: message passing layers in each direction.
    """
    linear = {name: (state[f"{theirs}.weight"].T, state[f"{theirs}.bias"]) for name, theirs in _LINEAR.items()}
    start, start_bias = linear["start_hidden"]
    type_, type_bias = linear["type_hidden"]
    node, node_bias = linear["node_hidden"]
    edge, edge_bias = linear["edge_hidden"]
    start_input, start_latent = np.split(start, 2)
    type_graph, type_latent = np.split(type_, 2)
    node_embedding, node_origin, node_latent = np.split(node, 3)
    edge_old, edge_new, edge_graph, edge_latent = np.split(edge, 4)
    readers = [linear[name] for name in ("graph_value", "origin_value", "graph_gate", "origin_gate")]
    ours = {
        "of_latent": np.concatenate([start_latent, node_latent, type_latent, edge_latent], axis=1),
        "of_latent_bias": np.concatenate([start_bias, node_bias, type_bias]),
        "of_input": start_input,
        "of_state": np.concatenate([*(weight for weight, _ in readers), edge_old], axis=1),
        "of_state_bias": np.concatenate([*(bias for _, bias in readers), edge_bias]),
        "of_graph": np.concatenate([type_graph, edge_graph], axis=1),
        "of_origin": node_origin,
        "of_embedding": node_embedding,
        "of_new": edge_new,
    }
    for name in ("start_state", "type_score", "embed_hidden", "embed", "node_state", "edge_score"):
        ours[name], ours[f"{name}_bias"] = linear[name]

    def stacked(name: str) -> NDArray[np.float32]:
        """[layers, 2, ...]."""
        ways = ("forward", "backward")
        return np.stack(
            [[state[f"prop.NodeEmb.GNNLayers_{way}.{layer}.{name}"].T for way in ways] for layer in range(layers)]
        )

    width = len(type_bias)
    sender, receiver = np.split(stacked("msg.weight"), 2, axis=2)
    input_bias, state_bias = stacked("upd.bias_ih"), stacked("upd.bias_hh")
    both = input_bias[..., :width] + state_bias[..., :width]
    ours["message"] = np.concatenate([sender, stacked("msg.bias")[:, :, None], receiver], axis=2)
    ours["update_message"], ours["update_state"] = stacked("upd.weight_ih"), stacked("upd.weight_hh")
    ours["update_bias"] = np.concatenate([both, input_bias[..., width:], state_bias[..., width:]], axis=2)
    return {name: np.ascontiguousarray(value) for name, value in ours.items()}
