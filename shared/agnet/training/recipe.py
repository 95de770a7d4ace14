"""How a network is trained, as plain values; recipes by name are TOML files in ``recipes``."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from agnet import toml
from agnet.errors import InputError
from agnet.names import nearest

_OPTIMIZERS = ("sgd", "adamw")
_SCHEDULES = ("cosine", "cosine-epochs", "exponential")
STEPS = ("flip", "crop", "cutout", "resized-crop", "colour")
"""What can be done to the images of a step, see :mod:`agnet.training.augment`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is made and trained."""

    epochs: int = 12
    batch: int = 64
    """Images of one step."""
    optimizer: str = "sgd"
    """``sgd`` or ``adamw``."""
    lr: float = 0.1
    """Learning rate at the beginning."""
    momentum: float = 0.9
    """Of SGD."""
    nesterov: bool = True
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    """The learning rate falls to zero along half a cosine, in every step (``cosine``) or after every epoch
    (``cosine-epochs``); or it is multiplied by ``decay`` after every epoch (``exponential``)."""
    decay: float = 0.97
    smoothing: float = 0.0
    """Share of the target that all classes have alike (label smoothing)."""
    clip: float = 0.0
    """Longest gradient, by its norm; 0: as long as it is."""
    augment: str = "none"
    """What is done to the images of a step, joined by ``+``, see :mod:`agnet.training.augment`; or ``none``."""
    validation: float = 0.2
    """Share of each class that is not trained on but gives ``val_acc``; unless the data has images for that."""
    network: str = ""
    """Preset of the space's network, see :mod:`agnet.networks`; the space's first if empty."""
    width: int = 0
    """Channels of the first stage; 0: as the preset says."""
    depth: int = 0
    """Cells, of each stage (nb301: of the network); 0: as the preset says."""
    auxiliary: float = 0.0
    """Weight of the auxiliary classifier's loss (nb301); 0: there is none."""
    drop_path: float = 0.0
    """Probability with which an operation's output is dropped in the last epoch, rising from 0 (nb301)."""
    norm_momentum: float = 0.0
    """Weight of one step's mean and variance in those that batch normalisation keeps; 0: as the space's network has."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)}: must be at least 1")
        for name in ("width", "depth", "weight_decay", "clip", "auxiliary"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} {getattr(self, name)}: must not be negative")
        for name in ("momentum", "smoothing", "validation", "drop_path", "norm_momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)}: must be at least 0 and below 1")
        for name in ("lr", "decay"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} {getattr(self, name)}: must be above 0")
        for name, known in (("optimizer", _OPTIMIZERS), ("schedule", _SCHEDULES)):
            if getattr(self, name) not in known:
                raise InputError(f"no {name} is called {getattr(self, name)!r}{nearest(getattr(self, name), known)}")
        for step in self.steps:
            if step not in STEPS:
                raise InputError(f"augment: no step is called {step!r}{nearest(step, [*STEPS, 'none'])}")

    @property
    def steps(self) -> list[str]:
        """What is done to the images of a step, in order."""
        return [] if self.augment == "none" else self.augment.replace(",", "+").split("+")

    def rate(self, epoch: int, share: float) -> float:
        """Learning rate in an epoch (from 0) of which the ``share`` below 1 is over."""
        if self.schedule == "exponential":
            return self.lr * self.decay**epoch
        done = epoch + (share if self.schedule == "cosine" else 0)
        return self.lr * (1 + math.cos(math.pi * done / self.epochs)) / 2


def names() -> list[str]:
    """Recipes that there are."""
    files = (resources.files("agnet.training") / "recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def values(name: str) -> dict[str, Any]:
    """What a recipe says, by the names of :class:`Recipe`; not checked.

    Args:
        name: one of :func:`names`, or a file that ends with ``.toml``.

    Raises:
        InputError: if there is no such recipe, or it is not TOML.
    """
    if name.endswith(".toml"):
        return toml.load(name)
    if name in names():
        return tomllib.loads((resources.files("agnet.training") / "recipes" / f"{name}.toml").read_text("utf-8"))
    raise InputError(f"no recipe is called {name!r}{nearest(name, names())}; a file of your own ends with .toml")
