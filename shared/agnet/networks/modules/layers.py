"""Layers that networks of several spaces have.

Activations and poolings are modules of their own, none is used twice, and none works in place, so that hooks see every
one of them and functional transforms work.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def relu_conv_norm(before: int, after: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution, batch normalisation; keeps the size of the image unless there is a stride."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(after),
    )


class Zero(nn.Module):
    """Lets nothing through."""

    def forward(self, images: Tensor) -> Tensor:
        """Zeros of the same shape."""
        return torch.zeros_like(images)


def classifier(channels: int, classes: int) -> nn.Sequential:
    """Global pooling and a dense layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
