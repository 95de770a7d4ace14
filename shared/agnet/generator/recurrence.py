"""The recurrence inside AG-Net's decoder, forward and backward, with as few operations as it can be written with.

A training batch is small (AG-Net: 16 cells), so a step takes as long as its operations are many. Three things keep them
few. The states of nodes end with a constant 1, so that one multiplication with a matrix made of the edges gives a layer
all that it reads, biases included. Both directions are one stack. And the gradient is written down by hand: that of a
weight is formed once, from all steps, where automatic differentiation would do it at every step.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

from agnet.generator.arrays import Array, Backend

THRESHOLD = 0.5
"""Score (logit) above which an edge carries messages while its cell is being built, as in the published code."""
CERTAIN = 20.0
"""Score of what needs no decision: the input's type, the edge from the input to the first node."""

Forced = tuple[tuple[float, ...], ...]
"""For node 1, 2, ...: fixed scores of its incoming edges."""


class Shape(NamedTuple):
    """Sizes of a decoder."""

    nodes: int
    """Nodes of a cell, padding included."""
    types: int
    """Node types; 0 is the output, 1 the input."""
    width: int = 32
    """Length of the latent, of node states and of graph states; even."""
    layers: int = 2
    """Message passing layers in each direction."""
    forced: Forced = ((CERTAIN,),)
    """Message passing begins behind nodes whose edges are fixed. AG-Net fixes the edge from the input to node 1, and
    with two inputs (NAS-Bench-301) the edges of two nodes."""

    @property
    def edges(self) -> int:
        """Possible edges."""
        return self.nodes * (self.nodes - 1) // 2

    def spans(self, b: int) -> list[slice]:
        """For node 1, 2, ...: rows of the old nodes that it is made from, all in a row for ``b`` cells.

        Behind forced edges these are all old nodes, before them only the last one.
        """
        counts = [1 if n <= len(self.forced) else n for n in range(1, self.nodes)]
        ends = [b * end for end in accumulate(counts)]
        return [slice(end - b * count, end) for count, end in zip(counts, ends, strict=True)]


class Weights(NamedTuple):
    """Matrices [inputs, outputs] and biases, in the order of their use."""

    gates: Array
    """[layers, 2, 3 (width / 2 + 1), 2 width]: a GRU cell's reset, keep, new from messages, new from state."""
    of_state: Array
    of_state_bias: Array
    of_graph: Array
    of_origin: Array
    type_score: Array
    type_score_bias: Array
    embed_hidden: Array
    embed_hidden_bias: Array
    embed: Array
    embed_bias: Array
    of_embedding: Array
    node_state: Array
    node_state_bias: Array
    of_new: Array
    edge_score: Array
    edge_score_bias: Array


class _Layer(NamedTuple):
    """What a message passing layer leaves for its gradient, with n nodes."""

    own: Array
    """[2, b n, width / 2] states that it read."""
    read: Array
    """[2, b n, 3 (width / 2 + 1)] sums over edges, own state as often as there are edges, own state."""
    reset_keep: Array
    """[2, b n, width]"""
    new_of_state: Array
    """[2, b n, width / 2]"""
    new: Array
    """[2, b n, width / 2]"""


class Tape:
    """What the steps leave for the gradient: rows of old nodes (:meth:`Shape.spans`), or one row a step and cell."""

    def __init__(self, xp: Backend, shape: Shape, b: int) -> None:
        steps, width, rows = shape.nodes - 1, shape.width, shape.spans(b)[-1].stop
        self.links: list[Array] = []
        self.layers: list[list[_Layer]] = []
        self.state = xp.empty(rows, width)
        self.read = xp.empty(rows, 4 * width + 2)
        self.pair = xp.full(0, rows, 2 * width)
        self.sums = xp.empty(steps, b, 2, width)
        self.typed = xp.empty(steps, b, width)
        self.scores = xp.empty(steps, b, shape.types)
        self.embed_hidden = xp.empty(steps, b, width)
        self.embedded = xp.empty(steps, b, width)
        self.hidden = xp.empty(steps, b, 2 * width)
        self.new = xp.empty(steps, b, width)


class _Links:
    """The edges kept so far, as what a layer multiplies the states of a cell's nodes with, in both directions.

    Row 3i of a matrix sums over the nodes with an edge to node i, row 3i + 1 takes node i as often as there are such
    edges, row 3i + 2 takes it once.
    """

    def __init__(self, xp: Backend, b: int, nodes: int) -> None:
        self._matrices = xp.full(0, 2, b, nodes, 3, nodes)
        diagonals = self._matrices.reshape(2, b, -1)
        self._along, self._against = self._matrices
        self._against_degree = diagonals[1, :, nodes :: 3 * nodes + 1]
        diagonals[:, :, 2 * nodes :: 3 * nodes + 1] = 1

    def add(self, n: int, edges: Array) -> None:
        """``edges`` [b, n] into node ``n``."""
        self._along[:, n, 0, :n] = edges
        self._along[:, n, 1, n] = edges.sum(1)
        self._against[:, :n, 0, n] = edges
        self._against_degree[:, :n] += edges

    def matrices(self, xp: Backend, n: int) -> Array:
        """[2 b, 3 n, n] of the first ``n`` nodes, a copy."""
        _, b, _, _, _ = self._matrices.shape
        matrices = xp.empty(2, b, n, 3, n)
        matrices[...] = self._matrices[:, :, :n, :, :n]
        return matrices.reshape(2 * b, 3 * n, n)


def forward(  # noqa: PLR0915 - one recurrence, told in order
    xp: Backend, shape: Shape, first: Array, node: Array, type_edge: Array, w: Weights, tape: Tape | None = None
) -> tuple[Array, Array]:
    """All nodes behind the first.

    Args:
        xp: backend of the arrays.
        shape: sizes.
        first: [b, width] state of node 0.
        node: [b, 2 width] what a new node's state has from the latent.
        type_edge: [b, 3 width] what node types and edge scores have from the latent.
        w: the decoder's weights.
        tape: filled for :func:`backward`.

    Returns:
        scores of types [nodes, b, types] and of edges [b, nodes (nodes - 1) / 2].
    """
    b, nodes, width, half = len(first), shape.nodes, shape.width, shape.width // 2
    type_scores = xp.full(0, nodes, b, shape.types)
    type_scores[0, :, 1] = CERTAIN
    edge_scores = xp.empty(b, shape.edges)
    links = _Links(xp, b, nodes)
    states = xp.full(1, 2, b, 1, half + 1)
    _halves(states[:, :, 0])[...] = first.reshape(b, 2, half)
    column = 0
    for n, span in enumerate(shape.spans(b), start=1):
        step, forced = n - 1, n <= len(shape.forced)
        edges, column = edge_scores[:, column : column + n], column + n
        grown = xp.full(1, 2, b, n + 1, half + 1)
        state = tape.state[span] if tape else xp.empty(span.stop - span.start, width)
        if forced:
            grown[:, :, :n] = states
            state.reshape(b, 2, half)[...] = _halves(states[:, :, -1])
        else:
            _pass_messages(xp, states, links.matrices(xp, n), w.gates, grown[:, :, :n, :half], tape)
            state.reshape(b, n, 2, half)[...] = grown[:, :, :n, :half].swapaxes(0, 1).swapaxes(1, 2)
        read = xp.matmul(state, w.of_state, out=tape and tape.read[span])
        read += w.of_state_bias
        values = read[:, : 2 * width].reshape(b, -1, 2, width)
        if not forced:
            values = values * xp.sigmoid_(read[:, 2 * width : 2 * width + 2]).reshape(b, n, 2, 1)
        sums = values.sum(1)

        of_graph = sums[:, 0] @ w.of_graph
        of_graph += type_edge
        typed = xp.relu_(of_graph[:, :width])
        scores = xp.matmul(typed, w.type_score, out=type_scores[n])
        scores += w.type_score_bias
        embed_hidden = scores @ w.embed_hidden
        embed_hidden += w.embed_hidden_bias
        xp.relu_(embed_hidden)
        embedded = embed_hidden @ w.embed
        embedded += w.embed_bias
        hidden = sums[:, 1] @ w.of_origin
        hidden += node
        hidden += embedded @ w.of_embedding
        xp.relu_(hidden)
        new = hidden @ w.node_state
        new += w.node_state_bias
        _halves(grown[:, :, n])[...] = new.reshape(b, 2, half)

        if forced:
            for source, score in enumerate(shape.forced[step]):
                edges[:, source] = score
        else:
            of_new = new @ w.of_new
            of_new += of_graph[:, width:]
            pair = tape.pair[span].reshape(b, n, 2 * width) if tape else xp.empty(b, n, 2 * width)
            pair[...] = read[:, 2 * width + 2 :].reshape(b, n, 2 * width)
            pair += of_new[:, None]
            xp.relu_(pair)
            edges[...] = (pair.reshape(b * n, 2 * width) @ w.edge_score).reshape(b, n)
            edges += w.edge_score_bias
        links.add(n, edges > THRESHOLD)
        states = grown
        if tape:
            tape.sums[step], tape.typed[step], tape.scores[step] = sums, typed, scores
            tape.embed_hidden[step], tape.embedded[step] = embed_hidden, embedded
            tape.hidden[step], tape.new[step] = hidden, new
    return type_scores, edge_scores


def _halves(states: Array) -> Array:
    """States [2, b, width / 2 + 1] of one node for each cell, as a view [b, 2, width / 2]."""
    return states[..., :-1].swapaxes(0, 1)


def _pass_messages(xp: Backend, states: Array, links: Array, weights: Array, out: Array, tape: Tape | None) -> None:
    """States [2, b, n, width / 2] after all layers, to ``out``."""
    _, b, n, read = states.shape
    half = read - 1
    layers = []
    for layer in range(len(weights)):
        own = states.reshape(2, b * n, read)[..., :half]
        x = (links @ states.reshape(2 * b, n, read)).reshape(2, b * n, 3 * read)
        gates = x @ weights[layer]
        reset_keep = xp.empty(2, b * n, 2 * half)
        reset_keep[...] = gates[..., : 2 * half]
        xp.sigmoid_(reset_keep)
        new_of_state = gates[..., 3 * half :]
        new = reset_keep[..., :half] * new_of_state
        new += gates[..., 2 * half : 3 * half]
        xp.tanh_(new)
        layers.append(_Layer(own, x, reset_keep, new_of_state, new))
        after = own - new
        after *= reset_keep[..., half:]
        after += new
        if layer == len(weights) - 1:
            out[...] = after.reshape(2, b, n, half)
        else:
            states = xp.full(1, 2, b, n, read)
            states[..., :half] = after.reshape(2, b, n, half)
    if tape:
        tape.links.append(links)
        tape.layers.append(layers)


def backward(  # noqa: PLR0915 - the mirror image of forward
    xp: Backend, shape: Shape, tape: Tape, w: Weights, d_types: Array, d_edges: Array
) -> tuple[Array, Array, Array, Weights]:
    """Gradients (``d_``) of ``first``, ``node``, ``type_edge`` and the weights from those of the scores.

    Args:
        xp: backend of the arrays.
        shape: sizes.
        tape: filled by :func:`forward`.
        w: the decoder's weights.
        d_types: [nodes, b, types]
        d_edges: [b, nodes (nodes - 1) / 2]
    """
    b, nodes, width, half = len(d_edges), shape.nodes, shape.width, shape.width // 2
    steps, spans = nodes - 1, shape.spans(b)
    d_edge = xp.full(0, spans[-1].stop, 1)
    column = 0
    for n, span in enumerate(spans, start=1):
        if n > len(shape.forced):
            d_edge[span].reshape(b, n)[...] = d_edges[:, column : column + n]
        column += n
    d_read = xp.empty(spans[-1].stop, 4 * width + 2)
    d_pair = d_read[:, 2 * width + 2 :]
    d_pair[...] = tape.pair > 0
    d_pair *= w.edge_score[:, 0]
    d_pair *= d_edge

    d_graph, d_scores = xp.empty(steps, b, 3 * width), xp.empty(steps, b, shape.types)
    d_embed_hidden, d_embedded = xp.empty(steps, b, width), xp.empty(steps, b, width)
    d_hidden, d_new = xp.empty(steps, b, 2 * width), xp.empty(steps, b, width)
    d_gates = xp.full(0, *w.gates.shape)
    d_states = xp.full(0, 2, b, nodes, half + 1)
    for n in reversed(range(1, nodes)):
        step, span = n - 1, spans[n - 1]
        d_new[step].reshape(b, 2, half)[...] = _halves(d_states[:, :, n])
        d_states = d_states[:, :, :n]
        d_graph[step, :, width:] = d_pair[span].reshape(b, -1, 2 * width).sum(1)
        d_new[step] += d_graph[step, :, width:] @ w.of_new.T
        xp.matmul(d_new[step], w.node_state.T, out=d_hidden[step])
        d_hidden[step] *= tape.hidden[step] > 0
        xp.matmul(d_hidden[step], w.of_embedding.T, out=d_embedded[step])
        xp.matmul(d_embedded[step], w.embed.T, out=d_embed_hidden[step])
        d_embed_hidden[step] *= tape.embed_hidden[step] > 0
        xp.matmul(d_embed_hidden[step], w.embed_hidden.T, out=d_scores[step])
        d_scores[step] += d_types[n]
        d_graph[step, :, :width] = d_scores[step] @ w.type_score.T
        d_graph[step, :, :width] *= tape.typed[step] > 0

        d_sums = xp.empty(b, 2, width)
        d_sums[:, 0] = d_graph[step] @ w.of_graph.T
        d_sums[:, 1] = d_hidden[step] @ w.of_origin.T
        d_values, d_gate = d_read[span, : 2 * width], d_read[span, 2 * width : 2 * width + 2]
        if n <= len(shape.forced):
            d_values[...] = d_sums.reshape(b, 2 * width)
            d_gate[...] = 0
            last = xp.full(0, *d_states.shape)
            last[...] = d_states
            d_states = last
            _halves(d_states[:, :, -1])[...] += (d_read[span] @ w.of_state.T).reshape(b, 2, half)
        else:
            values = tape.read[span, : 2 * width].reshape(b, n, 2, width)
            gates = tape.read[span, 2 * width : 2 * width + 2]
            d_values.reshape(b, n, 2, width)[...] = gates.reshape(b, n, 2, 1) * d_sums[:, None]
            d_gate[...] = (values * d_sums[:, None]).sum(3).reshape(b * n, 2)
            d_gate *= gates * (1 - gates)
            d_state = (d_read[span] @ w.of_state.T).reshape(b, n, 2, half)
            d_out = d_states[..., :half] + d_state.swapaxes(1, 2).swapaxes(0, 1)
            passed = step - len(shape.forced)
            d_states = _pass_back(xp, tape.layers[passed], tape.links[passed], w.gates, d_out, d_gates)

    d_weights = Weights(
        d_gates,
        *_linear_backward(d_read, tape.state),
        _linear_backward(d_graph, tape.sums[:, :, 0])[0],
        _linear_backward(d_hidden, tape.sums[:, :, 1])[0],
        *_linear_backward(d_scores, tape.typed),
        *_linear_backward(d_embed_hidden, tape.scores),
        *_linear_backward(d_embedded, tape.embed_hidden),
        _linear_backward(d_hidden, tape.embedded)[0],
        *_linear_backward(d_new, tape.hidden),
        _linear_backward(d_graph[..., width:], tape.new)[0],
        *_linear_backward(d_edge, tape.pair),
    )
    return _halves(d_states[:, :, 0]).reshape(b, width), d_hidden.sum(0), d_graph.sum(0), d_weights


def _pass_back(
    xp: Backend, layers: list[_Layer], links: Array, weights: Array, d_out: Array, d_weights: Array
) -> Array:
    """Gradient [2, b, n, width / 2 + 1] of the states from that of :func:`_pass_messages`; adds to ``d_weights``.

    The last column stands for the constant and means nothing.
    """
    _, b, n, half = d_out.shape
    back = links.swapaxes(1, 2)
    for layer in reversed(range(len(weights))):
        own, read, reset_keep, new_of_state, new = layers[layer]
        reset, keep = reset_keep[..., :half], reset_keep[..., half:]
        d_out = d_out.reshape(2, b * n, half)
        d_own = d_out * keep
        d_gates = xp.empty(2, b * n, 4 * half)
        d_new = new * new
        d_new -= 1
        d_new *= d_own - d_out
        d_gates[..., 2 * half : 3 * half] = d_new
        d_gates[..., 3 * half :] = d_new * reset
        d_reset_keep = d_gates[..., : 2 * half]
        d_reset_keep[..., :half] = d_new * new_of_state
        d_reset_keep[..., half:] = d_out * (own - new)
        d_reset_keep *= reset_keep * (1 - reset_keep)
        d_weights[layer] += read.swapaxes(1, 2) @ d_gates
        d_read = d_gates @ weights[layer].swapaxes(1, 2)
        d_states = (back @ d_read.reshape(2 * b, 3 * n, half + 1)).reshape(2, b, n, half + 1)
        d_states[..., :half] += d_own.reshape(2, b, n, half)
        d_out = d_states[..., :half]
    return d_states


def _linear_backward(d_out: Array, read: Array) -> tuple[Array, Array]:
    """Gradients of matrix [inputs, outputs] and bias of a linear layer, from all steps and cells at once."""
    d_out = d_out.reshape(-1, d_out.shape[-1])
    return read.reshape(-1, read.shape[-1]).T @ d_out, d_out.sum(0)
