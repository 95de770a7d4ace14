"""Search strategies by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import pyarrow as pa

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.search.history import History
from agnet.seeds import Seed


@dataclass(frozen=True, slots=True)
class Proposal:
    """Architectures to query next, and their records."""

    graphs: Graphs
    """[n]"""
    records: pa.Table
    """[n] rows: space, arch, id and whatever the strategy knows, such as ``latent`` and ``pred_val_acc``."""


class Strategy(Protocol):
    """Proposes architectures that the history does not have.

    ``ask`` is a function of its arguments and of the earlier calls: with the same answers it proposes the same again,
    which is how an interrupted search continues.
    """

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, best first; fewer or none when the space is exhausted."""
        ...


_STRATEGIES = {
    "agnet": ("agnet.search.strategies.agnet", "AgnetStrategy"),
    "random": ("agnet.search.strategies.random", "RandomStrategy"),
}


def names() -> list[str]:
    """Names of all strategies."""
    return list(_STRATEGIES)


def get(name: str) -> type:
    """The strategy class called ``name``.

    Raises:
        InputError: if there is none.
    """
    if name not in _STRATEGIES:
        raise InputError(f"no strategy is called {name!r}; there are {', '.join(_STRATEGIES)}")
    module, cls = _STRATEGIES[name]
    strategy: type = getattr(import_module(module), cls)
    return strategy
