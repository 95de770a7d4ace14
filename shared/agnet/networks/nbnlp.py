"""The NAS-Bench-NLP language model of a recurrent cell (Klyuchnikov et al., 2020), as far as its size goes.

An embedding, three recurrent layers of the cell, and a dense layer that gives the scores of the next token and shares
its weights with the embedding, so the last layer is as wide as the embedding. Only ``linear`` nodes have weights: a
matrix for each input and one bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from agnet.graphs import Graphs
from agnet.networks import base
from agnet.networks import counts as cost
from agnet.spaces.nbnlp.cells import INPUTS, LINEAR

_X = INPUTS.index("x")


@dataclass(frozen=True, slots=True)
class Settings(base.Settings):
    """Settings of NAS-Bench-NLP's language models."""

    tokens: int = 10_000
    """Size of the vocabulary."""
    embedding: int = 400
    hidden: int = 600
    """Width of all layers but the last, which is as wide as the embedding."""
    layers: int = 3
    input_dropout: float = 0.4
    """Probabilities with which training drops: what the first layer gets, ..."""
    hidden_dropout: float = 0.25
    """... what the layers behind it get, ..."""
    output_dropout: float = 0.4
    """... what the scores are computed from, ..."""
    token_dropout: float = 0.1
    """... a word of the vocabulary, ..."""
    weight_dropout: float = 0.5
    """... a weight on a state."""

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        for name in ("input_dropout", "hidden_dropout", "output_dropout", "token_dropout", "weight_dropout"):
            self.probability(name)


PRESETS: Final = {
    "ptb": Settings(),
    "wikitext-2": Settings(tokens=33_278, output_dropout=0.1, token_dropout=0.0, weight_dropout=0.1),
}


def widths(settings: Settings) -> list[tuple[int, int]]:
    """Width of the input and of the states of each layer."""
    between = [settings.hidden] * (settings.layers - 1)
    return list(zip([settings.embedding, *between], [*between, settings.embedding], strict=True))


def counts(graphs: Graphs, settings: Settings) -> cost.Counts:
    """[n, 2] trainable parameters of the language models of valid cells, and their multiply-adds for one token."""
    adjacency, linear = graphs.adjacency[:, 0], graphs.ops[:, 0] == LINEAR
    nodes = linear.sum(axis=1)
    of_x = (adjacency[:, _X] & linear).sum(axis=1)
    of_states = (adjacency & linear[:, None]).sum(axis=(1, 2)) - of_x
    total = np.zeros(len(graphs), dtype=np.int64)
    for before, after in widths(settings):
        total += (of_x * before + of_states * after + nodes) * after
    # The embedding has the weights of the dense layer and looks up without multiplying.
    return total[:, None] + cost.dense(settings.embedding, settings.tokens)
