"""What is done to the images of a training step, so that a network sees each one differently every time.

A step takes images [n, channels, height, width] as floats, normalised so that 0 is the mean, and a generator on the
CPU: the numbers drawn are the same on every device. Each image has its own.

- ``flip``: mirrored, left for right, with a probability of a half
- ``crop``: an eighth of the size added on each side, dark as the mean, and a place of the original size cut out
- ``cutout``: a square half as wide as the image set to the mean (DeVries and Taylor, 2017); its middle is anywhere, so
  part of it may lie outside
- ``resized-crop``: 8 to 100 % of the area, from 3:4 to 4:3, scaled to the image's size (Szegedy et al., CVPR 2015)
- ``colour``: contrast and saturation by 0.6 to 1.4, and light by as much of the deviation
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from agnet.training import recipe


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror half of the images."""
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator).to(images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def crop(images: Tensor, generator: Generator) -> Tensor:
    """Move by up to an eighth."""
    height, width = images.shape[2:]
    rows, columns = (_offsets(images, size, size // 8, generator) for size in (height, width))
    tall, wide = height // 8, width // 8
    padded = F.pad(images, (wide, wide, tall, tall))
    every = torch.arange(len(images), device=images.device)[:, None, None]
    # indexing with [n, height, 1] and [n, 1, width] puts the channels last
    return padded.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def cutout(images: Tensor, generator: Generator) -> Tensor:
    """Hide a square."""
    height, width = images.shape[2:]
    side = max(min(height, width) // 2, 1)
    hidden = []
    for size in (height, width):
        start = torch.randint(size, (len(images), 1), generator=generator).to(images.device) - side // 2
        place = torch.arange(size, device=images.device)
        hidden.append((place >= start) & (place < start + side))
    return images.masked_fill((hidden[0][:, :, None] & hidden[1][:, None, :])[:, None], 0)


def resized_crop(images: Tensor, generator: Generator) -> Tensor:
    """Scale a part up."""
    area, ratio, left, top = torch.rand(4, len(images), generator=generator).to(images.device)
    side = (0.08 + 0.92 * area).sqrt()
    ratio = ((2 * ratio - 1) * math.log(4 / 3)).exp().sqrt()
    wide, tall = (side * ratio).clamp(max=1), (side / ratio).clamp(max=1)
    zero = torch.zeros_like(wide)
    # from -1 to 1 over the image; the part's middle is where it still fits
    across = torch.stack([wide, zero, (2 * left - 1) * (1 - wide)], dim=1)
    down = torch.stack([zero, tall, (2 * top - 1) * (1 - tall)], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def colour(images: Tensor, generator: Generator) -> Tensor:
    """Change contrast, saturation and light."""
    contrast, saturation, light = (0.8 * torch.rand(3, len(images), generator=generator) - 0.4).to(images.device)[
        ..., None, None, None
    ]
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * (1 + contrast) + mean + light
    grey = images.mean(dim=1, keepdim=True)
    return (images - grey) * (1 + saturation) + grey


def _offsets(images: Tensor, size: int, most: int, generator: Generator) -> Tensor:
    """[n, size] positions in an image with ``most`` more on each side, from a place drawn for each image."""
    start = torch.randint(2 * most + 1, (len(images), 1), generator=generator)
    return (start + torch.arange(size)).to(images.device)


STEPS: dict[str, Callable[[Tensor, Generator], Tensor]] = dict(
    zip(recipe.STEPS, (flip, crop, cutout, resized_crop, colour), strict=True)
)
"""Steps by name."""
