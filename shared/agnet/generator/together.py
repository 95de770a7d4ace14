"""Processes that train one generator together, as ``torchrun`` starts them: each learns from its share of every batch.

Their gradients are added up, weighted by the shares, so a step is that of one process with the whole batch, up to the
order in which numbers are added. All draw the same random numbers and take the same steps; the first one measures how
it goes, and writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from agnet.errors import AgnetError
from agnet.generator.state import State


class Together:
    """This process among those that train together.

    Args:
        device: ``cpu``, whose processes talk by gloo, or ``cuda``, by NCCL; each process has the GPU of its number.

    Raises:
        AgnetError: if the others cannot be reached, or there is no such device.
    """

    def __init__(self, device: str) -> None:
        cuda = device.startswith("cuda")
        self.device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else device
        with _reaching():
            if cuda:
                torch.cuda.set_device(self.device)
            self._ours = not dist.is_initialized()
            if self._ours:
                dist.init_process_group("nccl" if cuda else "gloo")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    @property
    def first(self) -> bool:
        """Whether this is the process that measures and writes."""
        return self.rank == 0

    def share(self, rows: NDArray[np.generic]) -> NDArray[Any]:
        """What this process learns from, of the rows of a batch."""
        return rows[self.rank :: self.size]

    def add(self, value: Any) -> None:
        """Add up a tensor, or an array of NumPy's, over all processes, in place.

        Raises:
            AgnetError: if one of the others has ended.
        """
        with _reaching():
            dist.all_reduce(torch.from_numpy(value) if isinstance(value, np.ndarray) else value)

    def total(self, value: float) -> float:
        """The sum of a number over all processes."""
        summed = torch.tensor([value], dtype=torch.float64, device=self.device)
        self.add(summed)
        return float(summed)

    def agree(self, digest: str) -> None:
        """Make sure that all learn the same.

        Raises:
            AgnetError: if a process has another digest of what is to be learned than the first one.
        """
        mine = torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8, device=self.device)
        theirs = mine.clone()
        with _reaching():
            dist.broadcast(theirs, 0)
        if self.total(float(not torch.equal(mine, theirs))):
            raise AgnetError("the processes that train together have read other architectures, or were told otherwise")

    def from_first(self, state: State | None, length: int) -> State | None:
        """The first process's state of a training of ``length`` parameters, if it has one."""
        steps = int(self.total(float(state.steps if self.first and state is not None else 0)))
        if not steps:
            return None
        vectors = np.zeros((3, length), np.float32)
        if self.first and state is not None:
            vectors = np.stack([state.parameters, state.mean, state.square])
        sent = torch.from_numpy(vectors).to(self.device)
        with _reaching():
            dist.broadcast(sent, 0)
        return State(steps, *sent.cpu().numpy())

    def close(self) -> None:
        """Leave, unless the group was there before."""
        if self._ours:
            dist.destroy_process_group()


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, AssertionError) as error:
        raise AgnetError(f"training together: another process has ended, or is not there: {str(error)[:200]}") from None
