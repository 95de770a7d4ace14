"""What gradients of single images tell: the condition of the neural tangent kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

_PRECISION = 1e-12
"""Below this share of the largest eigenvalue, the smallest one cannot be told from zero."""


def gram(network: nn.Module, images: Tensor, *, chunk: int | None = None) -> Tensor:
    """[n, n] the neural tangent kernel: products of the gradients of the sum of each image's outputs.

    By all weights, scales included and offsets not, as in TE-NAS. In batch normalisation an image's outputs depend on
    all images, so each of the n gradients is one of the whole batch: n backward passes that run as one.

    Args:
        network: a network in training mode without running statistics.
        images: [n, channels, height, width]
        chunk: how many gradients are held at a time; None: all.
    """
    values = {name: value.detach() for name, value in network.named_parameters()}
    weights = {name: value for name, value in values.items() if "weight" in name}

    def outputs(weights: dict[str, Tensor]) -> Tensor:
        scores: Tensor = functional_call(network, values | weights, (images,))
        return scores.sum(dim=1)

    scores, back, *_ = vjp(outputs, weights)
    gradients = vmap(lambda direction: back(direction)[0], chunk_size=chunk)(torch.eye(len(images)).to(scores))
    return sum((each.flatten(1) @ each.flatten(1).T for each in gradients.values()), scores.new_zeros(()))


def condition(network: nn.Module, images: Tensor, *, chunk: int | None = None, centred: bool = False) -> float:
    """The largest eigenvalue of the neural tangent kernel, divided by the smallest (TE-NAS, section 3.1).

    Smaller is said to be easier to train. NaN where the kernel is singular. Images and network should be float64:
    the smallest eigenvalue of a difference of large numbers is all that this measures.

    Args:
        network: as for :func:`gram`.
        images: as for :func:`gram`.
        chunk: as for :func:`gram`.
        centred: leave out the direction in which all images change alike. Where nothing but pooling and a dense layer
            follows batch normalisation, the outputs of all images have a constant sum, so that this eigenvalue is
            zero whatever the network, and the quotient would be rounding errors.
    """
    kernel = gram(network, images, chunk=chunk).double()
    if centred:
        kernel = kernel - kernel.mean(dim=0)
        kernel = kernel - kernel.mean(dim=1, keepdim=True)
    values = torch.linalg.eigvalsh((kernel + kernel.T) / 2)[int(centred) :]
    smallest, largest = float(values[0]), float(values[-1])
    return largest / smallest if smallest > largest * _PRECISION else float("nan")
