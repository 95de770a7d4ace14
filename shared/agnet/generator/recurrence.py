"""The recurrence inside AG-Net's decoder, forward and backward, with as few operations as it can be written with.

A training batch is small (AG-Net: 16 cells), so a step takes as long as its operations are many. What keeps them few,
and each of them short:

- What a matrix multiplies ends with a constant 1, and the matrix with its bias. Two matrices with nothing in between
  are one (:class:`Weights`), and the two directions of messages are one stack.
- In message passing, features come before cells and nodes. So the gates of all nodes lie side by side, and an operation
  on one gate runs through memory without a gap. Elsewhere features come last; to multiply by a transpose costs nothing.
- Room for all that steps leave for the gradient, and every view of it, is made once (:class:`Tape`).
- The gradient is written down by hand: that of a weight is formed once, from all steps, where automatic differentiation
  would do it at every step.
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
    """Matrices [inputs, outputs] in the order of their use; what they give in widths. † marks those with a bias."""

    gates: Array
    """[layers, 2, 3 width / 2 + 2, 2 width] †: reset, keep, new from messages, new from state, a half each; of what
    :class:`_Layer` reads."""
    of_state: Array
    """†: values of the sums 2, a gate for each, edge 2."""
    of_graph: Array
    """Type 1, edge 2."""
    of_origin: Array
    """Node 2."""
    of_typed: Array
    """†: scores of types, their embedding's hidden layer 1."""
    of_embed_hidden: Array
    """†: node 2."""
    of_hidden: Array
    """†: edge 2, the new state 1."""
    edge_score: Array
    """†"""


class Ended(NamedTuple):
    """An array whose last axis ends with a constant 1."""

    whole: Array
    values: Array
    """All but the constant."""

    @classmethod
    def make(cls, xp: Backend, *shape: int) -> Ended:
        """Room for values of a shape."""
        whole = xp.full(1, *shape[:-1], shape[-1] + 1)
        return cls(whole, whole[..., :-1])

    def at(self, rows: int | slice) -> Ended:
        """Some rows of it."""
        return Ended(self.whole[rows], self.values[rows])


class _Layer:
    """What a message passing layer over n nodes reads, and what its GRU cells give: [2 directions, features, b n]."""

    def __init__(self, room: Array, half: int, b: int, n: int) -> None:
        # Senders' states summed over edges, number of edges, own state as often as there are edges, own state, 1.
        reads = 2 * (3 * half + 2) * b * n
        self.read = read = room[:reads].reshape(2, 3 * half + 2, b * n)
        self.degree, self.repeated = read[:, half : half + 1], read[:, half + 1 : 2 * half + 1]
        self.own = read[:, 2 * half + 1 : -1]
        self.ones = read[:, -1]
        by_node = read.reshape(2, 3 * half + 2, b, n)
        self.states = by_node[:, 2 * half + 1 : -1]
        """[2, half, b, n]"""
        by_cell = by_node.swapaxes(1, 2)
        self.senders, self.sums = by_cell[:, :, 2 * half + 1 :], by_cell[:, :, : half + 1]
        """[2, b, half + 1, n]"""
        self.all_senders, self.all_sums = (
            part.reshape(2, (half + 1) * b, n) for part in (read[:, 2 * half + 1 :], read[:, : half + 1])
        )
        """The same, for all cells at once."""
        self.gates = gates = room[reads : reads + 8 * half * b * n].reshape(2, 4 * half, b * n)
        self.reset_keep, self.reset, self.keep = gates[:, : 2 * half], gates[:, :half], gates[:, half : 2 * half]
        self.new, self.new_of_state = gates[:, 2 * half : 3 * half], gates[:, 3 * half :]


class _Step:
    """What it takes to add node n to m old nodes (see :meth:`Shape.spans`), as views of a tape's arrays."""

    def __init__(self, xp: Backend, tape: Tape, shape: Shape, n: int, span: slice, layers: list[_Layer]) -> None:
        b, width, m = tape.b, shape.width, (span.stop - span.start) // tape.b
        self.n, self.m, self.span, self.layers = n, m, span, layers
        self.forced = () if layers else shape.forced[n - 1]
        self.edges = slice(n * (n - 1) // 2, n * (n + 1) // 2)
        """Their columns among all edges."""
        self.links, self.alike = tape.links[:, :, :n, :n], False
        """The edges kept so far, and whether all cells are known to have the same."""
        self.into, self.out_of = tape.links[0, :, :n, n], tape.links[1, :, n, :n]
        """[b, n] where the edges into the new node go."""
        self.states = layers[0].states if layers else xp.empty(2, width // 2, b, n)
        """[2, width / 2, b, n] before messages."""
        self.passed = tape.state[:-1, span].reshape(2, width // 2, b * m)
        """... after them."""
        self.state, self.read = tape.state[:, span].swapaxes(0, 1), tape.read[span]
        by_cell = self.read.reshape(b, m, 4 * width + 2)
        self.values = by_cell[:, :, : 2 * width].reshape(b, m, 2, width).swapaxes(1, 2)
        self.gate_scores = by_cell[:, :, 2 * width : 2 * width + 2].swapaxes(1, 2)
        self.of_edges = by_cell[:, :, 2 * width + 2 :]
        self.gates = xp.full(1, b, 2, m)
        """How much of each value is summed."""
        self.pair = tape.pair.at(span)
        self.pairs = self.pair.values.reshape(b, m, 2 * width)
        at = n - 1 if tape.keep else 0
        self.sums, self.typed, self.hidden = tape.sums[at], tape.typed.at(at), tape.hidden.at(at)
        self.graph, self.origin = self.sums[:, 0], self.sums[:, 1]
        self.scored = tape.scored.at(n)
        self.embed_hidden = Ended(self.scored.whole[:, shape.types :], self.scored.values[:, shape.types :])


class Tape:
    """Room for the steps of b cells: rows of old nodes (:meth:`Shape.spans`), or one row a step and cell."""

    def __init__(self, xp: Backend, shape: Shape, b: int, *, keep: bool) -> None:
        """Room to be used again and again.

        Args:
            xp: backend of the arrays.
            shape: sizes.
            b: cells.
            keep: all that :func:`backward` needs; otherwise steps use the same room, which then fits the cache.
        """
        nodes, width, half = shape.nodes, shape.width, shape.width // 2
        spans = shape.spans(b)
        if not keep:
            spans = [slice(0, span.stop - span.start) for span in spans]
        rows, steps = max(span.stop for span in spans), nodes - 1 if keep else 1
        self.b, self.keep = b, keep
        self.links = xp.full(0, 2, b, nodes, nodes)
        """Edges along which messages go, and against: [2, b, sender, receiver]."""
        self.state = xp.full(1, width + 1, rows)
        """Ends with a constant 1."""
        self.read = xp.empty(rows, 4 * width + 2)
        self.pair = Ended.make(xp, rows, 2 * width)
        self.pair.values[...] = 0
        self.sums = xp.empty(steps, b, 2, width)
        self.typed, self.hidden = Ended.make(xp, steps, b, width), Ended.make(xp, steps, b, 2 * width)
        self.scored = Ended.make(xp, nodes, b, shape.types + width)
        self.scores = self.scored.values[..., : shape.types]
        """[nodes, b, types]"""
        self.scores[0] = 0
        self.scores[0, :, 1] = CERTAIN

        def rooms(n: int) -> list[Array]:
            return [xp.empty((14 * half + 4) * b * n) for _ in range(shape.layers)]

        shared = [] if keep else rooms(nodes - 1)
        self.steps = []
        for n, span in enumerate(spans, start=1):
            used = [] if n <= len(shape.forced) else rooms(n) if keep else shared
            layers = [_Layer(room, half, b, n) for room in used]
            self.steps.append(_Step(xp, self, shape, n, span, layers))


def forward(
    xp: Backend, shape: Shape, first: Array, node: Array, type_edge: Array, w: Weights, tape: Tape
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
        scores of types [nodes, b, types], on the tape, and of edges [b, nodes (nodes - 1) / 2].
    """
    width = shape.width
    edge_scores = xp.empty(tape.b, shape.edges)
    tape.steps[0].states[..., 0] = _by_feature(first)
    halved, alike = w.gates * 1, True
    halved[..., :width] *= 0.5  # reset and keep: a sigmoid is half a tanh of half its argument, and half of 1
    for step in tape.steps:
        step.alike = alike
        if step.forced:
            step.passed[...] = step.states[..., -1]
        else:
            _pass_messages(xp, step, halved)
        xp.matmul(step.state, w.of_state, out=step.read)
        if not step.forced:
            step.gates[...] = step.gate_scores
            xp.sigmoid_(step.gates)
        xp.matmul(step.gates[:, :, None], step.values, out=step.sums[:, :, None])

        of_graph = step.graph @ w.of_graph
        of_graph += type_edge
        step.typed.values[...] = of_graph[:, :width]
        xp.relu_(step.typed.values)
        xp.matmul(step.typed.whole, w.of_typed, out=step.scored.values)
        xp.relu_(step.embed_hidden.values)
        hidden = step.hidden.values
        xp.matmul(step.origin, w.of_origin, out=hidden)
        hidden += node
        hidden += step.embed_hidden.whole @ w.of_embed_hidden
        xp.relu_(hidden)
        of_hidden = step.hidden.whole @ w.of_hidden

        edges = edge_scores[:, step.edges]
        if step.forced:
            for source, score in enumerate(step.forced):
                edges[:, source] = score
        else:
            of_new = of_hidden[:, : 2 * width]
            of_new += of_graph[:, width:]
            xp.add(step.of_edges, of_new[:, None], out=step.pairs)
            xp.relu_(step.pairs)
            edges[...] = (step.pair.whole @ w.edge_score).reshape(edges.shape)
        if step.n < shape.nodes - 1:
            grown = tape.steps[step.n].states
            before = grown[..., :-1]
            before[...] = step.states if step.forced else step.passed.reshape(before.shape)
            grown[..., -1] = _by_feature(of_hidden[:, 2 * width :])
            kept = edges > THRESHOLD
            step.into[...] = kept
            step.out_of[...] = kept
            alike = alike and xp.alike(kept)
    return tape.scores, edge_scores


def _by_feature(states: Array) -> Array:
    """States [b, width] of one node for each cell, as a view [2, width / 2, b]."""
    b, width = states.shape
    return states.swapaxes(0, 1).reshape(2, width // 2, b)


def _pass_messages(xp: Backend, step: _Step, weights: Array) -> None:
    outs = [*(layer.own for layer in step.layers[1:]), step.passed]
    for layer, w, after in zip(step.layers, weights, outs, strict=True):
        layer.ones[...] = 1  # another step may have been here
        if step.alike:
            xp.matmul(layer.all_senders, step.links[:, 0], out=layer.all_sums)
        else:
            xp.matmul(layer.senders, step.links, out=layer.sums)
        xp.multiply(layer.own, layer.degree, out=layer.repeated)
        xp.matmul(w.swapaxes(1, 2), layer.read, out=layer.gates)
        reset_keep, new = layer.reset_keep, layer.new
        xp.tanh_(reset_keep)
        reset_keep *= 0.5
        reset_keep += 0.5
        new += layer.reset * layer.new_of_state
        xp.tanh_(new)
        xp.subtract(layer.own, new, out=after)
        xp.multiply(after, layer.keep, out=after)
        xp.add(after, new, out=after)


def backward(
    xp: Backend, shape: Shape, tape: Tape, w: Weights, d_types: Array, d_edges: Array, d: Weights
) -> tuple[Array, Array, Array]:
    """Gradients (``d_``) of ``first``, ``node`` and ``type_edge`` from those of the scores.

    Args:
        xp: backend of the arrays.
        shape: sizes.
        tape: filled by :func:`forward`.
        w: the decoder's weights.
        d_types: [nodes, b, types]
        d_edges: [b, nodes (nodes - 1) / 2]
        d: room for the gradients of the weights; those of ``gates`` are added to what is there.
    """
    b, steps, width, half, types = tape.b, shape.nodes - 1, shape.width, shape.width // 2, shape.types
    back_typed, back_embed_hidden, back_hidden, back_edge = (
        matrix[:-1].swapaxes(0, 1) for matrix in (w.of_typed, w.of_embed_hidden, w.of_hidden, w.edge_score)
    )
    back_graph, back_origin = w.of_graph.swapaxes(0, 1), w.of_origin.swapaxes(0, 1)

    d_edge = xp.full(0, len(tape.read), 1)
    for step in tape.steps:
        if not step.forced:
            d_edge[step.span].reshape(b, step.n)[...] = d_edges[:, step.edges]
    d_read = xp.empty(*tape.read.shape)
    d_pair = d_read[:, 2 * width + 2 :]
    xp.multiply(tape.pair.values > 0, d_edge * back_edge, out=d_pair)

    # Type 1, edge 2, the new state 1; edges have the same gradient from the graph's state and from the new node's.
    d_made = xp.empty(steps, b, 4 * width)
    d_graph, d_of_hidden = d_made[..., : 3 * width], d_made[..., width:]
    d_hidden = xp.empty(steps, b, 2 * width)
    d_scored = xp.empty(steps, b, types + width)
    d_scored[..., :types] = d_types[1:]
    typed_on, embed_hidden_on, hidden_on = (
        _positive(xp, x) for x in (tape.typed.values, tape.scored.values[1:, :, types:], tape.hidden.values)
    )
    d_states = xp.full(0, 2, half, b, steps + 1)
    ones = xp.full(1, 1, steps)
    for step in reversed(tape.steps):
        n, m, at = step.n, step.m, step.n - 1
        step_made, step_hidden, step_scored, step_read = d_made[at], d_hidden[at], d_scored[at], d_read[step.span]
        step_typed, step_embed_hidden = step_made[:, :width], step_scored[:, types:]
        by_cell = step_read.reshape(b, m, 4 * width + 2)
        xp.matmul(ones[:, :m], by_cell[..., 2 * width + 2 :], out=step_made[:, None, width : 3 * width])
        _by_feature(step_made[:, 3 * width :])[...] = d_states[..., n]
        xp.matmul(d_of_hidden[at], back_hidden, out=step_hidden)
        step_hidden *= hidden_on[at]
        xp.matmul(step_hidden, back_embed_hidden, out=step_embed_hidden)
        step_embed_hidden *= embed_hidden_on[at]
        xp.matmul(step_scored, back_typed, out=step_typed)
        step_typed *= typed_on[at]

        d_sums = xp.empty(b, 2, width)
        xp.matmul(d_graph[at], back_graph, out=d_sums[:, 0])
        xp.matmul(step_hidden, back_origin, out=d_sums[:, 1])
        d_values = by_cell[..., : 2 * width].reshape(b, m, 2, width)
        xp.multiply(step.gates.swapaxes(1, 2)[..., None], d_sums[:, None], out=d_values)
        # Where they are forced, gates are 1 and have no gradient.
        d_gates = (step.values @ d_sums[..., None]).reshape(b, 2, m)
        d_gates *= step.gates
        d_gates *= 1 - step.gates
        by_cell[..., 2 * width : 2 * width + 2] = d_gates.swapaxes(1, 2)
        d_passed = (w.of_state[:-1] @ step_read.swapaxes(0, 1)).reshape(2, half, b, m)
        if step.forced:
            d_states = d_states[..., :n] * 1
            d_states[..., -1:] += d_passed
        else:
            d_passed += d_states[..., :n]
            d_states = _pass_back(xp, step, w.gates, d_passed, d.gates)

    for d_weight, read, d_out in (
        (d.of_state, tape.state.swapaxes(0, 1), d_read),
        (d.of_graph, tape.sums[:, :, 0], d_graph),
        (d.of_origin, tape.sums[:, :, 1], d_hidden),
        (d.of_typed, tape.typed.whole, d_scored),
        (d.of_embed_hidden, tape.scored.whole[1:, :, types:], d_hidden),
        (d.of_hidden, tape.hidden.whole, d_of_hidden),
        (d.edge_score, tape.pair.whole, d_edge),
    ):
        inputs, outputs = d_weight.shape
        xp.matmul(read.reshape(-1, inputs).swapaxes(0, 1), d_out.reshape(-1, outputs), out=d_weight)
    return d_states.reshape(width, b).swapaxes(0, 1), d_hidden.sum(0), d_graph.sum(0)


def _positive(xp: Backend, x: Array) -> Array:
    """1 where ``x`` is positive, else 0; as a factor, truth values take several times as long."""
    mask = xp.empty(*x.shape)
    mask[...] = x > 0
    return mask


def _pass_back(xp: Backend, step: _Step, weights: Array, d_out: Array, d_weights: Array) -> Array:
    """Gradient [2, width / 2, b, n] of the states from that of what :func:`_pass_messages` made of them."""
    _, half, b, n = d_out.shape
    against = step.links.swapaxes(2, 3)
    for number in reversed(range(len(weights))):
        layer, w = step.layers[number], weights[number]
        d_after = d_out.reshape(2, half, b * n)
        d_gates = xp.empty(2, 4 * half, b * n)
        d_reset_keep, d_keep, d_new = (
            d_gates[:, : 2 * half],
            d_gates[:, half : 2 * half],
            d_gates[:, 2 * half : 3 * half],
        )
        d_own = d_after * layer.keep
        xp.multiply(layer.new, layer.new, out=d_new)
        d_new -= 1
        d_new *= d_own - d_after
        xp.multiply(d_new, layer.reset, out=d_gates[:, 3 * half :])
        xp.multiply(d_new, layer.new_of_state, out=d_gates[:, :half])
        xp.subtract(layer.own, layer.new, out=d_keep)
        d_keep *= d_after
        d_reset_keep *= layer.reset_keep
        d_reset_keep *= 1 - layer.reset_keep
        d_weights[number] += layer.read @ d_gates.swapaxes(1, 2)

        d_read = w @ d_gates
        d_repeated = d_read[:, half + 1 : 2 * half + 1]
        d_repeated *= layer.degree
        d_own += d_repeated
        d_own += d_read[:, 2 * half + 1 : -1]
        if step.alike:
            d_out = (d_read[:, :half].reshape(2, half * b, n) @ against[:, 0]).reshape(2, half, b, n)
        else:
            d_out = xp.empty(2, half, b, n)
            d_sums = d_read[:, :half].reshape(2, half, b, n)
            xp.matmul(d_sums.swapaxes(1, 2), against, out=d_out.swapaxes(1, 2))
        d_out += d_own.reshape(2, half, b, n)
    return d_out
