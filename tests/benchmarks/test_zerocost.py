"""Untrained networks as a benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import spearmanr

from agnet import arrow, benchmarks, networks, spaces
from agnet.errors import InputError
from agnet.graphs import Graphs

SMALL = {"seeds": "2", "batch": "6", "ntk_batch": "5", "image": "8"}
TINY = {
    "nb101": "channels=5,cells=1",
    "nb201": "channels=4,cells=1",
    "nb301": "channels=2,cells=3",
}


def ask(space: str, graphs: Graphs, metrics: list[str] | None = None, **options: str) -> dict[str, np.ndarray]:
    answer = benchmarks.load("zerocost", space=space, options=SMALL | {"network": TINY[space]} | options).query(
        graphs, metrics
    )
    assert not answer.problems
    return answer.columns


@pytest.mark.parametrize("space", TINY)
def test_scores_do_not_depend_on_what_else_is_asked(space: str) -> None:
    graphs = spaces.get(space).sample(3, np.random.default_rng(0))
    names = ["ntk", "regions", "naswot", "synflow", "jacov", "grad_norm", "snip", "params_m", "flops_m"]
    together = ask(space, graphs)
    assert list(together) == names
    torch.rand(3)
    for row in (2, 0):
        alone = ask(space, graphs.take(np.array([row])), ["fisher", "grasp", *reversed(names)])
        for name in names:
            np.testing.assert_array_equal(alone[name][0], together[name][row])
    assert ask(space, graphs, ["naswot"], seed="1")["naswot"].tolist() != together["naswot"].tolist()


def test_seeds_are_averaged() -> None:
    graphs = spaces.get("nb201").sample(2, np.random.default_rng(0))
    one, two = (ask("nb201", graphs, ["snip"], seeds=n)["snip"] for n in ("1", "2"))
    assert (two != one).all()
    benchmark = benchmarks.load("zerocost", space="nb201", options=SMALL | {"network": TINY["nb201"]})
    state = torch.random.get_rng_state()
    benchmark.query(graphs, ["snip"])
    assert torch.equal(state, torch.random.get_rng_state())


def test_networks_are_those_of_the_data(tmp_path: Path) -> None:
    space = spaces.get("nb201")
    graphs = space.sample(2, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    path = tmp_path / "grey.npz"
    np.savez(path, x=rng.integers(256, size=(50, 12, 12), dtype=np.uint8), y=np.arange(50) % 7)
    found = ask("nb201", graphs, data=str(path), image="0")
    settings = networks.settings(space, channels=4, cells=1, classes=7, image=12, image_channels=1)
    assert found["params_m"].tolist() == (networks.params(space, graphs, settings) / 1e6).tolist()
    assert found["flops_m"].tolist() == (networks.flops(space, graphs, settings) / 1e6).tolist()
    assert np.isfinite(found["snip"]).all()
    whole = ask("nb201", graphs, ["ntk"], data=str(path), image="0", thin="no")["ntk"]
    assert (whole != found["ntk"]).all()
    assert (ask("nb201", graphs, ["regions"], data=str(path), image="0", dims="0")["regions"] > 100).all()


def test_what_lets_nothing_through_has_no_score_and_no_problem() -> None:
    graphs = spaces.get("nb201").parse(arrow.strings(["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"])).graphs
    found = ask("nb201", graphs)
    assert np.isnan([found[name][0] for name in ("ntk", "naswot", "jacov")]).all()
    assert found["synflow"][0] == 0
    assert found["regions"][0] == 1


def test_directions() -> None:
    found = benchmarks.load("zerocost", space="nb201").metrics
    smaller = {metric.name for metric in found if metric.direction == "minimize"}
    assert smaller == {"ntk", "params_m", "flops_m"}


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ("nb201", {"proxies": "naswt"}, "did you mean 'naswot'"),
        ("nb201", {"seeds": "0"}, "at least 1"),
        ("nb201", {"dims": "-1"}, "must not be negative"),
        ("nb201", {"sedes": "1"}, "did you mean 'seeds'"),
        ("nbnlp", {}, "take images"),
    ],
)
def test_wrong_options(space: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        benchmarks.load("zerocost", space=space, options=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"device": "nowhere"}, "cpu always works"), ({"image": "6"}, "multiple"), ({"data": "/no/such"}, "no such")],
)
def test_wrong_values(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask("nb201", spaces.get("nb201").sample(1, np.random.default_rng(0)), **options)


@pytest.mark.parametrize("space", ["nb201", "nb301"])
def test_agrees_with_published_scores(data: Path, space: str) -> None:
    filters = [("space", "==", space), ("dataset", "==", "cifar10")]
    table = pq.read_table(data / "zerocost" / "naslib_zero_cost.parquet", filters=filters).slice(20, 20)
    graphs = spaces.get(space).parse(table["arch"].combine_chunks()).graphs
    sizes = benchmarks.load("zerocost", space=space, options={"proxies": "params_m,flops_m"}).query(graphs).columns
    assert spearmanr(sizes["params_m"], table["params"].to_numpy())[0] == pytest.approx(1)
    # NASLib's count poolings, normalisations and activations besides
    assert spearmanr(sizes["flops_m"], table["flops"].to_numpy())[0] > 0.98
    found = benchmarks.load("zerocost", space=space, options={"seeds": "1", "proxies": "synflow"}).query(graphs)
    assert spearmanr(found.columns["synflow"], table["synflow"].to_numpy())[0] > 0.95
    few = graphs.take(slice(0, 12 if space == "nb201" else 4))
    given = {"seeds": "1", "batch": "32", "proxies": "naswot"}
    naswot = benchmarks.load("zerocost", space=space, options=given).query(few).columns["naswot"]
    published = table["nwot"].to_numpy()[: len(few)]
    # noise is told apart more easily than photographs
    np.testing.assert_allclose(naswot, published, rtol=0.15)
    assert spearmanr(naswot, published)[0] > 0.7
