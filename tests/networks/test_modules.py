"""The PyTorch networks: as large as the closed forms say, and they compute what their graphs say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from agnet import networks, spaces
from agnet.graphs import Graphs
from agnet.spaces.base import Space

PRESETS = [(name, preset) for name in spaces.names() for preset in networks.presets(spaces.get(name))]
SMALL = {
    "nb101": {"channels": 16, "image": 8, "cells": 1},
    "nb201": {"channels": 4, "image": 8, "cells": 1},
    "nb301": {"channels": 4, "image": 8, "cells": 3, "auxiliary": False, "drop_path": 0.0},
    "nbnlp": {"tokens": 11, "embedding": 5, "hidden": 6},
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sample(space: Space, seed: int) -> Graphs:
    return space.sample(1, np.random.default_rng(seed))


def small(name: str, seed: int, **changes: Any) -> tuple[Graphs, nn.Module]:
    space = spaces.get(name)
    graphs = sample(space, seed)
    torch.manual_seed(seed)
    return graphs, networks.build(space, graphs, networks.settings(space, **SMALL[name] | changes))


def numel(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@contextmanager
def recorded(network: nn.Module) -> Iterator[dict[nn.Module, tuple[Tensor, Tensor]]]:
    """The first input and the output of each module that runs."""
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    hooks = [m.register_forward_hook(lambda m, i, o: seen.__setitem__(m, (i[0], o))) for m in network.modules()]
    yield seen
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_sizes_are_those_of_the_closed_forms(name: str, preset: str) -> None:
    space = spaces.get(name)
    # Three cells are one of each kind that a DARTS network has.
    chosen: Any = networks.settings(space, preset, **{"cells": 3} if name == "nb301" else {})
    for seed in range(2):
        graphs = sample(space, seed)
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            network = networks.build(space, graphs, chosen).eval()
            if name == "nbnlp":
                network(torch.zeros(1, 1, dtype=torch.long))
                # PyTorch leaves biases out: one for each number of a linear node, and one for each token.
                linear = (graphs.ops == space.node_types.index("linear")).sum()
                biases = linear * (2 * chosen.hidden + chosen.embedding) + chosen.tokens
            else:
                scores = network(torch.zeros(1, chosen.image_channels, chosen.image, chosen.image))
                assert scores.shape == (1, chosen.classes)
                biases = chosen.classes
        assert numel(network) == networks.params(space, graphs, chosen)[0]
        assert counter.get_total_flops() // 2 + biases == networks.flops(space, graphs, chosen)[0]


@pytest.mark.parametrize(("name", "preset"), [("nb201", "cifar10"), ("nb301", "cifar10-naslib")])
def test_every_layer_is_where_naslib_has_it(data: Path, name: str, preset: str) -> None:
    """NASLib's FLOPs also count activations, normalisations and poolings: the network itself must give its numbers."""
    space = spaces.get(name)
    filters = [("space", "==", name), ("dataset", "==", "cifar10")]
    table = pq.read_table(data / "zerocost" / "naslib_zero_cost.parquet", filters=filters).slice(10, 3)
    graphs = space.parse(table["arch"].combine_chunks().cast(pa.string())).graphs
    for row, published in enumerate(table["flops"].to_pylist()):
        with torch.device("meta"):
            network = networks.build(space, graphs.take(slice(row, row + 1)), networks.settings(space, preset)).eval()
            with recorded(network) as seen:
                network(torch.zeros(1, 3, 32, 32))
        assert sum(tensorwatch(module, *maps) for module, maps in seen.items()) == round(published * 1e6)


def tensorwatch(module: nn.Module, before: Tensor, after: Tensor) -> int:
    """FLOPs of one layer by the rules of the package that NASLib counts with."""
    if isinstance(module, nn.Conv2d):
        return after.numel() * module.weight[0].numel()
    if isinstance(module, nn.BatchNorm2d):
        return before.numel() * (2 if module.affine else 1)
    if isinstance(module, nn.ReLU):
        return before.numel()
    if isinstance(module, nn.AvgPool2d | nn.MaxPool2d):
        size: Any = module.kernel_size
        return after.numel() * size * size
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return before.shape[1] * (before.shape[2] + 1) * (before.shape[3] + 1)
    return module.weight.numel() if isinstance(module, nn.Linear) else 0


@pytest.mark.parametrize("seed", range(8))
def test_nb101_cells_follow_their_graphs(seed: int) -> None:
    graphs, network = small("nb101", seed)
    with recorded(network) as seen:
        network(torch.randn(2, 3, 8, 8))
    size = int(graphs.sizes[0, 0])
    adjacency = graphs.adjacency[0, 0, :size, :size]
    cells: Any = [module for module in network.modules() if type(module).__name__ == "Cell"]
    assert len(cells) == 3
    for cell in cells:
        for vertex in range(1, size):
            into = [seen[cell.operations[str(s)]][1] for s in range(1, vertex) if adjacency[s, vertex]]
            projected = [seen[cell.projections[str(vertex)]][1]] if adjacency[0, vertex] else []
            if vertex < size - 1:
                found = seen[cell.operations[str(vertex)]][0]
                expected = sum(value[:, : found.shape[1]] for value in into + projected)
            else:
                found = seen[cell][1]
                expected = sum(projected + ([torch.cat(into, dim=1)] if into else []))
            torch.testing.assert_close(found, expected)
        for projection in cell.projections.values():
            assert seen[projection][0] is seen[cell][0]


def test_nb201_adds_up_what_the_edges_carry() -> None:
    space = spaces.get("nb201")
    arch = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"
    network: Any = networks.build(space, space.parse(pa.array([arch])).graphs)
    images = torch.randn(2, 16, 4, 4)
    torch.testing.assert_close(network[1](images), 3 * images)
    arch = "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
    network = networks.build(space, space.parse(pa.array([arch])).graphs)
    assert not network[1](images).any()


@pytest.mark.parametrize("seed", range(3))
def test_darts_cells_follow_their_graphs(seed: int) -> None:
    graphs, network = small("nb301", seed)
    genotype = spaces.get("nb301").format(graphs)[0].as_py()
    kinds: Any = {}
    exec(f"kinds.update(dict({genotype.removeprefix('Genotype(').removesuffix(')')}))", {"kinds": kinds})
    with recorded(network) as seen:
        network(torch.randn(2, 3, 8, 8))
    cells: Any = [module for module in network.modules() if type(module).__name__ == "Cell"]
    for cell, kind in zip(cells, ("normal", "reduce", "reduce"), strict=True):
        maps = [seen[cell.older][1], seen[cell.newer][1]]
        channels = maps[0].shape[1]
        maps += seen[cell][1].split(channels, dim=1)
        for node in range(4):
            terms = []
            for number in (2 * node, 2 * node + 1):
                before, after = seen[cell.operations[number]]
                torch.testing.assert_close(before, maps[kinds[kind][number][1]])
                terms.append(after)
            torch.testing.assert_close(maps[2 + node], terms[0] + terms[1])
    assert [seen[cell][0].shape[2] // seen[cell][1].shape[2] for cell in cells] == [1, 2, 4]


@pytest.mark.parametrize("seed", range(8))
def test_language_models_compute_their_recipes(seed: int) -> None:
    graphs, network = small("nbnlp", seed)
    model: Any = network.eval()
    recipe = orjson.loads(spaces.get("nbnlp").format(graphs)[0].as_py())
    tokens = torch.tensor([[1, 2], [3, 10], [0, 4]])
    hidden = sum(name.startswith("h_new") for name in recipe)
    values = model.embedding.weight[tokens]
    for layer in model.layers:
        linears = list(layer.linears.values())
        width = len(linears[0].bias)
        states = [torch.zeros(2, width)] * hidden
        outputs = []
        for x in values:
            known = {"x": x} | {f"h_prev_{number}": state for number, state in enumerate(states)}
            waiting = iter(linears)
            for node, spec in recipe.items():
                known[node] = _reference(spec["op"], [known[source] for source in spec["input"]], waiting)
            states = [known[f"h_new_{number}"] for number in range(hidden)]
            outputs.append(states[0])
        values = torch.stack(outputs)
    scores, after = model(tokens)
    torch.testing.assert_close(scores, values @ model.embedding.weight.T + model.bias)
    torch.testing.assert_close(after[-1], torch.stack(states))
    # In two parts it is the same.
    first, between = model(tokens[:1])
    rest, _ = model(tokens[1:], between)
    torch.testing.assert_close(torch.cat([first, rest]), scores)


def _reference(op: str, inputs: list[Tensor], linears: Iterator[Any]) -> Tensor:
    if op == "linear":
        linear = next(linears)
        return linear.bias + sum(value @ weight.T for value, weight in zip(inputs, linear.weights, strict=True))
    if op == "blend":
        return inputs[0] * inputs[1] + (1 - inputs[0]) * inputs[2]
    functions: dict[str, Any] = {
        "activation_sigm": torch.sigmoid,
        "activation_tanh": torch.tanh,
        "activation_leaky_relu": nn.functional.leaky_relu,
        "elementwise_sum": torch.add,
        "elementwise_prod": torch.mul,
    }
    result: Tensor = functions[op](*inputs)
    return result


@pytest.mark.parametrize("name", ["nb101", "nb201", "nb301"])
def test_networks_learn(name: str) -> None:
    _, network = small(name, 5)
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(5):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_language_models_learn_and_drop() -> None:
    _, network = small("nbnlp", 5)
    tokens = torch.arange(6)[:, None]
    assert not torch.equal(network(tokens)[0], network(tokens)[0])
    optimizer = torch.optim.Adam(network.eval().parameters(), 0.05)
    for _ in range(20):
        loss = nn.functional.cross_entropy(network(tokens[:-1])[0].flatten(0, 1), tokens[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 2  # log 11 = 2.4 knows nothing


@pytest.mark.parametrize(("stem", "image"), [("cifar", 32), ("imagenet", 224)])
def test_the_auxiliary_classifier(stem: str, image: int) -> None:
    _, network = small("nb301", 0, stem=stem, image=image, auxiliary=True, drop_path=0.5, classes=7)
    model: Any = network
    scores, auxiliary = model.with_auxiliary(torch.randn(2, 3, image, image))
    assert scores.shape == auxiliary.shape == (2, 7)
    model.eval()
    images = torch.randn(2, 3, image, image)
    torch.testing.assert_close(model.with_auxiliary(images)[0], model(images))
    with pytest.raises(ValueError, match="no auxiliary"):
        small("nb301", 0)[1].with_auxiliary(images)  # type: ignore[operator]


def test_drop_path_drops_whole_images() -> None:
    from agnet.networks.modules.nb301 import DropPath

    torch.manual_seed(0)
    found = DropPath()(torch.ones(400, 3, 2, 2), 0.25).flatten(1)
    assert set(found[:, 0].tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert (found == found[:, :1]).all()
    assert abs(found.mean() - 1) < 0.1


def test_nb101_weights_start_as_in_tensorflow() -> None:
    _, network = small("nb101", 1, channels=128)
    stem: Any = network[0][0]  # type: ignore[index]
    assert stem.weight.std().item() == pytest.approx((1 / 27) ** 0.5, rel=0.05)
    assert stem.weight.abs().max() <= 2 * (1 / 27) ** 0.5 / 0.879
    dense: Any = list(network.modules())[-1]
    assert dense.weight.abs().max() <= (6 / (512 + 10)) ** 0.5
    assert not dense.bias.any()


def test_one_architecture_is_needed() -> None:
    space = spaces.get("nb201")
    with pytest.raises(ValueError, match="2 architectures where one is needed"):
        networks.build(space, space.sample(2, np.random.default_rng(0)))
