"""NAS-Bench-x11: whole learning curves, predicted (Yan et al., NeurIPS 2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from agnet import benchmarks, seeds, spaces
from agnet.benchmarks import sources
from agnet.benchmarks.base import Answer, Benchmark, Curve
from agnet.benchmarks.official import models, x11_network
from agnet.benchmarks.official.x11 import EPOCHS
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.seeds import Seed

_Vectors = Callable[[Graphs, int], NDArray[np.float64]]
_NB201_OPERATIONS = ("avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "none", "skip_connect")
_DIGITS = 9
"""Decimals that are answered: the last bit may differ with how many are asked for together."""
_AGNET_FIRST_EPOCHS = 93.5
"""What AG-Net takes for 100 minus the losses of the first three epochs, which it does not know."""


class Curves(Benchmark):
    """Predicted validation accuracy or loss after every epoch."""

    source = "imported from NAS-Bench-x11's models (Apache-2.0)"
    size = None

    def __init__(self, model: str, space: str, title: str, vectors: _Vectors, value: str) -> None:
        self.name = f"x11/{model}"
        self.space = space
        self.title = f"NAS-Bench-x11: predicted learning curves of {title}"
        epochs = EPOCHS[model]
        text = "validation loss per token" if value == "val_loss" else "validation accuracy"
        unit, way = ("nats", "minimize") if value == "val_loss" else ("fraction", "maximize")
        self.metrics = (Metric(value, unit, way, f"{text} after {epochs} epochs"),)  # type: ignore[arg-type]
        curve = Metric(value, unit, way, f"{text} after each epoch")  # type: ignore[arg-type]
        self.curves = (Curve(curve, range(1, epochs + 1)),)
        self._vectors = vectors
        self._epochs = epochs

    def missing(self) -> str | None:
        """How to import it."""
        todo = sources.missing(self.name)
        return f"{self.name} {todo}" if todo else None

    @cached_property
    def _members(self) -> list[_Member]:
        table = sources.table(self.name)
        if table is None:
            raise InputError(self.missing())
        pieces = models.unpack(table)
        facts = orjson.loads(pieces["facts"])
        return [_Member(about, pieces, f"{number}/") for number, about in enumerate(facts["members"])]

    def has(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which architectures are within the limits of the model."""
        good = super().has(graphs)
        if self.space == "nbnlp":  # nine operations, four inputs, the output
            good &= graphs.sizes[:, 0] <= 14
        return good

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Predict ``n`` architectures; with ``draw`` the model's noise is added, as officially to the first member."""
        names = self.select(metrics)
        good = self.has(graphs)
        members = self._members if draw is None else self._members[:1]
        known = graphs.take(good)
        x = self._vectors(known, members[0].features)
        curves = np.mean([member.predict(x) for member in members], axis=0)
        if draw is not None:
            curves = curves + members[0].noise(self.name, draw, _keys(spaces.get(self.space).ids(known).to_pylist()))
        first = self.metrics[0].name
        columns = {}
        for name in names:
            values = np.full(len(graphs), np.nan)
            at = curves[:, int(name.partition("@")[2] or self._epochs) - 1]
            values[good] = 100 - at if first == "val_loss" else at / (1 if self.space == "nb101" else 100)
            columns[name] = values.round(_DIGITS)
        return Answer(columns, dict.fromkeys(np.flatnonzero(~good).tolist(), f"{self.name} cannot predict it"))


class _Member:
    """One model."""

    def __init__(self, about: dict[str, Any], pieces: dict[str, memoryview], prefix: str) -> None:
        self.features: int = about["features"]
        self._about = about
        k, epochs = about["components"], about["epochs"]

        def numbers(name: str, *shape: int) -> NDArray[np.float64]:
            return np.frombuffer(pieces[prefix + name], np.float64).reshape(shape)

        self._mean, self._scale = numbers("mean", k), numbers("scale", k)
        self._components = numbers("values", k)[:, None] * numbers("vectors", k, epochs)
        if about["noise"]:
            self._residuals, self._spread = numbers("residuals", -1, epochs), numbers("spread", epochs, epochs)
        widths = about.get("widths", [])  # of a network
        self._layers = [
            (numbers(f"weight-{layer}", outputs, inputs), numbers(f"bias-{layer}", outputs))
            for layer, (inputs, outputs) in enumerate(pairwise(widths))
        ]
        self._pieces = [] if widths else [pieces[f"{prefix}booster-{position}"] for position in range(k)]

    @cached_property
    def _boosters(self) -> list[Any]:
        from agnet.benchmarks.official import boosters  # noqa: PLC0415 - xgboost

        return [boosters.load(piece) for piece in self._pieces]

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, epochs] curves of features [n, d]."""
        if not len(x):
            return np.zeros((0, self._components.shape[1]))
        scores = x11_network.scores(self._layers, x) if self._layers else self._chain(x)
        curves: NDArray[np.float64] = (scores * self._scale + self._mean) @ self._components
        return curves

    def _chain(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = np.zeros((len(x), len(self._boosters)))
        for component, booster, base in zip(self._about["order"], self._boosters, self._about["bases"], strict=True):
            margin = np.full(len(x), base, np.float32)
            scores[:, component] = booster.inplace_predict(x.astype(np.float32), base_margin=margin)
            # Each regressor of the chain sees what those before it said.
            x = np.concatenate([x, scores[:, [component]]], axis=1)
        return scores

    def noise(self, name: str, seed: Seed, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """[n, epochs] a draw from the kernel density of the residuals, clipped and halved as officially."""
        if not self._about["noise"]:
            raise InputError(f"{name}: the imported model has no noise to draw from")
        from scipy.special import ndtri  # noqa: PLC0415 - heavy

        epochs = self._spread.shape[0]
        uniform = seeds.keyed_uniform(seed, name, keys[:, None] + np.arange(epochs + 1, dtype=np.uint64))
        which = (uniform[:, 0] * len(self._residuals)).astype(np.int64)
        normal = ndtri(np.clip(uniform[:, 1:], 1e-12, 1 - 1e-12))
        drawn = self._residuals[which] + normal @ self._spread.T
        halved: NDArray[np.float64] = np.clip(drawn, -3, 3) / 2
        return halved


def _keys(ids: list[str]) -> NDArray[np.uint64]:
    """[n] 64 bits of each id."""
    return np.array([int(name[:16], 16) for name in ids], dtype=np.uint64)


def _nb101(graphs: Graphs, features: int) -> NDArray[np.float64]:
    """Upper triangle of the adjacency, the output in the last place, operations, and accuracies of short trainings."""
    from agnet.spaces.nb101 import NB101  # noqa: PLC0415

    space = NB101()
    graphs = space.canonical(graphs)  # as published
    sizes = graphs.sizes[:, 0].astype(np.int64)
    n, nodes = len(graphs), space.max_nodes
    rows, places = np.arange(n), np.arange(nodes)
    edges = graphs.adjacency[:, 0].copy()
    into = edges[rows, :, sizes - 1]
    edges[rows, :, sizes - 1] = False
    edges[:, :, -1] = into
    worth = {"conv1x1": 0.0, "conv3x3": 0.5, "maxpool3x3": 1.0}
    table = np.array([worth.get(kind, 0.5) for kind in space.node_types])  # padding is a convolution
    inner = (places >= 1) & (places < sizes[:, None] - 1)
    ops = np.where(inner, table[graphs.ops[:, 0]], 0.5)[:, 1:-1]
    upper = np.triu_indices(nodes, 1)
    parts = [edges[:, upper[0], upper[1]].astype(np.float64), ops]
    if features > 26:
        names = ["val_acc_4ep", "val_acc_12ep", "val_acc_36ep", "val_acc"]
        answer = benchmarks.load("nb101").query(graphs, names)
        parts.append(np.stack([answer.columns[name] for name in names], axis=1))
    return np.concatenate(parts, axis=1)


def _nb201(graphs: Graphs, features: int) -> NDArray[np.float64]:
    """Number of each operation, in the order of the arch string."""
    from agnet.spaces.nb201 import NB201, OPERATIONS  # noqa: PLC0415

    index = NB201().index(graphs)
    digits = index[:, None] // len(OPERATIONS) ** np.arange(5, -1, -1) % len(OPERATIONS)
    return np.array([_NB201_OPERATIONS.index(name) for name in OPERATIONS], np.float64)[digits]


def _nb301(graphs: Graphs, features: int) -> NDArray[np.float64]:
    from agnet.spaces.nb301.vectors import configspace_vector  # noqa: PLC0415

    return configspace_vector(graphs)


def _nbnlp(graphs: Graphs, features: int) -> NDArray[np.float64]:
    from agnet.spaces.nbnlp.vectors import x11_vector  # noqa: PLC0415

    x = x11_vector(graphs)
    return np.concatenate([x, np.full((len(x), features - x.shape[1]), _AGNET_FIRST_EPOCHS)], axis=1)


nb111 = partial(Curves, "nb111", "nb101", "NAS-Bench-101", _nb101, "val_acc")
nb211 = partial(Curves, "nb211", "nb201", "NAS-Bench-201", _nb201, "val_acc")
nb311 = partial(Curves, "nb311", "nb301", "NAS-Bench-301", _nb301, "val_acc")
nbnlp = partial(Curves, "nbnlp", "nbnlp", "NAS-Bench-NLP", _nbnlp, "val_loss")
