"""AG-Net's decoder: one latent vector to the scores of one cell's nodes and edges.

Lukasik, Jung, Keuper: "Learning Where To Look - Generative NAS is Surprisingly Efficient", ECCV 2022, section 3.1. The
published code walks over the edges of one graph at a time; here a batch of cells is a stack of dense matrices
(:mod:`agnet.generator.recurrence`).

A linear layer on several values side by side is a sum of linear layers. So parameters are kept by what they read, and
one multiplication serves all that reads it; comments give the parts of its output in widths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agnet.generator.arrays import Array, Backend
from agnet.generator.recurrence import Ended, Shape, Tape, Weights, backward, forward

Parameters = Mapping[str, Array]


def parameter_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Name and shape of each parameter; matrices are [inputs, outputs]."""
    w, half, types, layers = shape.width, shape.width // 2, shape.types, shape.layers
    return {
        "of_latent": (w, 7 * w),  # start 2, node 2, type 1, edge 2
        "of_latent_bias": (5 * w,),  # start 2, node 2, type 1
        "of_input": (w, 2 * w),  # start 2
        "start_state": (2 * w, w),
        "start_state_bias": (w,),
        # Messages and GRU cells of each layer, along the edges and against them. A message reads the sender's half of
        # the state (rows: first half, bias) and the receiver's; the cell's outputs are reset, keep, new.
        "message": (layers, 2, w + 1, w),
        "update_message": (layers, 2, w, 3 * half),
        "update_state": (layers, 2, half, 3 * half),
        "update_bias": (layers, 2, 4 * half),  # reset, keep, new of message, new of state
        "of_state": (w, 4 * w + 2),  # value of the graph state 1, of the origin state 1, a gate for each, edge 2
        "of_state_bias": (4 * w + 2,),
        "of_graph": (w, 3 * w),  # type 1, edge 2
        "of_origin": (w, 2 * w),  # node 2
        "type_score": (w, types),
        "type_score_bias": (types,),
        "embed_hidden": (types, w),
        "embed_hidden_bias": (w,),
        "embed": (w, w),
        "embed_bias": (w,),
        "of_embedding": (w, 2 * w),  # node 2
        "node_state": (2 * w, w),
        "node_state_bias": (w,),
        "of_new": (w, 2 * w),  # edge 2
        "edge_score": (2 * w, 1),
        "edge_score_bias": (1,),
    }


def matrices(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The same parameters, where a matrix and the bias that follows it are one matrix, whose last row is the bias."""
    joined: dict[str, tuple[int, ...]] = {}
    for name, size in shapes.items():
        matrix = name.removesuffix("_bias")
        if matrix in joined and joined[matrix][1:] == size:
            joined[matrix] = (joined[matrix][0] + 1, *size)
        else:
            joined[name] = size
    return joined


def initial_parameters(shape: Shape, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Uniform within ± 1 / sqrt(inputs), counting all that an output reads: PyTorch's rule, as published."""
    w, half, types = shape.width, shape.width // 2, shape.types
    node, edge, state = np.full(2 * w, 3 * w), np.full(2 * w, 4 * w), np.full(2 * w + 2, w)
    two = np.full(2 * w, 2 * w)
    inputs: dict[str, int | NDArray[np.int64]] = {
        "of_latent": np.concatenate([two, node, two[:w], edge]),
        "of_latent_bias": np.concatenate([two, node, two[:w]]),
        "of_input": 2 * w,
        "start_state": 2 * w,
        "message": w,
        "update_message": half,
        "update_state": half,
        "update_bias": half,
        "of_state": np.concatenate([state, edge]),
        "of_graph": np.concatenate([two[:w], edge]),
        "of_origin": 3 * w,
        "type_score": w,
        "embed_hidden": types,
        "embed": w,
        "of_embedding": 3 * w,
        "node_state": 2 * w,
        "of_new": 4 * w,
        "edge_score": 2 * w,
    }
    parameters = {}
    for name, size in parameter_shapes(shape).items():
        reads = inputs[name] if name in inputs else inputs[name.removesuffix("_bias")]
        parameters[name] = (rng.uniform(-1, 1, size) / np.sqrt(reads)).astype(np.float32)
    return parameters


class Record(NamedTuple):
    """What :func:`decode` leaves for :func:`decode_backward`."""

    z: Array
    weights: Weights
    input_hidden: Ended
    input: Array
    start: Ended


def decode(xp: Backend, shape: Shape, p: Parameters, z: Array, tape: Tape) -> tuple[Array, Array, Record]:
    """Scores (logits) of the cells that ``z`` [b, width] stands for.

    Args:
        xp: backend of the arrays.
        shape: sizes.
        p: parameters as :func:`matrices` joins them.
        z: latents.
        tape: for b cells.

    Returns:
        [b, nodes, types], until the tape is used again, and [b, nodes (nodes - 1) / 2]: the edges by target node 1, 2,
        ..., each with its possible sources in order; and what :func:`decode_backward` needs.
    """
    w = shape.width
    read = z @ p["of_latent"]
    read[:, : 5 * w] += p["of_latent_bias"]
    # The embedding of the input's one-hot vector is the same for every cell.
    input_hidden, start = Ended.make(xp, 1, w), Ended.make(xp, len(z), 2 * w)
    xp.relu_(xp.add(p["embed_hidden"][1:2], p["embed_hidden"][-1:], out=input_hidden.values))
    input_ = input_hidden.whole @ p["embed"]
    xp.relu_(xp.add(read[:, : 2 * w], input_ @ p["of_input"], out=start.values))
    weights = _weights(xp, shape, p)
    first = start.whole @ p["start_state"]
    types, edges = forward(xp, shape, first, read[:, 2 * w : 4 * w], read[:, 4 * w :], weights, tape)
    return types.swapaxes(0, 1), edges, Record(z, weights, input_hidden, input_, start)


def decode_backward(
    xp: Backend, shape: Shape, p: Parameters, record: Record, tape: Tape, d_types: Array, d_edges: Array, d: Parameters
) -> None:
    """Write the gradients of all parameters to ``d``, from those of the scores that :func:`decode` returned."""
    w = shape.width
    d_weights = Weights(*(xp.full(0, *matrix.shape) for matrix in record.weights))
    d_first, d_node, d_type_edge = backward(xp, shape, tape, record.weights, d_types.swapaxes(0, 1), d_edges, d_weights)
    _weights_backward(xp, shape, p, d_weights, d)

    xp.matmul(record.start.whole.swapaxes(0, 1), d_first, out=d["start_state"])
    d_start = d_first @ p["start_state"][:-1].swapaxes(0, 1)
    d_start *= record.start.values > 0
    of_input = d_start.sum(0)[None]
    xp.matmul(record.input.swapaxes(0, 1), of_input, out=d["of_input"])
    d_input = of_input @ p["of_input"].swapaxes(0, 1)
    d["embed"][...] += record.input_hidden.whole.swapaxes(0, 1) @ d_input
    d_input_hidden = d_input @ p["embed"][:-1].swapaxes(0, 1)
    d_input_hidden *= record.input_hidden.values > 0
    d["embed_hidden"][1] += d_input_hidden[0]
    d["embed_hidden"][-1] += d_input_hidden[0]
    d_read = xp.concat([d_start, d_node, d_type_edge], 1)
    xp.matmul(record.z.swapaxes(0, 1), d_read, out=d["of_latent"])
    d["of_latent_bias"][...] = d_read[:, : 5 * w].sum(0)


def _weights(xp: Backend, shape: Shape, p: Parameters) -> Weights:
    """The recurrence's matrices; of two with nothing in between, the product."""
    w, half, types = shape.width, shape.width // 2, shape.types
    gates = xp.full(0, shape.layers, 2, 3 * half + 2, 4 * half)
    xp.matmul(p["message"], p["update_message"], out=gates[:, :, : w + 1, : 3 * half])
    gates[:, :, w + 1 : -1, : 2 * half] = p["update_state"][..., : 2 * half]
    gates[:, :, w + 1 : -1, 3 * half :] = p["update_state"][..., 2 * half :]
    gates[:, :, -1] = p["update_bias"]
    of_typed = xp.empty(w + 1, types + w)
    of_typed[:, :types] = p["type_score"]
    xp.matmul(p["type_score"], p["embed_hidden"][:-1], out=of_typed[:, types:])
    of_typed[-1, types:] += p["embed_hidden"][-1]
    of_hidden = xp.concat([p["node_state"] @ p["of_new"], p["node_state"]], 1)
    of_embed_hidden = p["embed"] @ p["of_embedding"]
    return Weights(
        gates,
        p["of_state"],
        p["of_graph"],
        p["of_origin"],
        of_typed,
        of_embed_hidden,
        of_hidden,
        p["edge_score"],
    )


def _weights_backward(xp: Backend, shape: Shape, p: Parameters, d_weights: Weights, d: Parameters) -> None:
    w, half, types = shape.width, shape.width // 2, shape.types
    for name in ("of_state", "of_graph", "of_origin", "edge_score"):
        d[name][...] = getattr(d_weights, name)
    d_gates = d_weights.gates
    of_message = d_gates[:, :, : w + 1, : 3 * half]
    xp.matmul(of_message, p["update_message"].swapaxes(2, 3), out=d["message"])
    xp.matmul(p["message"].swapaxes(2, 3), of_message, out=d["update_message"])
    d["update_state"][..., : 2 * half] = d_gates[:, :, w + 1 : -1, : 2 * half]
    d["update_state"][..., 2 * half :] = d_gates[:, :, w + 1 : -1, 3 * half :]
    d["update_bias"][...] = d_gates[:, :, -1]
    of_scores, of_hidden = d_weights.of_typed[:, :types], d_weights.of_typed[:, types:]
    xp.matmul(p["type_score"].swapaxes(0, 1), of_hidden, out=d["embed_hidden"][:-1])
    d["embed_hidden"][-1] = of_hidden[-1]
    xp.matmul(of_hidden, p["embed_hidden"][:-1].swapaxes(0, 1), out=d["type_score"])
    d["type_score"][...] += of_scores
    xp.matmul(d_weights.of_embed_hidden, p["of_embedding"].swapaxes(0, 1), out=d["embed"])
    xp.matmul(p["embed"].swapaxes(0, 1), d_weights.of_embed_hidden, out=d["of_embedding"])
    of_new, of_state = d_weights.of_hidden[:, : 2 * w], d_weights.of_hidden[:, 2 * w :]
    xp.matmul(p["node_state"].swapaxes(0, 1), of_new, out=d["of_new"])
    xp.matmul(of_new, p["of_new"].swapaxes(0, 1), out=d["node_state"])
    d["node_state"][...] += of_state
