"""Networks trained on small images that are made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_array_equal

from agnet import benchmarks, networks, spaces
from agnet.benchmarks import catalogue
from agnet.benchmarks.base import Answer
from agnet.errors import AgnetError, InputError
from agnet.graphs import Graphs
from agnet.search.loop import Budget
from agnet.search.study import Study
from agnet.training.recipe import Recipe, names, values

SPACE = spaces.get("nb201")
CELLS = [
    "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
]
TINY = {"epochs": "3", "width": "4", "batch": "16", "validation": "0.25"}


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Upright, level and diagonal stripes in noise, 8×8 grey pixels."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:8, :8]
    patterns = np.stack([rows, columns, rows + columns]) // 2 % 2
    y = np.arange(180) % 3
    x = np.clip(patterns[y] * 0.6 + 0.2 + 0.1 * rng.standard_normal((180, 8, 8)), 0, 1)
    path = tmp_path_factory.mktemp("stripes") / "stripes.npz"
    np.savez(path, x_train=x[:150], y_train=y[:150], x_test=x[150:], y_test=y[150:])
    return str(path)


def _parse(cells: tuple[str, ...]) -> Graphs:
    parsed = SPACE.parse(pa.array(cells))
    assert not parsed.problems
    return parsed.graphs


def ask(cells: Graphs, data: str, space: str = "nb201", metrics: list[str] | None = None, **options: str) -> Answer:
    return benchmarks.load("train", space=space, options=TINY | {"data": data} | options).query(cells, metrics)


def test_learns_what_there_is_to_learn(stripes: str) -> None:
    found = ask(_parse((CELLS[0], CELLS[1])), stripes)
    assert not found.problems
    columns = found.columns
    assert list(columns) == ["val_acc", "test_acc", "train_time_s", "params_m"]
    assert columns["val_acc"][0] > 0.9
    assert columns["test_acc"][0] > 0.9
    losses = ask(_parse((CELLS[0],)), stripes, metrics=["val_loss", "test_loss", "train_loss"])
    assert all(0 < values[0] < np.log(3) for values in losses.columns.values())
    # nothing passes the cell, so all images are taken to be of one class: a third of them are
    assert [columns["val_acc"][1], columns["test_acc"][1]] == pytest.approx([1 / 3, 1 / 3])
    assert (columns["train_time_s"] > 0).all()
    assert_array_equal(columns["val_acc"] * 39 % 1 < 1e-9, True)  # a quarter of 50 of each class, rounded


def test_parameters_are_those_of_the_network(stripes: str) -> None:
    cells = _parse(tuple(CELLS))
    answered = ask(cells, stripes, metrics=["params_m"], epochs="1").columns["params_m"]
    settings = networks.settings(SPACE, channels=4, cells=1, classes=3, image=8, image_channels=1)
    for row, params in enumerate(answered):
        network = networks.build(SPACE, cells.take(slice(row, row + 1)), settings)
        assert params == sum(weights.numel() for weights in network.parameters()) / 1e6


def test_depends_on_the_seed_and_the_architecture_alone(stripes: str) -> None:
    cells = _parse(tuple(CELLS))
    names = ["train_loss", "val_acc", "test_acc"]
    found = ask(cells, stripes, metrics=names, augment="flip+crop+cutout", epochs="1")
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    turned = ask(cells.take(np.array([2, 0, 1])), stripes, metrics=names, augment="flip+crop+cutout", epochs="1")
    alone = ask(cells.take(slice(2, 3)), stripes, metrics=names, augment="flip+crop+cutout", epochs="1")
    assert torch.equal(torch.random.get_rng_state(), before)
    for name in names:
        assert_array_equal(turned.columns[name], found.columns[name][[2, 0, 1]])
        assert alone.columns[name][0] == found.columns[name][2]
    other = ask(cells, stripes, metrics=names, augment="flip+crop+cutout", epochs="1", seed="1")
    assert (other.columns["train_loss"] != found.columns["train_loss"]).all()
    both = ask(cells, stripes, metrics=names, augment="flip+crop+cutout", epochs="1", runs="2")
    for name in names:
        np.testing.assert_allclose(both.columns[name], (found.columns[name] + other.columns[name]) / 2, rtol=1e-12)
    plain = ask(cells, stripes, metrics=names, epochs="1")
    assert (plain.columns["train_loss"] != found.columns["train_loss"])[[0, 2]].all()


def test_a_training_that_diverges_is_a_problem_of_its_architecture(stripes: str) -> None:
    found = ask(_parse((CELLS[0],)), stripes, lr="1e30")
    assert np.isnan(found.columns["val_acc"]).all()
    assert found.problems[0].startswith("training diverged: the loss is ")
    assert found.problems[0].endswith("in epoch 1")


@pytest.mark.parametrize(
    ("space", "options"),
    [
        ("nb101", {"width": "8"}),
        ("nb301", {"width": "4", "depth": "3"}),
        ("nb301", {"width": "4", "depth": "3", "drop_path": "0.3", "clip": "5", "smoothing": "0.1"}),
        ("nb201", {"optimizer": "adamw", "lr": "0.01", "schedule": "exponential"}),
    ],
)
def test_other_spaces_and_recipes(stripes: str, space: str, options: dict[str, str]) -> None:
    cells = spaces.get(space).sample(1, np.random.default_rng(3))
    found = ask(cells, stripes, space=space, **(options | {"epochs": "2"}))
    assert not found.problems
    assert found.columns["val_acc"][0] > 0.5  # of three classes


def test_a_recipe_of_ones_own(tmp_path: Path, stripes: str) -> None:
    cells = _parse((CELLS[0],))
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 2\nwidth = 4\nlr = 0.05\nvalidation = 0.25\nbatch = 16\ndepth = 1\n")
    loaded = benchmarks.load("train", space="nb201", options={"data": stripes, "recipe": str(path)})
    other = benchmarks.load("train", space="nb201", options={"data": stripes, "recipe": str(path), "lr": "0.1"})
    losses = [made.query(cells, ["train_loss"]).columns["train_loss"][0] for made in (loaded, other)]
    assert losses[0] != losses[1]
    for text, said in (
        ("epochs = 'x'", "give an integer"),
        ("epoch = 1", "did you mean 'epochs'"),
        ("=", "not TOML"),
        ("a = " + "[" * 9000, "not TOML"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            benchmarks.load("train", space="nb201", options={"data": stripes, "recipe": str(path)})


def test_what_is_wrong_is_said_before_anything_is_trained(tmp_path: Path, stripes: str) -> None:
    for space, options, said in (
        ("nbnlp", {}, "train trains on images, architectures of nb101, nb201, nb301; networks of nbnlp read text"),
        ("nb201", {"data": ""}, r"say which images: --data digits, a folder or a .npz file"),
        ("nb201", {"epoch": "3"}, "train has no option 'epoch'; did you mean 'epochs'"),
        ("nb201", {"epochs": "0"}, "epochs 0: must be at least 1"),
        ("nb201", {"lr": "0"}, "lr 0.0: must be above 0"),
        ("nb201", {"lr": "nan"}, "lr nan: must be above 0"),
        ("nb201", {"augment": "flop"}, "augment: no step is called 'flop'; did you mean 'flip'"),
        ("nb201", {"recipe": "nb21"}, "no recipe is called 'nb21'; did you mean 'nb201'"),
        ("nb201", {"schedule": "step"}, "no schedule is called 'step'"),
        ("nb201", {"seed": "-1"}, "seed=-1: must not be negative"),
        ("nb201", {"runs": "0"}, "runs=0: must be at least 1"),
    ):
        with pytest.raises(InputError, match=said):
            benchmarks.load("train", space=space, options={"data": stripes} | options)
    cells = _parse((CELLS[0],))
    for options, said in (
        ({"data": str(tmp_path / "none")}, "there is no such file or folder"),
        ({"validation": "0"}, "validation=0: there are no other images to choose by"),
        ({"device": "tpu9"}, "device=tpu9: "),
        ({"network": "imagenet"}, "no network of nb201 is called 'imagenet'"),
        ({"auxiliary": "0.4"}, "only networks of nb301 have an auxiliary classifier"),
    ):
        with pytest.raises(InputError, match=said):
            ask(cells, **({"data": stripes} | options))
    np.savez(tmp_path / "odd.npz", x=np.zeros((20, 9, 8), np.uint8), y=np.arange(20) % 2)
    with pytest.raises(InputError, match="image 9: must be a multiple of 4"):
        ask(cells, str(tmp_path / "odd.npz"))
    with pytest.raises(InputError, match="there are no runs to draw from"):
        benchmarks.load("train", space="nb201", options={"data": stripes}).query(cells, draw=(1,))


def test_a_search_trains(tmp_path: Path, stripes: str) -> None:
    given = TINY | {"data": stripes, "epochs": "1"}
    study = Study("train", "val_acc", True, "random", budget=Budget(4, 2, 2), space="nb201", given=given)
    first = study.run((0,)).values.tolist()
    journal = tmp_path / "journal"
    with pytest.raises(_Stop):
        study.run((0,), journal=journal, on_answers=_stop)
    recorded = journal.read_text().splitlines()
    assert len(recorded) == 3  # a header, and what was trained
    assert study.run((0,), journal=journal, resume=True).values.tolist() == first


def test_a_search_whose_trainings_all_diverge_says_so(stripes: str) -> None:
    given = TINY | {"data": stripes, "lr": "1e30"}
    study = Study("train", "val_acc", True, "random", budget=Budget(4, 2, 2), space="nb201", given=given)
    with pytest.raises(AgnetError, match=r"none of the first 2 architectures could be evaluated: .*training diverged"):
        study.run((0,))


class _Stop(Exception):
    pass


def _stop(_: object) -> None:
    raise _Stop


def test_recipes_that_come_along() -> None:
    recipes = {name: Recipe(**values(name)) for name in names()}
    assert set(recipes) == {"quick", "nb201", "darts-cifar10", "darts-imagenet"}
    nb201 = recipes["nb201"]
    assert (nb201.epochs, nb201.batch, nb201.lr, nb201.weight_decay) == (200, 256, 0.1, 5e-4)
    assert nb201.rate(0, 0.9) == 0.1
    assert nb201.rate(100, 0.5) == pytest.approx(0.05)
    assert recipes["quick"].rate(11, 0.999) < 1e-6
    assert recipes["darts-imagenet"].rate(2, 0.5) == pytest.approx(0.1 * 0.97**2)


def test_the_recipe_of_darts_on_imagenet(tmp_path: Path) -> None:
    """Its stem, auxiliary classifier and augmentation, on a smaller network and few images."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (4, 224, 224, 3), dtype=np.uint8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "images.npz", train_x=x, train_y=y, val_x=x, val_y=y)
    given = {"data": str(tmp_path / "images.npz"), "recipe": "darts-imagenet", "epochs": "1", "batch": "2"}
    cell = spaces.get("nb301").sample(1, np.random.default_rng(0))
    benchmark = benchmarks.load("train", space="nb301", options=given | {"width": "4", "depth": "3"})
    found = benchmark.query(cell, ["val_acc", "test_acc", "train_loss"])
    assert not found.problems
    assert 0 <= found.columns["val_acc"][0] <= 1
    assert np.isnan(found.columns["test_acc"][0])  # there are no images for it
    assert found.columns["train_loss"][0] > np.log(2)  # that of the auxiliary classifier is in it


def test_the_recipe_of_nb201_trains_its_network(tmp_path: Path) -> None:
    """On images of CIFAR's shape, each epoch's rate as published; its parameters are those in the benchmark's table."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=x, y_train=np.arange(40) % 10, x_test=x[:10], y_test=np.arange(10))
    cells = _parse((CELLS[0], CELLS[2]))
    given = {"data": str(tmp_path / "images.npz"), "recipe": "nb201", "epochs": "1", "batch": "10"}
    found = benchmarks.load("train", space="nb201", options=given).query(cells, ["params_m", "val_acc"])
    assert not found.problems
    published = benchmarks.get("nb201/cifar10").query(cells, ["params_m"]).columns["params_m"]
    np.testing.assert_allclose(found.columns["params_m"], published, atol=1e-6)
    assert (found.columns["val_acc"] * 20 % 1 < 1e-9).all()  # half of four images of each class


def test_is_listed_without_images() -> None:
    benchmark = benchmarks.get("train")
    assert benchmark.missing() is None
    assert benchmark.name in benchmarks.open_names()
    text = catalogue.text()
    assert "train: a training of the network on images of yours" in text
    assert "val_acc" in text[text.index("\ntrain: ") :]
