"""Each proxy against its definition, computed plainly."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from agnet import arrow, images, networks, spaces
from agnet.proxies import activations, gradients, jacobian, kernel, prepare, synflow

SIZES = {
    "nb101": {"channels": 5, "cells": 1},
    "nb201": {"channels": 3, "cells": 1},
    "nb301": {"channels": 2, "cells": 3, "auxiliary": False, "drop_path": 0.0, "search": True},
}
COUNT = 6


def _network(name: str, *, double: bool = True) -> nn.Module:
    space = spaces.get(name)
    settings = networks.settings(space, image=8, **SIZES[name])
    graphs = space.parse(arrow.strings([space.example])).graphs
    network = prepare.ready(space, graphs, settings, 0)
    return network.double() if double else network


@pytest.fixture
def shown() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((COUNT, 3, 8, 8)))


LABELS = torch.arange(COUNT) % 3
EVERY = pytest.mark.parametrize("name", SIZES)


def _layers(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _opened(network: nn.Module, given: Tensor) -> np.ndarray:
    """[n, rectifiers]"""
    found: list[np.ndarray] = []
    handles = [
        module.register_forward_hook(lambda _, x, y: found.append((x[0] > 0).flatten(1).numpy()))
        for module in network.modules()
        if isinstance(module, nn.ReLU)
    ]
    with torch.no_grad():
        network(given)
    for handle in handles:
        handle.remove()
    return np.concatenate(found, axis=1)


@EVERY
@pytest.mark.parametrize("chunk", [None, 4])
def test_kernel_is_that_of_one_backward_pass_an_image(name: str, chunk: int | None, shown: Tensor) -> None:
    network = _network(name)
    rows = []
    for row in range(COUNT):
        network.zero_grad()
        network(shown)[row].sum().backward()
        found = [value.grad.flatten() for key, value in network.named_parameters() if "weight" in key]
        rows.append(torch.cat(found).numpy())
    expected = np.array(rows) @ np.array(rows).T
    np.testing.assert_allclose(kernel.gram(network, shown, chunk=chunk).numpy(), expected, rtol=1e-9)
    values = np.linalg.eigvalsh(expected)
    if name == "nb301":  # nothing but batch normalisation, pooling and a dense layer at its end
        assert values[0] < 1e-10 * values[-1]
        assert math.isnan(kernel.condition(network, shown))
        centre = np.eye(COUNT) - 1 / COUNT
        values = np.linalg.eigvalsh(centre @ expected @ centre)[1:]
    got = kernel.condition(network, shown, chunk=chunk, centred=name == "nb301")
    assert got == pytest.approx(values[-1] / values[0], rel=1e-6)


@EVERY
def test_saliency_is_that_of_hooks_and_backward(name: str, shown: Tensor) -> None:
    network = _network(name)
    found = gradients.saliency(network, shown, LABELS)
    results: dict[nn.Module, Tensor] = {}
    for layer in _layers(network):
        layer.register_forward_hook(lambda module, _, result: results.update({module: result}))
    loss = cross_entropy(network(shown), LABELS)
    for result in results.values():
        result.retain_grad()
    loss.backward()
    norm = snip = fisher = 0.0
    for layer, result in results.items():
        weight = layer.weight.detach().numpy()  # type: ignore[union-attr, operator]
        gradient = layer.weight.grad.numpy()  # type: ignore[union-attr, operator]
        norm += np.sqrt((gradient**2).sum())
        snip += np.abs(weight * gradient).sum()
        product = (result * result.grad).detach().numpy().reshape(COUNT, len(weight), -1)
        for channel in range(len(weight)):
            fisher += 0.5 * np.mean([product[n, channel].sum() ** 2 for n in range(COUNT)]) * weight[channel].size
    assert found == pytest.approx({"grad_norm": norm, "snip": snip, "fisher": fisher}, rel=1e-9)


@EVERY
def test_grasp_is_a_difference_of_gradients(name: str, shown: Tensor) -> None:
    network = _network(name)
    layers = _layers(network)

    def slope() -> list[Tensor]:
        network.zero_grad()
        cross_entropy(network(shown), LABELS).backward()
        return [layer.weight.grad.clone() for layer in layers]  # type: ignore[union-attr, operator]

    at, step = slope(), 1e-8
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            for layer, gradient in zip(layers, at, strict=True):
                layer.weight += sign * step * gradient  # type: ignore[operator]
        ends.append(slope())
        with torch.no_grad():
            for layer, gradient in zip(layers, at, strict=True):
                layer.weight -= sign * step * gradient  # type: ignore[operator]
    expected = -sum(
        float((layer.weight.detach() * (up - down)).sum() / (2 * step))  # type: ignore[operator]
        for layer, up, down in zip(layers, *ends, strict=True)
    )
    assert gradients.grasp(network, shown, LABELS) == pytest.approx(expected, rel=1e-3)


@EVERY
def test_naswot_counts_what_agrees(name: str, shown: Tensor) -> None:
    network = _network(name)
    opened = _opened(network, shown)
    matrix = np.array([[(a == b).sum() for b in opened] for a in opened], dtype=float)
    assert activations.naswot(network, shown) == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-9)


def test_regions_are_distinct_patterns(shown: Tensor) -> None:
    network = _network("nb201")
    points = prepare.mixtures(shown[:1].float(), 60, np.random.default_rng(0)).double()
    parts = points.chunk(2)
    patterns = np.concatenate([_opened(network, part) for part in parts]).astype(int)
    # TE-NAS: each counts as the share that it has of those like it
    same = patterns @ (1 - patterns).T
    expected = (1 / (same + same.T == 0).sum(axis=1)).sum()
    assert 1 < expected < 60
    assert activations.regions(network, parts) == pytest.approx(expected)
    assert activations.regions(network, [points[:1].expand(5, -1, -1, -1)]) == 1


@EVERY
def test_jacov_is_that_of_correlations(name: str, shown: Tensor) -> None:
    network = _network(name)
    given = shown.clone().requires_grad_()
    network(given).sum().backward()
    values = np.linalg.eigvalsh(np.corrcoef(given.grad.flatten(1).numpy()))
    expected = -(np.log(values + 1e-5) + 1 / (values + 1e-5)).sum()
    assert jacobian.jacov(network, shown) == pytest.approx(expected, rel=1e-4)


@EVERY
def test_synflow_is_the_flow_of_positive_weights(name: str, shown: Tensor) -> None:
    network = _network(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.forward = lambda x: x  # type: ignore[method-assign]
    for parameter in network.parameters():
        parameter.data = parameter.data.abs()
    network(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum().backward()
    flow = sum(float((layer.weight * layer.weight.grad).sum()) for layer in _layers(network))  # type: ignore[operator]
    assert synflow.synflow(_network(name, double=False), shown[0]) == pytest.approx(math.log(flow), rel=1e-5)


def test_images_are_normalised_and_patches_are_parts_of_them() -> None:
    data = images.load("noise", size=8)
    x, y = prepare.batch(data, 5000, np.random.default_rng(0))
    assert len(x) == len(y) == len(data.train)
    assert x.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    assert (x.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
    found = prepare.patches(data, 5, 8, np.random.default_rng(0))
    whole = {channel.numpy().tobytes() for image in x for channel in image}
    assert {patch.numpy().tobytes() for patch in found} <= whole
    assert prepare.patches(data, 7, 3, np.random.default_rng(0)).shape == (7, 1, 3, 3)
    line = prepare.mixtures(found[:1], 4, np.random.default_rng(0)).flatten(1)
    assert all(torch.linalg.matrix_rank(line[list(pair)]) == 1 for pair in combinations(range(4), 2))
