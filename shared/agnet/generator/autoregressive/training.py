"""How an autoregressive generator learns the distribution of many architectures: by their likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from agnet.generator.autoregressive.config import Config
from agnet.generator.autoregressive.decisions import decisions
from agnet.generator.autoregressive.likelihood import Likelihood
from agnet.generator.autoregressive.network import Network
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.sampling import AutoregressiveSampler, Sampler
from agnet.generator.state import State
from agnet.graphs import Graphs
from agnet.spaces.base import Space

if TYPE_CHECKING:
    from agnet.generator.together import Together

_LARGEST_GRADIENT = 1.0
_PARTS = 4
_CONDITION = 10.0
"""How much faster what is asked for is learned than the rest: there is little to learn it from."""


class AutoregressiveLearner:
    """See :class:`agnet.generator.training.Learner`."""

    def __init__(
        self,
        start: Checkpoint,
        space: Space,
        graphs: Graphs,
        device: str,
        *,
        warmup: int = 50,
        together: Together | None = None,
    ) -> None:
        """Begin to learn.

        Args:
            start: the generator.
            space: the space that it is for.
            graphs: what it learns from.
            device: ``cpu`` or a device of PyTorch's.
            warmup: steps until the whole step size is taken.
            together: the processes that learn together.
        """
        assert isinstance(start.config, Config)
        self._config, self._space = start.config, space
        self._decisions = decisions(graphs, ordered=start.config.operands > 1)
        self._sizes = self._decisions.used.sum(axis=1)
        self._network = Likelihood(start.config, start.parameters, device)
        self._learned = [p for p in self._network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for name, p in self._network.p.items() if (name == "condition") == later and p.requires_grad]}
            for later in (False, True)
        ]
        self._adam = torch.optim.Adam(groups, betas=(0.9, 0.99))
        self._warmup, self._together = warmup, together
        self.steps = 0

    def learn(
        self,
        rows: NDArray[np.int64],
        rng: np.random.Generator | None,
        rate: float,
        features: NDArray[np.float32] | None = None,
    ) -> float:
        """Learn from the architectures at ``rows``; returns their mean loss.

        Args:
            rows: [n]
            rng: not needed.
            rate: Adam's step size; the first steps are smaller.
            features: [n, metrics, knots] of what is asked for.
        """
        with _one_thread():
            return self._learn(rows, rate, features)

    def _learn(self, rows: NDArray[np.int64], rate: float, features: NDArray[np.float32] | None) -> float:
        self._adam.zero_grad()
        # Architectures of few nodes go together, so that their missing rows need not be computed.
        n = len(rows)
        if self._together is not None:
            rows = self._together.share(rows)
        order = np.argsort(self._sizes[rows], kind="stable")
        parts = _PARTS if self._config.cells == 1 and len(rows) and np.ptp(self._sizes[rows]) > _PARTS else 1
        total = 0.0
        for part in np.array_split(order, parts) if len(rows) else ():
            loss = self._network(self._decisions.take(rows[part]), None if features is None else features[part])
            mean = loss.sum() / n
            mean.backward()
            total += mean.item()
        if self._together is not None:
            total = self._add(self._together, total)
        torch.nn.utils.clip_grad_norm_(self._learned, _LARGEST_GRADIENT)
        self.steps += 1
        rate *= min(1, self.steps / self._warmup)
        for group, factor in zip(self._adam.param_groups, (1, _CONDITION), strict=True):
            group["lr"] = factor * rate
        self._adam.step()
        return total

    def _add(self, together: Together, loss: float) -> float:
        """Add up the gradients of all processes in one message, and their losses."""
        for p in self._learned:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        gradients = [p.grad for p in self._learned if p.grad is not None]
        whole = torch.cat([gradient.reshape(-1) for gradient in gradients])
        together.add(whole)
        for gradient, part in zip(gradients, whole.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))
        return together.total(loss)

    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """See :class:`~agnet.generator.training.Learner`."""
        return self._network.parameters_as_arrays()

    def sampler(self) -> Sampler:
        """See :class:`~agnet.generator.training.Learner`."""
        return AutoregressiveSampler(Network(self._config, self.parameters()), self._space)

    def state(self) -> State:
        """See :class:`~agnet.generator.training.Learner`."""
        remembered = [self._adam.state[p] for p in self._learned]
        vectors = (
            [p.detach() for p in self._learned],
            [memory["exp_avg"] for memory in remembered],
            [memory["exp_avg_sq"] for memory in remembered],
        )
        return State(self.steps, *(_flat(parts) for parts in vectors))

    def restore(self, state: State) -> None:
        """See :class:`~agnet.generator.training.Learner`."""
        self.steps, start = state.steps, 0
        for p in self._learned:
            end = start + p.numel()
            value, mean, square = (
                torch.from_numpy(vector[start:end].copy()).view_as(p).to(p.device)
                for vector in (state.parameters, state.mean, state.square)
            )
            p.data.copy_(value)
            self._adam.state[p] = {"step": torch.tensor(float(state.steps)), "exp_avg": mean, "exp_avg_sq": square}
            start = end


@contextmanager
def _one_thread() -> Iterator[None]:
    """Batches are small: threads would wait for each other, and sum in another order on another machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _flat(parts: list[torch.Tensor]) -> NDArray[np.float32]:
    return torch.cat([part.reshape(-1) for part in parts]).cpu().numpy()
