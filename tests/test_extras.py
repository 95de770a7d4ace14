"""What is not installed names the pip line that brings it: every extra, with its packages hidden."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.tools.conftest import Cli, cli

__all__ = ["cli"]  # a fixture
_ROOT = Path(__file__).parents[1]
_CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|{}~2|"
_SEEN = "".join(
    f'{{"space": "nb201", "arch": "{_CELL.format(op)}", "val_acc": 0.{n}, "latent": [{n}, 1]}}\n'
    for n, op in enumerate(("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"), start=1)
)


def _hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """As if packages were not installed; what of ours had imported them is imported anew."""
    for name in [*sys.modules]:
        if name.partition(".")[0] in packages or name == "agnet.surrogates.gnn":
            monkeypatch.delitem(sys.modules, name)
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)


# extra -> packages as they are imported, a command that needs them
_CASES: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "analog": [("analognasbench", ("query", "nb201/analog", "{seen}"))],
    "plot": [
        ("matplotlib", ("plot", "curve", "{seen}", "-o", "curve.png")),
        ("matplotlib", ("search", "-b", "nb201/cifar10", "--queries", "2", "--report", "report.html")),
    ],
    "onnx": [
        ("onnx", ("export", "{seen}", "-o", "cell.onnx")),
        ("onnxscript", ("export", "{seen}", "-o", "cell.onnx")),
    ],
    "yahpo": [("onnxruntime", ("query", "nb301/yahpo", "{darts}"))],
    "gnn": [
        ("torch_geometric", ("predict", "{seen}", "--fit", "{seen}", "--surrogate", "gnn")),
        ("torch_geometric", ("search", "-b", "nb201/cifar10", "--strategy", "agnet", "--predictor", "gnn")),
    ],
    "images": [
        ("sklearn", ("query", "train", "{seen}", "--data", "digits")),
        ("PIL", ("query", "train", "{seen}", "--data", "{images}")),
    ],
    "ray": [
        ("ray", ("query", "nb201/cifar10", "{seen}", "--engine", "ray")),
        ("ray", ("search", "-b", "nb201/cifar10", "--engine", "ray")),
    ],
    "umap": [("umap", ("plot", "latent", "{seen}", "--map", "umap", "--format", "text"))],
}


@pytest.mark.parametrize(
    ("extra", "package", "command"),
    [(extra, package, command) for extra, cases in _CASES.items() for package, command in cases],
)
def test_a_missing_extra_names_the_pip_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, extra: str, package: str, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seen.jsonl").write_text(_SEEN)
    Path("images/a").mkdir(parents=True)
    Path("images/a/0.png").write_bytes(b"")
    if extra == "yahpo":
        monkeypatch.setattr("agnet.benchmarks.sources.missing", lambda name: None)  # as if the file were imported
    _hide(monkeypatch, package)
    names = {"{seen}": "seen.jsonl", "{darts}": "seen.jsonl", "{images}": "images"}
    told = cli(*(names.get(word, word) for word in command), status=2).stderr
    assert f"pip install 'agnet[{extra}]'" in told
    assert told.count("\n") == 1
    assert not [*tmp_path.glob("*.png"), *tmp_path.glob("*.html"), *tmp_path.glob("*.onnx")]


def test_every_extra_is_tested() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    # no command needs the official packages
    assert {*_CASES, "official"} == set(project["optional-dependencies"])


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_data_frame_names_the_pip_line(package: str) -> None:
    """In a process of its own: pyarrow remembers a pandas that it has once seen."""
    script = f"""
import sys
class Hidden:
    def find_spec(self, name, path, target=None):
        if name == {package!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import agnet
try:
    agnet.sample("nb201", 2).to_{package}()
except agnet.errors.AgnetError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{package} is not installed: pip install {package}\n"
