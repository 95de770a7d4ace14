from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agnet import spaces
from agnet.errors import InputError
from agnet.generator import checkpoint
from agnet.generator.autoregressive import condition
from agnet.generator.autoregressive.config import Config
from agnet.generator.autoregressive.decisions import Decisions, decisions
from agnet.generator.autoregressive.likelihood import Likelihood
from agnet.generator.autoregressive.network import Network
from agnet.generator.sampling import Generation

_SHIPPED = [name for name in spaces.names() if name in checkpoint.shipped()]


def _config(*, cells: int = 1, operands: int = 1, metrics: tuple[str, ...] = ()) -> Config:
    return Config(cells, 4, 3, operands, width=8, hidden=4, layers=2, groups=4, metrics=metrics)


def _parameters(config: Config) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(size).astype(np.float32) for name, size in config.parameter_shapes().items()}


def _all(config: Config) -> Decisions:
    """Every cell of up to four nodes, of three types, with up to so many kinds of edges."""
    found: dict[tuple[bytes, bytes], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for types in product(range(3), repeat=2):
        size = next((i for i, kind in enumerate(types, 1) if kind == 0), 3)
        for edges in product(range(config.operands + 1), repeat=6):
            if any(edges[size * (size + 1) // 2 :]) or any(types[size:]):
                continue
            rows = (np.array([*types, 0]), np.array(edges), np.arange(3) < size)
            found[rows[0].tobytes(), rows[1].tobytes()] = rows
    return Decisions(*(np.array(part) for part in zip(*found.values(), strict=True)))


@pytest.mark.parametrize("operands", [1, 2])
def test_the_likelihoods_of_all_cells_sum_to_one(operands: int) -> None:
    config = _config(operands=operands)
    with torch.no_grad():
        losses = Likelihood(config, _parameters(config))(_all(config))
    assert float((-losses).exp().sum()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("operands", [1, 2])
def test_cells_are_drawn_as_often_as_they_are_likely(operands: int) -> None:
    config = _config(operands=operands, metrics=("val_acc",))
    parameters, shares = _parameters(config), np.array([0.05])
    n = 200_000
    latent = np.random.default_rng(1).standard_normal((n, config.latent_length), np.float32)
    drawn = decisions(Network(config, parameters, shares).graphs(latent), ordered=operands > 1)
    rows, counts = np.unique(np.hstack(drawn), axis=0, return_counts=True)
    batch = Decisions(rows[:, :3], rows[:, 3:9], rows[:, 9:].astype(np.bool_))
    features = np.repeat(condition.features(shares)[None], len(rows), axis=0)
    with torch.no_grad():
        expected = n * (-Likelihood(config, parameters)(batch, features)).exp().numpy()
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 5).all()


def test_two_cells_are_drawn_as_often_as_they_are_likely() -> None:
    """Of cells that are not all of one size: what one cell is decides what the next can be expected to be."""
    config = _config(cells=2)
    parameters = _parameters(config)
    n = 200_000
    latent = np.random.default_rng(1).standard_normal((n, config.latent_length), np.float32)
    drawn = decisions(Network(config, parameters).graphs(latent), ordered=False)
    rows, counts = np.unique(np.hstack(drawn), axis=0, return_counts=True)
    batch = Decisions(rows[:, :6], rows[:, 6:18], rows[:, 18:].astype(np.bool_))
    with torch.no_grad():
        expected = n * (-Likelihood(config, parameters)(batch)).exp().numpy()
    assert expected.sum() > 0.9 * n
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 5).all()


def test_a_batch_of_small_cells_has_the_likelihoods_of_a_mixed_one() -> None:
    config = _config(operands=2)
    network, cells = Likelihood(config, _parameters(config)), _all(config)
    small = np.flatnonzero(cells.used.sum(axis=1) < 3)
    assert 0 < len(small) < len(cells)
    with torch.no_grad():
        torch.testing.assert_close(network(cells.take(small)), network(cells)[torch.from_numpy(small)])


@given(st.floats(-4, 4), st.floats(1e-6, 1e-3))
def test_a_latent_that_moves_a_little_changes_the_end_of_its_row_first(at: float, step: float) -> None:
    config = _config()
    latent = np.array([[0.3, at, 0.1], [0.3, at + step, 0.1]], np.float32)
    first, second = np.hstack(decisions(Network(config, _parameters(config)).graphs(latent), ordered=False)[:2])
    assert first[0] == second[0]
    changed = np.flatnonzero(first != second)
    if len(changed):
        # The interval of a choice ends where its neighbour's begins.
        assert abs(int(first[changed[0]]) - int(second[changed[0]])) == 1 or changed[0] < 3


def test_nothing_asked_for_adds_nothing() -> None:
    config = _config(metrics=("val_acc",))
    parameters = _parameters(config)
    latent = np.random.default_rng(1).standard_normal((100, config.latent_length), np.float32)
    plain, unasked, asked = (
        Network(config, parameters, shares).graphs(latent) for shares in (None, np.array([np.nan]), np.array([0.01]))
    )
    assert (plain.adjacency == unasked.adjacency).all()
    assert (plain.adjacency != asked.adjacency).any()


@pytest.mark.parametrize("name", _SHIPPED)
def test_generators_that_come_along_follow_their_space(name: str) -> None:
    space, generator = spaces.get(name), checkpoint.load(name)
    samples = Generation(generator, space, 2000, (1,), keep_invalid=True)
    list(samples)
    assert samples.tally.valid > 1985
    drawn = Generation(generator, space, 2000, (1,), unique=space.identity, max_samples=2000)
    found = sum(len(block.graphs) for block in drawn)
    graphs = space.sample(2000, np.random.default_rng(0))
    expected = len(space.keys(graphs).unique())
    assert found > 0.97 * expected


def test_targets() -> None:
    quantiles = np.array([1 - condition.TABLE, 10 * condition.TABLE])
    metrics = ("val_acc", "latency_ms")

    def shares(*texts: str) -> list[float]:
        return condition.shares(condition.parse_targets(texts), metrics, quantiles).tolist()

    assert shares("val_acc=top1%", "latency_ms=top50%") == [0.01, 0.5]
    assert shares("val_acc=0.75", "latency_ms=2.5") == pytest.approx([0.25, 0.25])
    assert shares("val_acc=7") == pytest.approx([0, np.nan], nan_ok=True)
    features = condition.features(np.array([0.01, 0.001, 1.0, np.nan]))
    assert features.tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0] * 5]


@pytest.mark.parametrize(
    "text", ["val_acc", "=1", "val_acc=", "val_acc=good", "val_acc=top0%", "val_acc=top1", "val_acc=nan", "acc=top1%"]
)
def test_targets_that_make_no_sense(text: str) -> None:
    with pytest.raises(InputError, match="target"):
        condition.shares(condition.parse_targets([text]), ("val_acc",), np.zeros((1, len(condition.TABLE))))


def test_another_kind_of_generator_is_refused() -> None:
    space = spaces.get("nb201")
    generator = checkpoint.load("nb201")
    with pytest.raises(InputError, match="AG-Net's own generator"):
        generator.network()
    with pytest.raises(InputError, match="targets"):
        Generation(checkpoint.load("nb201-agnet"), space, 1, (0,), targets={"val_acc": "top1%"})


def test_sizes_of_a_damaged_header_are_refused() -> None:
    config = _config().to_json()
    assert Config.from_json(config) == _config()
    for change in ({"width": 0}, {"width": 9}, {"nodes": 10**6}, {"layers": "2"}, {"nodes": 1}, {"more": 1}):
        with pytest.raises((ValueError, TypeError, KeyError)):
            Config.from_json(config | change)
    with pytest.raises(ValueError, match="range"):
        Config.from_json(replace(_config(), width=4096, nodes=4096, types=4096).to_json())
