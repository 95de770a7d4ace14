"""Search strategies by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.names import nearest
from agnet.search.beginning import Has, at_random
from agnet.search.history import History
from agnet.seeds import Seed
from agnet.spaces.base import Space


@dataclass(frozen=True, slots=True)
class Proposal:
    """Architectures to query next, and their records."""

    graphs: Graphs
    """[n]"""
    records: pa.Table
    """[n] rows: space, arch, id and whatever the strategy knows, such as ``latent`` and ``pred_val_acc``."""

    def take(self, rows: NDArray[np.int64]) -> Proposal:
        """The architectures at ``rows``."""
        return Proposal(self.graphs.take(rows), self.records.take(arrow.numbers(rows)))


class Strategy(ABC):
    """Proposes architectures that the history does not have.

    ``ask`` is a function of its arguments and of the earlier calls: with the same answers it proposes the same again,
    which is how an interrupted search continues.
    """

    init: ClassVar[int] = 16
    """Architectures that it likes to begin with."""
    begins: ClassVar[str] = "at random"
    """How these are chosen."""
    batch: ClassVar[int] = 16
    """Architectures that it likes to be asked for at a time."""
    singly: ClassVar[int] = 0
    """Answers until which it likes to be asked for one at a time."""
    meanwhile: ClassVar[int | None] = None
    """The same where it is asked while others are being evaluated; None: as many."""

    def __init__(self, space: Space, metric: str, *, maximize: bool) -> None:
        self.space = space
        self.metric = metric
        self.maximize = maximize

    def begin(self, has: Has, seed: Seed) -> Iterator[Graphs]:
        """Architectures to begin with that the benchmark can answer, all different, in batches, while there are any.

        Args:
            has: says which the benchmark can answer.
            seed: decides which.
        """
        return at_random(self.space, has, seed)

    @abstractmethod
    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, best first; fewer or none when the space is exhausted.

        Those that turned out not to be in the benchmark (:attr:`History.has`) may stand among them, beyond ``n``.
        """

    def follow(self, history: History) -> bool:
        """Come to know what :meth:`ask` would have left known, where what it proposed is on record and all answered.

        Returns:
            False where nothing but asking again does it, as for a strategy that does not say. A strategy that says
            True proposes graphs as :meth:`Space.parse` reads them, as sampling and neighbours give them.
        """
        return False

    def state(self) -> Mapping[str, NDArray] | None:
        """What it knows from having been asked, as arrays by name; None where :meth:`follow` does."""
        return None

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Know what :meth:`state` said, instead of what there was to know.

        Raises:
            ValueError, KeyError: if it did not say that.
        """
        raise ValueError("has no state")


# One line a strategy: name -> module, class. Modules are imported when first asked for.
_STRATEGIES = {
    "agnet": ("agnet.search.strategies.agnet", "AgnetStrategy"),
    "bananas": ("agnet.search.strategies.bananas", "BananasStrategy"),
    "bayesian": ("agnet.search.strategies.bayesian", "BayesianStrategy"),
    "evolution": ("agnet.search.strategies.evolution", "EvolutionStrategy"),
    "local": ("agnet.search.strategies.local", "LocalStrategy"),
    "random": ("agnet.search.strategies.random", "RandomStrategy"),
}

# What stands in for a strategy where there are several goals, or limits.
_COMPOSITE = {"bayesian": ("agnet.search.strategies.composite", "CompositeStrategy")}


def names() -> list[str]:
    """Names of all strategies."""
    return list(_STRATEGIES)


def get(name: str) -> type[Strategy]:
    """The class of the strategy called ``name``.

    Raises:
        InputError: if there is none.
    """
    if name not in _STRATEGIES:
        raise InputError(f"no strategy is called {name!r}{nearest(name, _STRATEGIES)}")
    module, cls = _STRATEGIES[name]
    strategy: type[Strategy] = getattr(import_module(module), cls)
    return strategy


def make(
    name: str, space: Space, metric: str, *, maximize: bool, options: Mapping[str, Any], plain: bool = True
) -> Strategy:
    """The strategy called ``name`` for one search; ``options`` are its own settings.

    ``plain`` is whether the search has one metric and no limits.

    Raises:
        InputError: if there is none, or it does not know one of the options.
    """
    strategy = get(name)
    called = name
    if not plain and name in _COMPOSITE:
        module, cls = _COMPOSITE[name]
        strategy = getattr(import_module(module), cls)
        called = f"{name} with limits or several goals"
    known = signature(strategy).parameters
    if strange := [option for option in options if option not in known]:
        raise InputError(f"strategy {called} has no option --{strange[0].replace('_', '-')}")
    return strategy(space, metric, maximize=maximize, **options)
