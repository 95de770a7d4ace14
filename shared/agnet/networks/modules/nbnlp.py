"""The NAS-Bench-NLP language model of a recurrent cell, see :mod:`agnet.networks.nbnlp`.

As in its code, weights and biases of the cells start uniform within ±1/√width of the layer, the embedding within ±0.1,
the biases of the scores at zero. In training it drops as AWD-LSTM does (Merity et al., ICLR 2018): words of the
vocabulary, numbers of a layer's input at all steps alike, and single weights on the states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agnet.graphs import Graphs
from agnet.networks.nbnlp import Settings, widths
from agnet.spaces.nbnlp.cells import BLEND, INPUTS, LEAKY_RELU, LINEAR, PROD, SIGM, SUM, TANH

_X = INPUTS.index("x")
_FUNCTIONS: dict[int, Callable[..., Tensor]] = {
    SIGM: torch.sigmoid,
    TANH: torch.tanh,
    LEAKY_RELU: F.leaky_relu,
    SUM: torch.add,
    PROD: torch.mul,
    BLEND: lambda a, b, c: a * b + (1 - a) * c,
}
States = Sequence[Tensor]
"""For each layer its states [number of states, batch, width]."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A recurrent cell; nodes are numbered as in its graph."""

    operations: dict[int, tuple[int, list[int]]]
    """Type and inputs of each operation, in topological order."""
    states: list[int]
    """The operations that are the new states; the first is also the output."""


class Linear(nn.Module):
    """A matrix for each input, and one bias."""

    def __init__(self, sources: list[int], before: int, after: int, weight_drop: float) -> None:
        super().__init__()
        self._sources = sources
        self._drop = weight_drop
        self.weights = nn.ParameterList(torch.empty(after, before if source == _X else after) for source in sources)
        self.bias = nn.Parameter(torch.empty(after))

    def of_sequence(self, sequence: Tensor) -> Tensor:
        """[steps, batch, before] to [steps, batch, after], what x and the bias contribute, all steps at once."""
        for source, weight in zip(self._sources, self.weights, strict=True):
            if source == _X:
                return F.linear(sequence, weight, self.bias)
        return self.bias.expand(*sequence.shape[:2], -1)

    def on_states(self) -> list[tuple[int, Tensor]]:
        """The other inputs and their weights; in training single weights are dropped."""
        pairs = zip(self._sources, self.weights, strict=True)
        return [(source, F.dropout(weight, self._drop, self.training)) for source, weight in pairs if source != _X]


class Layer(nn.Module):
    """A recurrent layer: one cell at all steps of a sequence."""

    def __init__(self, cell: Cell, before: int, after: int, weight_drop: float) -> None:
        super().__init__()
        self.cell = cell
        self.linears = nn.ModuleDict(
            {
                str(node): Linear(sources, before, after, weight_drop)
                for node, (kind, sources) in cell.operations.items()
                if kind == LINEAR
            }
        )
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(after), 1 / math.sqrt(after))

    def forward(self, sequence: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """[steps, batch, before] and states [number, batch, after] to [steps, batch, after] and the new states."""
        of_x, on_states = {}, {}
        for name, linear in self.linears.items():
            assert isinstance(linear, Linear)
            of_x[int(name)], on_states[int(name)] = linear.of_sequence(sequence), linear.on_states()
        outputs = []
        for step in range(len(sequence)):
            values = dict(enumerate(states.unbind(), start=_X + 1))
            for node, (kind, sources) in self.cell.operations.items():
                if kind == LINEAR:
                    terms = (F.linear(values[source], weight) for source, weight in on_states[node])
                    values[node] = sum(terms, of_x[node][step])
                else:
                    values[node] = _FUNCTIONS[kind](*(values[source] for source in sources))
            states = torch.stack([values[node] for node in self.cell.states])
            outputs.append(states[0])
        return torch.stack(outputs), states


class LanguageModel(nn.Module):
    """Scores of the next token at every place of a batch of sequences."""

    def __init__(self, cell: Cell, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self._states = [(len(cell.states), width) for _, width in widths(settings)]
        self.embedding = nn.Embedding(settings.tokens, settings.embedding)
        self.layers = nn.ModuleList(
            Layer(cell, before, after, settings.weight_dropout) for before, after in widths(settings)
        )
        self.bias = nn.Parameter(torch.zeros(settings.tokens))
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)

    def start(self, batch: int) -> list[Tensor]:
        """The states before a sequence begins, zeros."""
        return [self.bias.new_zeros(number, batch, width) for number, width in self._states]

    def forward(self, tokens: Tensor, states: States | None = None) -> tuple[Tensor, list[Tensor]]:
        """Score the tokens that may come next.

        Args:
            tokens: [steps, batch] integers.
            states: what a call on the steps before returned; None at the beginning.

        Returns:
            [steps, batch, tokens] scores, and the new states.
        """
        settings, after = self.settings, []
        values = self._same_dropout(self._embed(tokens), settings.input_dropout)
        for number, (layer, before) in enumerate(zip(self.layers, states or self.start(tokens.shape[1]), strict=True)):
            if number:
                values = self._same_dropout(values, settings.hidden_dropout)
            values, new = layer(values, before)
            after.append(new)
        values = self._same_dropout(values, settings.output_dropout)
        return F.linear(values, self.embedding.weight, self.bias), after

    def _embed(self, tokens: Tensor) -> Tensor:
        weight = self.embedding.weight
        if self.training:
            weight = weight * F.dropout(weight.new_ones(len(weight), 1), self.settings.token_dropout)
        return F.embedding(tokens, weight)

    def _same_dropout(self, values: Tensor, probability: float) -> Tensor:
        """Drop the same numbers at all steps of ``values`` [steps, batch, width]."""
        if not self.training:
            return values
        return values * F.dropout(torch.ones_like(values[:1]), probability)


def build(graphs: Graphs, settings: Settings) -> LanguageModel:
    """The language model of the first cell."""
    ops, output = graphs.ops[0, 0].tolist(), int(graphs.sizes[0, 0]) - 1
    operands = graphs.take(slice(0, 1)).ordered()[0, 0]
    inputs = [[int(node) for node in sorted(np.flatnonzero(column), key=column.__getitem__)] for column in operands.T]
    nodes = range(len(INPUTS), output)
    return LanguageModel(Cell({node: (ops[node], inputs[node]) for node in nodes}, inputs[output]), settings)
