"""Training a network, and counting what it gets right."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from agnet.images import Images, Split
from agnet.networks.modules import nb301
from agnet.training.augment import STEPS
from agnet.training.recipe import Recipe

_EVALUATED = 500
"""Images looked at together after the training."""


class Diverged(Exception):
    """The loss is no finite number any more; the message says when."""


class Score(NamedTuple):
    """How a network classifies some images."""

    accuracy: float = math.nan
    """Share of them whose class has the highest score."""
    loss: float = math.nan
    """Mean cross entropy, in nats."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training gave."""

    val: Score
    test: Score
    """NaN if there are no images for it."""
    train_loss: float
    """Mean over the last epoch, as it was before each step."""
    seconds: float
    """Of the training alone."""


class Trainer:
    """Trains one network after the other on the same images.

    Args:
        images: with ``val``.
        recipe: how.
        device: where, as PyTorch names it.
    """

    def __init__(self, images: Images, recipe: Recipe, device: str = "cpu") -> None:
        assert images.val is not None
        self.images, self.recipe, self.device = images, recipe, torch.device(device)
        mean, deviation = images.statistics()
        self._mean = torch.from_numpy(mean).to(self.device)[:, None, None]
        self._deviation = torch.from_numpy(deviation).to(self.device)[:, None, None]

    def train(self, network: nn.Module, generator: Generator) -> Outcome:
        """Train ``network`` in place.

        Args:
            network: images [n, channels, height, width] to scores [n, classes].
            generator: on the CPU; decides the order of the images and what is done to them. What the network draws
                itself comes from torch's own numbers.

        Raises:
            Diverged: if the loss is not finite.
        """
        recipe, network = self.recipe, network.to(self.device)
        if recipe.norm_momentum:
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = recipe.norm_momentum
        optimizer = _optimizer(network, recipe)
        started = time.perf_counter()
        loss = math.nan
        for epoch in range(recipe.epochs):
            if isinstance(network, nb301.Network):
                network.drop_path = recipe.drop_path * epoch / recipe.epochs
            loss = self._epoch(network, optimizer, epoch, generator)
        seconds = time.perf_counter() - started
        assert self.images.val is not None
        val = self.score(network, self.images.val)
        test = self.score(network, self.images.test) if self.images.test else Score()
        return Outcome(val, test, loss, seconds)

    def score(self, network: nn.Module, split: Split) -> Score:
        """How ``network`` classifies the images."""
        network.eval()
        right, loss = 0, 0.0
        with torch.inference_mode():
            for start in range(0, len(split), _EVALUATED):
                part = split.take(np.arange(start, min(start + _EVALUATED, len(split))))
                scores, classes = network(self._pixels(part)).cpu(), torch.from_numpy(part.y)
                right += int((scores.argmax(1) == classes).sum())
                loss += float(F.cross_entropy(scores, classes, reduction="sum"))
        return Score(right / len(split), loss / len(split))

    def _epoch(self, network: nn.Module, optimizer: torch.optim.Optimizer, epoch: int, generator: Generator) -> float:
        """One pass over the images; their mean loss."""
        recipe, train = self.recipe, self.images.train
        network.train()
        parts = torch.randperm(len(train), generator=generator).split(recipe.batch)
        if len(parts) > 1 and len(parts[-1]) == 1:  # batch normalisation cannot do with one
            parts = parts[:-1]
        total = torch.zeros((), device=self.device)
        for number, rows in enumerate(parts):
            part = train.take(rows.numpy())
            images = self._pixels(part)
            for step in recipe.steps:
                images = STEPS[step](images, generator)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(epoch, number / len(parts))
            loss = self._loss(network, images, torch.from_numpy(part.y).to(self.device))
            if not math.isfinite(loss.item()):
                raise Diverged(f"training diverged: the loss is {loss.item()} in epoch {epoch + 1}")
            optimizer.zero_grad()
            loss.backward()
            if recipe.clip:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            total += loss.detach() * len(part)
        return float(total) / sum(map(len, parts))

    def _loss(self, network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        smoothing, weight = self.recipe.smoothing, self.recipe.auxiliary
        if weight and isinstance(network, nb301.Network):
            scores, others = network.with_auxiliary(images)
            other = F.cross_entropy(others, classes, label_smoothing=smoothing)
            return F.cross_entropy(scores, classes, label_smoothing=smoothing) + weight * other
        return F.cross_entropy(network(images), classes, label_smoothing=smoothing)

    def _pixels(self, split: Split) -> Tensor:
        """Images on the device, normalised by those that are trained on."""
        pixels = torch.from_numpy(split.x).to(self.device)
        return (pixels.float() / 255 - self._mean) / self._deviation


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        network.parameters(),
        recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
    )
