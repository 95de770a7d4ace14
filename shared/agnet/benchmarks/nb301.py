"""NAS-Bench-301: surrogates of trainings of the DARTS space on CIFAR-10, and the trainings themselves."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import seeds
from agnet.benchmarks import sources
from agnet.benchmarks.base import Answer, Benchmark, Curve
from agnet.benchmarks.official import models, nb301_runs
from agnet.benchmarks.tabular import Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.seeds import Seed
from agnet.spaces.nb301.vectors import configspace_vector, yahpo_codes

_VAL_ACC = Metric("val_acc", "fraction", "maximize", "validation accuracy after 98 epochs")
_TIME = Metric("train_time_s", "s", "minimize", "time of the training")
_UNREADABLE = "could not be read"


class Ensemble(Benchmark):
    """The official surrogates: an ensemble for the accuracy, and one for the time."""

    name = "nb301"
    space = "nb301"
    title = "NAS-Bench-301: surrogate of the DARTS space on CIFAR-10"
    source = "imported from NAS-Bench-301's models (Apache-2.0)"
    size = None
    metrics = (_VAL_ACC,)
    details = (
        Metric("val_acc_std", "fraction", "minimize", "standard deviation between the members of the ensemble"),
        _TIME,
    )

    def missing(self) -> str | None:
        """How to import it."""
        todo = sources.missing("nb301")
        return f"{self.name} {todo}" if todo else None

    def answered(self) -> list[str]:
        """Without the time if its ensemble was not imported."""
        return [name for name in super().answered() if name != _TIME.name or not sources.missing("nb301/runtime")]

    @cached_property
    def _accuracy(self) -> _Members:
        return _Members.open("nb301")

    @cached_property
    def _time(self) -> _Members:
        return _Members.open("nb301/runtime")

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Predict ``n`` architectures; with ``draw`` noise of the ensemble's deviation is added, as officially."""
        names = self.select(metrics)
        good = self.has(graphs)
        keys = nb301_runs.keys(graphs)
        columns = {}
        predicted: dict[str, NDArray[np.float64]] = {}
        for name in names:
            which = "time" if name == _TIME.name else "accuracy"
            if which not in predicted:
                members = self._time if which == "time" else self._accuracy
                predicted[which] = members.predict(graphs.take(good)) / (1 if which == "time" else 100)
            members_ = predicted[which]
            std = members_.std(axis=0)
            values = np.full(len(graphs), np.nan)
            values[good] = std if name == "val_acc_std" else members_.mean(axis=0)
            if draw is not None and name != "val_acc_std":
                values[good] += std * _normal(draw, f"nb301/{which}", keys[good])
            columns[name] = values
        return Answer(columns, dict.fromkeys(np.flatnonzero(~good).tolist(), _UNREADABLE))


class _Members:
    """The models of an ensemble."""

    def __init__(self, table: pa.Table) -> None:
        self._pieces = models.unpack(table)
        self._facts: dict[str, Any] = orjson.loads(self._pieces.pop("facts"))

    @classmethod
    def open(cls, name: str) -> _Members:
        table = sources.table(name)
        if table is None:
            raise InputError(f"nb301 {sources.missing(name)}")
        return cls(table)

    @cached_property
    def _loaded(self) -> list[Any]:
        if self._facts["kind"] == "gin":
            from agnet.benchmarks.official.nb301_gin import Network  # noqa: PLC0415 - torch

            return [Network(piece, self._facts["config"]) for piece in self._pieces.values()]
        from agnet.benchmarks.official import boosters  # noqa: PLC0415 - xgboost

        return [boosters.load(piece) for piece in self._pieces.values()]

    def predict(self, graphs: Graphs) -> NDArray[np.float64]:
        """[members, n] predictions, in percent or seconds."""
        if self._facts["kind"] == "gin":
            return np.stack([network.predict(graphs) for network in self._loaded])
        vectors = configspace_vector(graphs).astype(np.float32)
        margins = [np.full(len(graphs), base, np.float32) for base in self._facts["bases"]]
        if not len(graphs):
            return np.zeros((len(margins), 0))
        return np.stack(
            [
                booster.inplace_predict(vectors, base_margin=margin).astype(np.float64)
                for booster, margin in zip(self._loaded, margins, strict=True)
            ]
        )


def _normal(seed: Seed, purpose: str, keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n] standard normal numbers, each determined by the seed and its key."""
    from scipy.special import ndtri  # noqa: PLC0415 - heavy

    numbers: NDArray[np.float64] = ndtri(np.clip(seeds.keyed_uniform(seed, purpose, keys), 1e-12, 1 - 1e-12))
    return numbers


class Yahpo(Benchmark):
    """YAHPO Gym's neural surrogate of all trainings, epoch by epoch (Pfisterer et al., AutoML 2022)."""

    name = "nb301/yahpo"
    space = "nb301"
    title = "YAHPO Gym's surrogate of NAS-Bench-301, CIFAR-10"
    source = "imported from yahpo_data (Apache-2.0)"
    size = None
    metrics = (_VAL_ACC, _TIME)
    curves = tuple(Curve(metric, range(1, 99), digits=7) for metric in metrics)

    _ROWS = 256  # at a time, always as many: matrix products may differ in the last bit with their size

    def missing(self) -> str | None:
        """How to import it, or how to install what evaluates it."""
        if todo := sources.missing("nb301/yahpo"):
            return f"{self.name} {todo}"
        if not importlib.util.find_spec("onnxruntime"):
            return f"{self.name} needs the package onnxruntime: pip install 'agnet[yahpo]'"
        return None

    @cached_property
    def _session(self) -> Any:
        if todo := self.missing():
            raise InputError(todo)
        import onnxruntime  # noqa: PLC0415 - heavy, optional

        table = sources.table("nb301/yahpo")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                bytes(models.unpack(table)["onnx"]), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has errors of its own
            reason = str(error).splitlines()[0]
            raise InputError(f"{self.name}: onnxruntime does not read the network: {reason}") from None

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Predict ``n`` architectures, by default after the last epoch."""
        names = self.select(metrics)
        if draw is not None:
            raise InputError(f"{self.name} has no noise to draw from")
        good = self.has(graphs)
        codes = yahpo_codes(graphs.take(good))
        predicted: dict[int, NDArray[np.float64]] = {}
        columns = {}
        for name in names:
            metric, _, epoch = name.partition("@")
            after = int(epoch or 98)
            if after not in predicted:
                predicted[after] = self._predict(codes, after)
            values = np.full(len(graphs), np.nan)
            values[good] = predicted[after][:, 0 if metric == _VAL_ACC.name else 1]
            columns[name] = values
        return Answer(columns, dict.fromkeys(np.flatnonzero(~good).tolist(), _UNREADABLE))

    def _predict(self, codes: NDArray[np.int32], epoch: int) -> NDArray[np.float64]:
        """[n, 2] accuracy as a fraction and time in seconds."""
        parts = [np.zeros((0, 2))]
        x_cont = np.full((self._ROWS, 1), epoch, np.float32)
        for start in range(0, len(codes), self._ROWS):
            rows = codes[start : start + self._ROWS]
            x_cat = np.zeros((self._ROWS, codes.shape[1]), np.int32)
            x_cat[: len(rows)] = rows
            (out,) = self._session.run(None, {"x_cat": x_cat, "x_cont": x_cont})
            if out.shape[1] == 2:  # new_model.onnx: percent, seconds
                pair = out[: len(rows)] / np.array([100, 1])
            else:  # model_v2.onnx: fraction, cross-entropy, seconds, seconds more
                pair = out[: len(rows)][:, [0, 2]].astype(np.float64)
            parts.append(pair)
        return np.concatenate(parts).round(7)


class Trainings(Tabular):
    """The architectures that were trained to fit NAS-Bench-301's surrogates."""

    name = "nb301/runs"
    space = "nb301"
    title = "NAS-Bench-301's trainings of DARTS architectures on CIFAR-10"
    source = "imported from NAS-Bench-301's dataset (Apache-2.0)"
    size = None
    metrics = (
        Metric("val_acc", "fraction", "maximize", "validation accuracy, mean of the trainings"),
        Metric("test_acc", "fraction", "maximize", "test accuracy"),
        _TIME,
        Metric("params_m", "10^6", "minimize", "trainable parameters"),
    )

    def missing(self) -> str | None:
        """How to import it."""
        todo = sources.missing("nb301/runs")
        return f"{self.name} {todo}" if todo else None

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] numbers of both cells."""
        return nb301_runs.keys(graphs)

    def open(self) -> pa.Table:
        """The imported table."""
        table = sources.table("nb301/runs")
        if table is None:
            raise InputError(self.missing())
        return table
