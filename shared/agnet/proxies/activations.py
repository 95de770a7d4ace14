"""What the signs of activations tell: which rectifiers are open for which image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from agnet.proxies.prepare import activations


def naswot(network: nn.Module, images: Tensor) -> float:
    """How differently a network's rectifiers answer to different images (Mellor et al., ICML 2021).

    The logarithm of the determinant of K, where K_ij is the number of rectifiers that are open for both images i and j,
    or closed for both. NaN if two images cannot be told apart.
    """
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)

    def count(opened: Tensor) -> None:
        # open for both, and closed for both, in one product: signs ±1 give what agrees minus what does not;
        # float32 counts exactly up to 2^24 rectifiers of a layer
        signs = opened.float() * 2 - 1
        kernel.add_((signs @ signs.T + signs.shape[1]).double() / 2)

    with torch.no_grad(), _watched(network, count):
        network(images)
    sign, logarithm = torch.linalg.slogdet(kernel)
    return float(logarithm) if sign > 0 else float("nan")


def regions(network: nn.Module, parts: Sequence[Tensor]) -> float:
    """Number of linear regions that images fall into (TE-NAS, Chen et al., ICLR 2021, section 3.2).

    Two are in one region if they open the same rectifiers, wherever in the network.

    Args:
        network: made for the images.
        parts: images [n, channels, height, width] in batches, which batch normalisation works on.
    """
    patterns = []
    with torch.no_grad():
        for images in parts:
            opened: list[Tensor] = []
            with _watched(network, opened.append):
                network(images)
            patterns.append(np.packbits(torch.cat(opened, dim=1).cpu().numpy(), axis=1))
    rows = np.concatenate(patterns)
    # each pattern as one value of so many bytes
    return float(len(np.unique(rows.view(np.dtype((np.void, rows.shape[1]))))))


@contextmanager
def _watched(network: nn.Module, see: Callable[[Tensor], None]) -> Iterator[None]:
    """Show ``see`` which rectifiers are open, [n, rectifiers of a layer], layer by layer."""

    def hook(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        see((result > 0).flatten(1))

    handles = [module.register_forward_hook(hook) for module in activations(network)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
