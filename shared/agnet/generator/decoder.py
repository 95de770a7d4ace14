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
from agnet.generator.recurrence import Shape, Tape, Weights, backward, forward

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
    tape: Tape
    input_hidden: Array
    input: Array
    start: Array


def decode(
    xp: Backend, shape: Shape, p: Parameters, z: Array, *, record: bool = False
) -> tuple[Array, Array, Record | None]:
    """Scores (logits) of the cells that ``z`` [b, width] stands for.

    Returns:
        [b, nodes, types] and [b, nodes (nodes - 1) / 2]: the edges by target node 1, 2, ..., each with its possible
        sources in order; and what :func:`decode_backward` needs if ``record`` is set.
    """
    w = shape.width
    read = z @ p["of_latent"]
    read[:, : 5 * w] += p["of_latent_bias"]
    # The embedding of the input's one-hot vector is the same for every cell.
    input_hidden = xp.relu_(p["embed_hidden"][1:2] + p["embed_hidden_bias"])
    input_ = input_hidden @ p["embed"] + p["embed_bias"]
    start = xp.relu_(read[:, : 2 * w] + input_ @ p["of_input"])
    first = start @ p["start_state"] + p["start_state_bias"]
    weights = _weights(xp, shape, p)
    tape = Tape(xp, shape, len(z)) if record else None
    types, edges = forward(xp, shape, first, read[:, 2 * w : 4 * w], read[:, 4 * w :], weights, tape)
    return types.swapaxes(0, 1), edges, None if tape is None else Record(z, weights, tape, input_hidden, input_, start)


def decode_backward(
    xp: Backend, shape: Shape, p: Parameters, record: Record, d_types: Array, d_edges: Array, d: Parameters
) -> None:
    """Write the gradients of all parameters to ``d``, from those of the scores that :func:`decode` returned."""
    w = shape.width
    d_first, d_node, d_type_edge, d_weights = backward(
        xp, shape, record.tape, record.weights, d_types.swapaxes(0, 1), d_edges
    )
    for name, value in zip(Weights._fields[1:], d_weights[1:], strict=True):
        d[name][...] = value
    _weights_backward(shape, p, d_weights.gates, d)

    d["start_state"][...] = record.start.T @ d_first
    d["start_state_bias"][...] = d_first.sum(0)
    d_start = d_first @ p["start_state"].T
    d_start *= record.start > 0
    of_input = d_start.sum(0)[None]
    d["of_input"][...] = record.input.T @ of_input
    d_input = of_input @ p["of_input"].T
    d["embed"][...] += record.input_hidden.T @ d_input
    d["embed_bias"][...] += d_input[0]
    d_input_hidden = (d_input @ p["embed"].T)[0]
    d_input_hidden *= record.input_hidden[0] > 0
    d["embed_hidden"][1] += d_input_hidden
    d["embed_hidden_bias"][...] += d_input_hidden
    d_read = xp.concat([d_start, d_node, d_type_edge], 1)
    d["of_latent"][...] = record.z.T @ d_read
    d["of_latent_bias"][...] = d_read[:, : 5 * w].sum(0)


def _weights(xp: Backend, shape: Shape, p: Parameters) -> Weights:
    # What a GRU cell reads of a message is linear in what the message reads: one matrix, the product of both.
    half = shape.width // 2
    gates = xp.full(0, shape.layers, 2, 3 * half + 3, 4 * half)
    gates[:, :, : 2 * half + 1, : 3 * half] = p["message"] @ p["update_message"]
    gates[:, :, 2 * half + 2 : -1, : 2 * half] = p["update_state"][..., : 2 * half]
    gates[:, :, 2 * half + 2 : -1, 3 * half :] = p["update_state"][..., 2 * half :]
    gates[:, :, -1] = p["update_bias"]
    return Weights(gates, *(p[name] for name in Weights._fields[1:]))


def _weights_backward(shape: Shape, p: Parameters, d_gates: Array, d: Parameters) -> None:
    half = shape.width // 2
    of_message = d_gates[:, :, : 2 * half + 1, : 3 * half]
    d["message"][...] = of_message @ p["update_message"].swapaxes(2, 3)
    d["update_message"][...] = p["message"].swapaxes(2, 3) @ of_message
    d["update_state"][..., : 2 * half] = d_gates[:, :, 2 * half + 2 : -1, : 2 * half]
    d["update_state"][..., 2 * half :] = d_gates[:, :, 2 * half + 2 : -1, 3 * half :]
    d["update_bias"][...] = d_gates[:, :, -1]
