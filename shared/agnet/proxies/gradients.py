"""What one gradient of the loss tells: ``grad_norm``, ``snip``, ``fisher`` and ``grasp``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from agnet.proxies.prepare import layers


def saliency(network: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """``grad_norm``, ``snip`` and ``fisher``, sums over all convolutions and dense layers, of one backward pass.

    - ``grad_norm``: the norm of the gradient of a layer's weights (Abdelfattah et al., 2021).
    - ``snip``: |weight × gradient|, what the loss would change if the weight were gone (Lee et al., ICLR 2019).
    - ``fisher``: half the square of activation × gradient, summed over an output channel's positions, mean over
      images (Theis et al., 2018; Turner et al., ICLR 2020); counted for each weight of the channel.
    """
    parts = list(layers(network))
    outputs: dict[nn.Module, Tensor] = {}
    handles = [part.register_forward_hook(lambda module, _, result: outputs.update({module: result})) for part in parts]
    try:
        loss = cross_entropy(network(images), labels)
    finally:
        for handle in handles:
            handle.remove()
    reached = [part for part in parts if part in outputs]
    weights, results = [part.weight for part in reached], [outputs[part] for part in reached]
    found = _gradients(loss, [*weights, *results])
    of_weights, of_results = found[: len(reached)], found[len(reached) :]
    return {
        "grad_norm": _sum(gradient.norm() for gradient in of_weights),
        "snip": _sum((weight * gradient).abs().sum() for weight, gradient in zip(weights, of_weights, strict=True)),
        "fisher": _sum(
            _fisher(weight, result.detach(), gradient)
            for weight, result, gradient in zip(weights, results, of_results, strict=True)
        ),
    }


def grasp(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """How the norm of the gradient would grow if weights were gone: Σ −weight × (Hessian · gradient).

    Wang et al. (ICLR 2020), with the sign that Abdelfattah et al. (2021) take.
    """
    loss = cross_entropy(network(images), labels)
    weights = [part.weight for part in layers(network)]
    gradients = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
    used = [(weight, gradient) for weight, gradient in zip(weights, gradients, strict=True) if gradient is not None]
    halves = torch.stack([(gradient**2).sum() / 2 for _, gradient in used])
    # the derivative of half its square is the product with the Hessian
    product = _gradients(halves.sum(), [weight for weight, _ in used])
    return _sum(-(weight * each).sum() for (weight, _), each in zip(used, product, strict=True))


def _gradients(value: Tensor, wanted: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of ``value``; zeros of what does not reach it."""
    found = torch.autograd.grad(value, list(wanted), allow_unused=True)
    return [torch.zeros_like(of) if gradient is None else gradient for of, gradient in zip(wanted, found, strict=True)]


def _fisher(weight: Tensor, result: Tensor, gradient: Tensor) -> Tensor:
    products = (result * gradient).flatten(2).sum(dim=2) if result.ndim > 2 else result * gradient
    return (products**2).mean(dim=0).sum() / 2 * weight[0].numel()


def _sum(values: Iterable[Tensor]) -> float:
    return float(sum(value.detach().double() for value in values))
