"""The flow through a network of positive weights: ``synflow``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from agnet.proxies.prepare import layers


def synflow(network: nn.Module, image: Tensor) -> float:
    """Logarithm of Σ weight × gradient of the outputs for an image of ones, all weights made positive.

    Tanaka et al. (NeurIPS 2020), without batch normalisation as Abdelfattah et al. (2021) compute it; in float64,
    because it grows with the depth exponentially. 0, as in the published scores, where nothing flows.

    Args:
        network: changed by this: it must not be used for anything else.
        image: any image [channels, height, width] that it takes.
    """
    network = network.double()
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            network.set_submodule(name, nn.Identity())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    weights = [part.weight for part in layers(network)]
    total = network(torch.ones_like(image, dtype=torch.float64)[None]).sum()
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    flow = sum(
        float((weight.detach() * gradient).abs().sum())
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    )
    return math.log(flow) if flow > 0 else 0.0
