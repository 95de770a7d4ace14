"""Drawings of architectures: each cell as a graph of its operations, from input to output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.plots import style
from agnet.plots.chart import Box, Diagram, Page, Path
from agnet.plots.layout import layout
from agnet.spaces.base import Space

_NOTHING = "none"
"""The operation whose result is zero, so that nothing passes."""

# What an operation is called in a box, and its colour: the same in every space, related operations alike.
_OPERATIONS = {
    "nor_conv_1x1": ("conv 1×1", style.SKY),
    "nor_conv_3x3": ("conv 3×3", style.BLUE),
    "conv1x1": ("conv 1×1", style.SKY),
    "conv3x3": ("conv 3×3", style.BLUE),
    "sep_conv_3x3": ("sep 3×3", style.BLUE),
    "sep_conv_5x5": ("sep 5×5", style.DARK_BLUE),
    "dil_conv_3x3": ("dil 3×3", style.PURPLE),
    "dil_conv_5x5": ("dil 5×5", style.DARK_PURPLE),
    "avg_pool_3x3": ("avg pool", style.ORANGE),
    "max_pool_3x3": ("max pool", style.VERMILION),
    "maxpool3x3": ("max pool", style.VERMILION),
    "skip_connect": ("skip", style.GREEN),
    "linear": ("linear", style.BLUE),
    "blend": ("blend", style.PURPLE),
    "elementwise_sum": ("sum", style.ORANGE),
    "elementwise_prod": ("product", style.VERMILION),
    "activation_tanh": ("tanh", style.GREEN),
    "activation_sigm": ("sigmoid", style.SKY),
    "activation_leaky_relu": ("leaky ReLU", style.DARK_BLUE),
}


def cells(space: Space, graphs: Graphs, captions: Sequence[str], *, title: str = "") -> Page:
    """One row for each architecture of several cells, several architectures in a row where each has one cell.

    Args:
        space: that the architectures are of.
        graphs: [n] the architectures.
        captions: [n] a line of text above each.
        title: above the picture.
    """
    panels = [
        _diagram(space, graphs.ops[row, cell], graphs.adjacency[row, cell], int(graphs.sizes[row, cell]), caption)
        for row, words in enumerate(captions)
        for cell, caption in enumerate(_by_cell(space, words))
    ]
    several = len(space.cells) > 1
    return Page(panels, columns=len(space.cells) if several else _columns(len(panels)), title=title)


def _by_cell(space: Space, caption: str) -> list[str]:
    if len(space.cells) == 1:
        return [caption]
    first, *others = (f"{name} cell" for name in space.cells)
    return [f"{caption}   {first}".strip(), *others]


def _columns(panels: int) -> int:
    return 1 if panels < 2 else 2 if panels < 7 else 3


def live(adjacency: NDArray[np.bool_], passes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[nodes] whether a node is on a way from a source to the last node on which every node passes something on.

    Args:
        adjacency: [nodes, nodes], nodes in topological order.
        passes: [nodes] false for a node that gives nothing.
    """
    n = len(adjacency)
    reached, reaches = passes.copy(), passes.copy()
    for node in range(n):
        if adjacency[:, node].any():
            reached[node] &= (reached & adjacency[:, node]).any()
    for node in reversed(range(n - 1)):
        reaches[node] &= (reaches & adjacency[node]).any()
    both: NDArray[np.bool_] = reached & reaches
    return both


def _diagram(space: Space, ops: NDArray[np.uint8], adjacency: NDArray[np.bool_], size: int, caption: str) -> Diagram:
    names = [space.node_types[op] for op in ops[:size]]
    adjacency = adjacency[:size, :size]
    alive = live(adjacency, np.array([name != _NOTHING for name in names]))
    placed = layout(adjacency)
    boxes = []
    for node, name in enumerate(names):
        text, colour = _looks(space, name)
        if name == "input" and names.count(name) > 1:
            text = f"{text} {1 + names[:node].count(name)}"
        x, y = placed.places[node].tolist()
        boxes.append(Box(x, y, text, colour, faint=not alive[node]))
    paths = [Path(way, faint=not (alive[a] and alive[b])) for (a, b), way in placed.ways.items()]
    return Diagram(boxes, paths, caption)


def _looks(space: Space, name: str) -> tuple[str, str]:
    """Word and colour of a node."""
    if name in _OPERATIONS:
        return _OPERATIONS[name]
    words = name.replace("_", " ")
    if name.startswith("input") and "input_1" in space.node_types:  # a cell that reads the two cells before it
        return {"input": "cell k−2", "input_1": "cell k−1"}.get(name, words), style.INK
    if name.startswith(("input", "output")):
        return words, style.INK
    if name == _NOTHING:
        return words, style.FAINT
    return words, style.SERIES[space.node_types.index(name) % len(style.SERIES)]
