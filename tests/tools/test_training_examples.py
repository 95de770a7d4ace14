"""The page about training does what it says, on a folder of tiny images."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from .conftest import Cli, Shell

_PAGE = Path(__file__).parents[2] / "docs" / "training.md"
_EXAMPLES = re.findall(r"```sh\n(.*?)```", _PAGE.read_text(), re.DOTALL)
_TINY = ("--with", "epochs=1", "--with", "width=4")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Dark and light images of 8×8 pixels, ten of each."""
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 128)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(low, low + 128, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.parametrize("example", [example for example in _EXAMPLES if "digits" not in example])
def test_examples(shell: Shell, images: Path, example: str) -> None:
    done = shell(f"set -e\n{example}")
    assert done.returncode == 0, done.stderr
    records = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert records
    for record in records:
        assert 0 <= record["val_acc"] <= 1
        assert 0 <= record["test_acc"] <= 1


def test_data_is_short_for_an_option(cli: Cli, images: Path) -> None:
    cells = cli("encode", "--space", "nb201", "--random", 2, "--seed", 4).stdout
    one = cli("query", "train", "--data", images, *_TINY, stdin=cells).records
    other = cli("query", "train", "--with", f"data={images}", *_TINY, stdin=cells).records
    assert [record["val_acc"] for record in one] == [record["val_acc"] for record in other]
    wrong = cli("query", "train", "--data", "a", "--with", "data=b", stdin=cells, status=2)
    assert wrong.stderr == "query: --with data is given twice\n"
    wrong = cli("query", "train", stdin=cells, status=2)
    assert wrong.stderr.startswith("query: train: say which images: --data digits")
    wrong = cli("query", "nb201/cifar10", "--data", images, stdin=cells, status=2)
    assert "nb201/cifar10 has no options" in wrong.stderr


def test_what_diverges_is_kept_with_the_reason(cli: Cli, images: Path) -> None:
    cells = cli("encode", "--space", "nb201", "--random", 2, "--seed", 4).stdout
    given = ("--data", images, *_TINY, "--with", "lr=1e30", "--with", "batch=4")
    records = cli("query", "train", *given, "--on-error", "keep", stdin=cells).records
    assert [record["error"] for record in records] == ["arch: training diverged: the loss is nan in epoch 1"] * 2
    assert cli("query", "train", *given, stdin=cells, status=2).stderr.count("\n") == 1


def test_answers_are_written_as_they_come(cli: Cli, images: Path) -> None:
    """What was trained before a wrong record is not lost."""
    cells = cli("encode", "--space", "nb201", "--random", 2, "--seed", 4).stdout + b'{"space":"nb201","arch":"?"}\n'
    done = cli("query", "train", "--data", images, *_TINY, stdin=cells, status=2)
    assert len(done.records) == 2


def test_a_search_of_ones_own_images(cli: Cli, images: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    given = ("--space", "nb201", "--benchmark", "train", *_TINY, "--strategy", "random", "--queries", 3, "-o", history)
    wrong = cli("search", *given, "--data", tmp_path / "none", status=2)
    assert "there is no such file or folder" in wrong.stderr
    (images / "dark" / "11.png").write_text("no image")
    wrong = cli("search", *given, "--data", images, status=2)
    assert "11.png: not read as an image" in wrong.stderr
    assert not [*tmp_path.glob("history*")]  # no journal stands in the way of the next attempt
    (images / "dark" / "11.png").unlink()
    found = cli("search", *given, "--data", images)
    answered = [orjson.loads(line) for line in history.read_bytes().splitlines()]
    assert len(answered) == 3
    assert found.records[0]["val_acc"] == max(record["val_acc"] for record in answered)


def test_the_catalogue_knows_it(cli: Cli) -> None:
    rows = [row for row in cli("query", "--list", "--format", "jsonl").records if row["benchmark"] == "train"]
    assert [row["metric"] for row in rows] == [
        "val_acc",
        "test_acc",
        "train_time_s",
        "params_m",
        "val_loss",
        "test_loss",
        "train_loss",
    ]
    assert rows[0]["space"] is None
    assert "any architecture" in cli("benchmarks", "info", "train").stdout.decode()
