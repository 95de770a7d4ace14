from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agnet import spaces
from agnet.encodings import edge_vector
from agnet.errors import InputError
from agnet.generator import checkpoint
from agnet.generator.adaptation import Settings, adapt, rank_weights
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.network import Targets
from agnet.generator.sampling import Generation
from agnet.graphs import Graphs
from agnet.seeds import numpy_stream
from agnet.seen import Seen, hashes

NB201 = spaces.get("nb201")


@pytest.mark.parametrize("name", ["NASBench101", "NASBench201", "NASBench301", "NASBenchNLP"])
def test_published_weights_give_the_published_scores(data: Path, name: str) -> None:
    from agnet.generator import published

    reference = np.load(data / "agnet" / "reference_scores.npz")
    generator = published.import_published(str(data / "agnet" / f"{name}.best.model"))
    z = np.tile(reference[f"{name}_z"], (1, generator.config.cells))
    types, edges = generator.network(double=True).scores(z)
    n = len(types)
    # the published code computes in single precision, and scores reach a hundred
    assert np.allclose(types[:, 0].reshape(n, -1), reference[f"{name}_nodes"], rtol=1e-5, atol=1e-4)
    assert np.allclose(edges[:, 0], reference[f"{name}_edges"], rtol=1e-5, atol=1e-4)


def test_gradient_is_that_of_the_loss() -> None:
    graphs = NB201.sample(6, np.random.default_rng(0))
    config = checkpoint.Config.of(NB201)
    config = type(config)(config.cells, config.shape, ("val_acc",))
    made = Checkpoint("nb201", config, config.initial_parameters(numpy_stream((0,), "test")))
    network = made.network(double=True)
    z = np.random.default_rng(1).standard_normal((6, config.latent_length)).astype(np.float32)
    targets = Targets(graphs.ops, edge_vector(graphs.adjacency), np.linspace(0.5, 0.9, 6)[:, None], np.arange(1.0, 7))

    def loss() -> float:
        total = 0.0
        for row in range(6):
            one = Targets(*(None if part is None else part[row : row + 1] for part in targets))
            parts = network.learn(z[row : row + 1], one, alpha=0.9)
            total += float(targets.weights[row]) * (0.1 * parts.reconstruction + 0.9 * parts.prediction) / 6  # type: ignore[index]
        return total

    network.learn(z, targets, alpha=0.9)
    gradient = np.array(network.gradient)
    rng = np.random.default_rng(2)
    step = 1e-6
    for i in rng.choice(len(gradient), 40, replace=False):
        before = network.vector[i]
        network.vector[i] = before + step
        above = loss()
        network.vector[i] = before - step
        below = loss()
        network.vector[i] = before
        assert (above - below) / (2 * step) == pytest.approx(gradient[i], abs=1e-6, rel=1e-3)


def test_shipped_generator_follows_the_space() -> None:
    generation = Generation(checkpoint.load("nb201-agnet"), NB201, 10_000, (1,), keep_invalid=True)
    blocks = list(generation)
    assert generation.tally.valid >= 9_900
    graphs = Graphs.concat([block.graphs.take(block.valid) for block in blocks])
    # 10,000 uniform draws give 7,385 distinct cells
    assert len(np.unique(NB201.index(graphs))) >= 0.95 * 7_385


def test_short_samples_are_the_beginning_of_long_ones() -> None:
    generator = checkpoint.load("nb201-agnet")

    def arch(n: int) -> list[str]:
        return [a for block in Generation(generator, NB201, n, (5,)) for a in NB201.format(block.graphs).to_pylist()]

    assert arch(300) == arch(1000)[:300]


def test_unique_stops_when_the_space_is_exhausted() -> None:
    graphs = Graphs.concat(list(NB201.enumerate()))
    seen = Seen()
    seen.add(hashes(NB201.format(graphs.take(slice(0, 15_600)))))
    generation = Generation(checkpoint.load("nb201-agnet"), NB201, 100, (0,), unique="arch", exclude=seen)
    found = sum(len(block.graphs) for block in generation)
    assert found == generation.tally.found <= 25
    assert generation.tally.shortfall


def test_adaptation_prefers_what_ranks_high() -> None:
    graphs = NB201.sample(64, np.random.default_rng(3))
    # good are cells without 'none' and pooling
    values = -np.isin(graphs.ops, (4, 6)).sum(axis=(1, 2)).astype(float)
    start = checkpoint.load("nb201-agnet")
    adapted = adapt(
        start, graphs, (0,), rank_by=values, metrics=("val_acc",), values=values[:, None], settings=Settings(epochs=20)
    )

    def bad(generator: Checkpoint) -> float:
        made = Graphs.concat([block.graphs for block in Generation(generator, NB201, 500, (0,))])
        return float(np.isin(made.ops, (4, 6)).sum(axis=(1, 2)).mean())

    assert bad(adapted) < 0.6 * bad(start)
    again = adapt(
        start, graphs, (0,), rank_by=values, metrics=("val_acc",), values=values[:, None], settings=Settings(epochs=20)
    )
    assert adapted.to_bytes() == again.to_bytes()


def test_rank_weights() -> None:
    assert rank_weights(np.array([0.1, 0.9, 0.5])).tolist() == pytest.approx([1 / 2.03, 1 / 0.03, 1 / 1.03])
    assert rank_weights(np.array([0.1, 0.9]), maximize=False).argmax() == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q", b"\x10" + bytes(40), b"{}" * 50])
def test_what_is_no_checkpoint(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^x: "):
        checkpoint.parse(content, "x")


def test_damaged_checkpoints() -> None:
    whole = checkpoint.load("nb201-agnet").to_bytes()
    assert checkpoint.parse(whole, "x").to_bytes() == whole
    for cut in (7, 100, 2000, len(whole) - 1):
        with pytest.raises(InputError, match=r"^x: "):
            checkpoint.parse(whole[:cut], "x")
