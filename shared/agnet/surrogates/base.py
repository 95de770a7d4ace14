"""What a surrogate can do; one module a surrogate implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.seeds import Seed
from agnet.spaces.base import Space

if TYPE_CHECKING:
    from agnet.surrogates.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Batch:
    """Architectures as surrogates take them."""

    space: Space
    graphs: Graphs
    """[n]"""
    latent: NDArray[np.float32] | None = None
    """[n, d] what a generator decoded them from, where that is known."""
    columns: NDArray[np.float64] | None = None
    """[n, k] what else is known of them, such as zero-cost scores; NaN where it is not."""

    def __len__(self) -> int:
        return len(self.graphs)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Batch:
        """The architectures at ``rows`` (indices, mask or slice)."""
        latent = None if self.latent is None else self.latent[rows]
        columns = None if self.columns is None else self.columns[rows]
        return Batch(self.space, self.graphs.take(rows), latent, columns)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted metrics of ``n`` architectures.

    Single precision: a row's prediction is the same whatever batch it comes in, to the last bit.
    """

    mean: NDArray[np.float32]
    """[n, metrics]; for a surrogate that learns ranks a score, larger where the metric is."""
    std: NDArray[np.float32] | None = None
    """[n, metrics] spread of a measured value, in the same unit; None if the predictor does not know how sure it is."""


class Predictor(ABC):
    """Predicts metrics of architectures."""

    scores: ClassVar[bool] = False
    """Whether predictions only order architectures, in no unit."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        """What it reads of an architecture; one that reads graphs ignores it."""

    @abstractmethod
    def predict(self, batch: Batch) -> Prediction:
        """Metrics of ``n`` architectures."""


class Surrogate(Predictor):
    """Learns metrics of evaluated architectures, predicts those of others."""

    name: ClassVar[str]
    """Key on the command line."""
    title: ClassVar[str]
    """What it is, in one line."""

    @abstractmethod
    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        """Learn from ``n`` evaluated architectures, forgetting what was learned before.

        Args:
            batch: the architectures.
            y: [n, metrics]; NaN where an architecture has no value. Each metric has at least two values.
            seed: decides every random choice.
        """

    @abstractmethod
    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that was learned: arrays, and settings that JSON can hold."""

    @abstractmethod
    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        """Become what :meth:`state` said.

        Raises:
            ValueError, KeyError, TypeError: if that is not possible.
        """


@dataclass(frozen=True, slots=True)
class Scale:
    """Metrics to numbers of mean 0 and deviation 1, and back."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(cls, y: NDArray[np.float64]) -> Scale:
        """The scale of [n, metrics] values, NaN being none; a constant metric is only shifted."""
        std = np.nanstd(y, axis=0)
        return cls(np.nanmean(y, axis=0), np.where(std > 0, std, 1))

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> Scale:
        """The scale in a surrogate's arrays ``mean`` and ``std``.

        Raises:
            KeyError, ValueError: if there is none.
        """
        mean, std = arrays["mean"], arrays["std"]
        if any(array.dtype != np.float64 or array.ndim != 1 for array in (mean, std)) or len(mean) != len(std):
            raise ValueError("the scale of the metrics is damaged")
        return cls(mean, std)

    def apply(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, metrics] metrics to numbers."""
        return (y - self.mean) / self.std

    def invert(self, z: NDArray[np.floating]) -> NDArray[np.float32]:
        """[n, metrics] numbers to metrics."""
        return (z * self.std + self.mean).astype(np.float32)
