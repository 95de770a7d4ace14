"""What gradients of the outputs with respect to the images tell: ``jacov``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SMALL = 1e-5


def jacov(network: nn.Module, images: Tensor) -> float:
    """How alike a network's outputs react to changes of different images (Mellor et al., 2020, first version).

    −Σ (log(λ + k) + 1 / (λ + k)) over the eigenvalues λ of the correlations between the images' gradients of the sum
    of all outputs, k = 1e-5. NaN where the gradient of an image is the same everywhere.
    """
    images = images.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(network(images).sum(), images, allow_unused=True)
    if gradients is None:
        return float("nan")
    flat = gradients.flatten(1).double()
    centred = flat - flat.mean(dim=1, keepdim=True)
    deviation = centred.norm(dim=1, keepdim=True)
    if not bool((deviation > 0).all()):
        return float("nan")
    unit = centred / deviation
    values = torch.linalg.eigvalsh(unit @ unit.T).clamp(min=0) + _SMALL
    return -float((values.log() + 1 / values).sum())
