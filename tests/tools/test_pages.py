"""Every command of the tutorial, the cookbook and other pages, and every example, runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from agnet import spaces

from .conftest import Shell

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["tutorial", "cookbook", "faq", "streams", "generators", "scaling"])
def test_commands_of_a_page(shell: Shell, page: str) -> None:
    if page == "tutorial":
        pytest.importorskip("sklearn")
        pytest.importorskip("matplotlib")
    blocks = re.findall(r"```sh\n(.*?)```", (_ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    assert blocks
    done = shell("set -eu -o pipefail\n" + "\n".join(blocks))
    assert done.returncode == 0, done.stderr
    assert not re.search("raceback", done.stderr)


def test_commands_of_the_readme(shell: Shell, tmp_path: Path) -> None:
    """All but the loop, which tests/pipelines has; with fewer queries and epochs."""
    for package in ("sklearn", "PIL", "matplotlib"):
        pytest.importorskip(package)
    from PIL import Image

    for number in range(24):
        folder = tmp_path / "images" / ("dark", "light")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 99, (8, 8, 3)).astype(np.uint8) + number % 2 * 150
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    blocks = re.findall(r"```sh\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    blocks = [block for block in blocks if "for round in" not in block]
    assert len(blocks) == 3
    script = "\n".join(blocks)
    for slow, quick in {
        "train-gen --space nb201": "train-gen --space nb201 --sample 200 --epochs 1",
        "--queries 192": "--queries 20",
        "-n 1000": "-n 100 --max-samples 2000",
        "./images --queries 64": "./images --queries 2 --with epochs=1 --with width=4",
        "--queries 48": "--queries 2",
    }.items():
        assert slow in script
        script = script.replace(slow, quick)
    done = shell(f"set -eu -o pipefail\n{script}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "history.jsonl").read_bytes().count(b"\n") == 2


def test_commands_of_export(shell: Shell) -> None:
    pytest.importorskip("onnxscript")
    page = (_ROOT / "tools" / "export" / "README.md").read_text()
    script = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    assert "--network imagenet" in script
    script = script.replace("--network imagenet", "--network cifar10,channels=4,cells=2")
    done = shell(f"set -eu -o pipefail\n{script}")
    assert done.returncode == 0, done.stderr
    load, build = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    genotype = f"genotype = {spaces.get('nb301').example!r}"
    training = build.replace("with_auxiliary(images)", "train().with_auxiliary(images)")
    images, shape = "images = torch.zeros(2, 3, 32, 32)", "print([*scores.shape])"
    code = "\n".join(["import torch", images, load, shape, genotype, training, shape])
    run = shell(f"python - <<'END'\n{code}\nEND\n")
    assert run.stdout == "[2, 10]\n[2, 7]\n", run.stderr


def test_all_pages_with_commands_are_tested() -> None:
    elsewhere = {"benchmarks", "training", "zero-cost", "adding-a-space"}
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for page in (_ROOT / "docs").glob("*.md"):
        if "```sh\n" in page.read_text():
            assert f'"{page.stem}"' in tests or (page.stem in elsewhere and f"{page.name}" in tests), page.name


@pytest.mark.parametrize(
    ("name", "settings", "made"),
    [
        ("agnet-nb201", "TRIALS=1 QUERIES=20", "curve.svg"),
        ("latency", "QUERIES=12", "limits.jsonl"),
        ("digits", "QUERIES=3 EPOCHS=1", "digits.jsonl"),
        ("surrogates", "N=30 SURROGATES='gp bayes'", "seen.jsonl"),
        ("ci", "N=50", "seen.jsonl"),
        ("demo", "TRIALS=1 QUERIES=18", "demo/cell.png"),
    ],
)
def test_examples(shell: Shell, tmp_path: Path, name: str, settings: str, made: str) -> None:
    if name == "digits":
        pytest.importorskip("sklearn")
    if name in ("demo", "agnet-nb201"):
        pytest.importorskip("matplotlib")
    done = shell(f"{settings} bash {_ROOT}/examples/{name}.sh")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / made).stat().st_size
    assert done.stdout or name == "agnet-nb201"


def test_ci_fails_where_the_correlation_is_too_low(shell: Shell) -> None:
    assert shell(f"N=40 LEAST=0.99 bash {_ROOT}/examples/ci.sh").returncode == 1


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text()
    assert all(f'"{path.stem}"' in text for path in (_ROOT / "examples").glob("*.sh"))
