"""Networks and images that proxies are computed with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import replace_all_batch_norm_modules_

from agnet import networks
from agnet.graphs import Graphs
from agnet.images import Images
from agnet.networks import Settings
from agnet.spaces.base import Space


def ready(space: Space, graphs: Graphs, settings: Settings, seed: int) -> nn.Module:
    """The network of the one architecture in ``graphs``, its weights drawn by ``seed``.

    It is in training mode: batch normalisation takes the statistics of the images at hand. It keeps no running ones,
    so that no pass changes the network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = networks.build(space, graphs, settings)
    replace_all_batch_norm_modules_(network)
    return network.train()


def batch(images: Images, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """``count`` images to train on, no two the same: [count, channels, height, width], normalised, and classes [count].

    Fewer, if there are not so many.
    """
    drawn = images.train.take(rng.permutation(len(images.train))[:count])
    return torch.from_numpy(_normalised(images, drawn.x)), torch.from_numpy(drawn.y)


def patches(images: Images, count: int, size: int, rng: np.random.Generator) -> Tensor:
    """[count, 1, size, size] squares at random places of one channel of images to train on, normalised."""
    x = images.train.x
    height, width = images.shape
    row = rng.integers(len(x), size=count)[:, None, None]
    channel = rng.integers(images.channels, size=count)[:, None, None]
    top = rng.integers(height - size + 1, size=count)[:, None, None] + np.arange(size)[:, None]
    left = rng.integers(width - size + 1, size=count)[:, None, None] + np.arange(size)
    mean, deviation = images.statistics()
    values = (x[row, channel, top, left].astype(np.float32) / 255 - mean[channel]) / deviation[channel]
    return torch.from_numpy(values.astype(np.float32)[:, None])


def mixtures(corners: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """[count, channels, height, width] sums of ``corners`` with standard normal weights: points of the space they span.

    Args:
        corners: [dims, channels, height, width], one: the points lie on a line.
        count: how many.
        rng: of the weights.
    """
    weights = torch.from_numpy(rng.standard_normal((count, len(corners)), dtype=np.float32))
    return (weights @ corners.flatten(1)).reshape(count, *corners.shape[1:])


def activations(network: nn.Module) -> list[nn.Module]:
    """All rectifiers of a network."""
    return [module for module in network.modules() if isinstance(module, nn.ReLU)]


def layers(network: nn.Module) -> Iterator[nn.Conv2d | nn.Linear]:
    """All convolutions and dense layers of a network."""
    return (module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear))


def _normalised(images: Images, x: NDArray[np.uint8]) -> NDArray[np.float32]:
    mean, deviation = images.statistics()
    scaled = (x.astype(np.float32) / np.float32(255) - mean[:, None, None]) / deviation[:, None, None]
    return scaled.astype(np.float32, copy=False)
