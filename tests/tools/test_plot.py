from __future__ import annotations

import importlib.util
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agnet import benchmarks, spaces
from agnet.records import records

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tools.conftest import Cli, Shell

_MAIN = "from agnet_plot.command import main; main()"
MAGIC = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.fixture(scope="module")
def stream() -> list[dict[str, object]]:
    """Real cells of NAS-Bench-201 with what was measured, a prediction, a latent and a trial."""
    space = spaces.get("nb201")
    rng = np.random.default_rng(0)
    graphs = space.sample(60, rng)
    table = records(space, graphs)
    answer = benchmarks.load("nb201/cifar10").query(graphs)
    rows = table.to_pylist()
    for row, record in enumerate(rows):
        record |= {name: float(values[row]) for name, values in answer.columns.items()}
        record |= {
            "pred_val_acc": record["val_acc"] + 0.01 * rng.normal(),
            "latent": rng.normal(size=4).tolist(),
            "trial": row % 3,
        }
    return rows


@pytest.fixture
def history(stream: list[dict[str, object]], tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in stream))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    lines = [{"samples": 100 * n, "loss": 5 / n, "validity": 1 - 0.9 / n} for n in range(1, 9)]
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return path


KINDS = ("curve", "distribution", "scatter", "pareto", "latent", "training", "cells")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_to_a_file_and_as_text(kind: str, cli: Cli, history: Path, log: Path, tmp_path: Path) -> None:
    source = log if kind == "training" else history
    picture = tmp_path / "picture.svg"
    result = cli("plot", kind, source, "-o", picture)
    assert (result.stdout, result.stderr) == (b"", "")
    assert picture.read_bytes().startswith(MAGIC["svg"])
    text = cli("plot", kind, source, "--format", "text").stdout.decode()
    assert re.search("[⠁-⣿▁-█]", text)
    assert "\x1b" not in text


@pytest.mark.parametrize("format", MAGIC)
def test_formats_by_ending_and_by_option(format: str, cli: Cli, history: Path, tmp_path: Path) -> None:
    path = tmp_path / f"curve.{format.upper()}"
    cli("plot", "curve", history, "-o", path)
    content = path.read_bytes()
    assert content.startswith(MAGIC[format])
    assert cli("plot", "curve", history, "--format", format).stdout == content
    assert (
        cli("plot", "curve", "-", "-o", "-", "--format", format, stdin=history.read_bytes()).stdout[:5] == content[:5]
    )


def test_all_formats_of_streams(cli: Cli, history: Path, stream: list[dict[str, object]], tmp_path: Path) -> None:
    table = pa.Table.from_pylist(stream)
    pq.write_table(table, tmp_path / "history.parquet")
    with pa.ipc.new_stream(tmp_path / "history.arrow", table.schema) as writer:
        writer.write_table(table)
    texts = {
        cli("plot", "distribution", tmp_path / f"history.{ending}", "--format", "text").stdout
        for ending in ("jsonl", "parquet", "arrow")
    }
    assert len(texts) == 1


def test_curve_of_several_runs(cli: Cli, history: Path, stream: list[dict[str, object]]) -> None:
    best = max(float(str(record["val_acc"])) for record in stream)
    text = cli("plot", "curve", history, history, "--label", "a", "--label", "b", "--format", "text").stdout.decode()
    assert re.search(r"── a: [\d.]+ ± [\d.]+ % \(3 trials\)\n  ── b: ", text)
    single = cli("plot", "curve", "--format", "text", stdin=orjson.dumps({"val_acc": best})).stdout.decode()
    assert f"── stdin: {100 * best:.2f} %" in single


def test_a_journal_is_a_history(cli: Cli, history: Path, tmp_path: Path) -> None:
    journal = tmp_path / "history.jsonl.journal"
    journal.write_bytes(orjson.dumps({"agnet_journal": 1, "settings": {}}) + b"\n" + history.read_bytes())
    for kind in ("curve", "cells"):
        from_journal = cli("plot", kind, journal, "--format", "text").stdout
        assert from_journal == cli("plot", kind, history, "--format", "text").stdout


def test_optimum_of_a_benchmark(cli: Cli, history: Path) -> None:
    text = cli("plot", "curve", history, "--benchmark", "nb201/cifar10", "--format", "text").stdout.decode()
    assert "optimum 91.61 %" in text
    result = cli("plot", "curve", history, "--benchmark", "nb201/cifar", "--format", "text", status=2)
    assert "did you mean 'nb201/cifar10'?" in result.stderr


def test_marks_name_the_rank(cli: Cli, history: Path, stream: list[dict[str, object]], tmp_path: Path) -> None:
    ordered = sorted(stream, key=lambda record: float(str(record["val_acc"])))
    mark = tmp_path / "found.jsonl"
    mark.write_bytes(orjson.dumps(ordered[-3]))
    text = cli("plot", "distribution", history, "--mark", mark, "--format", "text").stdout.decode()
    assert "rank 3 of 60" in text
    assert "Query (found)" in text


def test_the_best_cells_first(cli: Cli, history: Path, stream: list[dict[str, object]]) -> None:
    accuracies = sorted((float(str(record["val_acc"])) for record in stream), reverse=True)
    # what several searches found is drawn once
    text = cli("plot", "cells", history, history, "--top", "3", "--format", "text").stdout.decode()
    assert re.findall(r"^\d\.  ([\d.]+) %$", text, re.M) == [f"{100 * accuracy:.2f}" for accuracy in accuracies[:3]]
    slowest = cli("plot", "cells", history, "--top", "1", "--metric", "latency_ms", "--maximize", "--format", "text")
    assert slowest.stdout.decode().startswith(f"{max(float(str(record['latency_ms'])) for record in stream):.2f}"[:3])
    in_order = cli("plot", "cells", history, "--format", "text").stdout.decode()
    assert re.findall(r"^ ?(\d+)\.  ", in_order, re.M) == [str(number) for number in range(1, 13)]


def _line(**record: object) -> bytes:
    return orjson.dumps(record) + b"\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["curve", "--metric", "vall_acc"], _line(val_acc=1), "stdin: no record has a column 'vall_acc'; did you mean"),
        (["curve"], b"", "stdin: no records"),
        (["cells"], b"", "stdin: no records"),
        (["training"], b"", "stdin: no records"),
        (["curve"], _line(val_acc=None) * 2, "stdin: val_acc: no value in any of 2 records"),
        (["curve"], _line(val_acc="high"), 'stdin:1: val_acc: expected a number, got "high"'),
        (["curve", "--regret"], _line(val_acc=1), "give --optimum or --benchmark"),
        (["curve", "--label", "a", "--label", "b"], _line(val_acc=1), "--label: 2 given for 1 files"),
        (["curve", "--size", "big"], _line(val_acc=1), "--size 'big': write WIDTHxHEIGHT"),
        (["curve", "--size", "nanx3"], _line(val_acc=1), "--size 'nanx3': write WIDTHxHEIGHT"),
        (["curve", "nowhere.jsonl"], b"", "nowhere.jsonl: No such file or directory"),
        (["scatter"], _line(val_acc=1, pred_val_acc=1), "1 of 1 records have both val_acc and pred_val_acc"),
        (["latent"], _line(latent=[1, 2], val_acc=1) + _line(latent=[1], val_acc=1), "latent: lengths differ (1, 2)"),
        (["training"], _line(loss=1), "no column says how far training has come"),
        (["cells"], _line(space="nb201", arch="|a~0|"), "stdin:1: arch: "),
        (["cells"], _line(space="nb9", arch="|a~0|"), "no space is called 'nb9'"),
        (["cells"], _line(arch="|a~0|"), "stdin:1: space: the space is not named"),
        (["cells", "--top", "1"], _line(space="nb201", arch="|a~0|"), "no record has a column 'val_acc'"),
        (["cells", "--top", "1"], _line(val_acc=None), "no record has a value of 'val_acc'"),
    ],
)
def test_one_line_that_says_what_is_wrong(arguments: list[str], stdin: bytes, message: str, cli: Cli) -> None:
    result = cli("plot", *arguments, "--format", "svg", stdin=stdin, status=2)
    assert result.stdout == b""
    assert result.stderr.startswith("plot: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("curve.jpg", "curve.jpg: .jpg is not a picture that can be drawn; use .png, .svg, .pdf or .txt"),
        ("curve", "curve: the name has no ending; use .png, .svg, .pdf or .txt"),
        ("nowhere/curve.png", "there is no folder|does not exist"),
    ],
)
def test_outputs_that_cannot_be(output: str, message: str, cli: Cli, history: Path, tmp_path: Path) -> None:
    result = cli("plot", "curve", history, "-o", tmp_path / output, status=2)
    assert re.search(message, result.stderr)
    assert list(tmp_path.iterdir()) == [history]


def test_neither_a_file_nor_a_terminal(cli: Cli, history: Path) -> None:
    result = cli("plot", "curve", history, status=2)
    assert result.stderr == "plot: no output: name a file with -o, or what to write to stdout with --format\n"


def test_a_full_disk(cli: Cli, history: Path) -> None:
    result = cli("plot", "curve", history, "-o", "/dev/full", "--format", "png", status=1)
    assert result.stderr == "plot: /dev/full: No space left on device\n"


@pytest.fixture
def on_terminal(history: Path) -> Callable[..., tuple[int, str]]:
    """``on_terminal(*arguments, **environment)`` runs plot on a terminal; gives status and what the terminal shows."""

    def run(*arguments: object, **environment: str) -> tuple[int, str]:
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *map(str, arguments)],
            stdout=follower,
            stderr=follower,
            env={**os.environ, "COLUMNS": "72", "LINES": "24", "TERM": "xterm-256color", **environment},
        )
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(leader)
        return process.wait(), shown.decode()

    return run


def test_on_a_terminal_it_is_drawn_there(on_terminal: Callable[..., tuple[int, str]], history: Path) -> None:
    status, shown = on_terminal("curve", history)
    assert status == 0
    assert "\x1b[38;5;" in shown
    plain_status, plain = on_terminal("curve", history, NO_COLOR="1")
    assert plain_status == 0
    assert plain == re.sub(r"\x1b\[[\d;]*m", "", shown)
    lines = plain.splitlines()
    assert max(map(len, lines)) <= 72
    assert len(lines) <= 24


def test_without_matplotlib(history: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "matplotlib"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError")
    environment = {**os.environ, "PYTHONPATH": str(missing.parent)}

    def run(*options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _MAIN, "curve", history, *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = run("-o", tmp_path / "a.png")
    assert done.returncode == 2
    assert "pip install 'agnet[plot]'" in done.stderr
    assert done.stderr.count("\n") == 1
    done = run("--format", "text")
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\n"
        "from agnet_plot.command import main\n"
        "sys.argv = ['plot', sys.argv[1], '--help'] if sys.argv[1] else ['plot', '--help']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'numpy', 'pyarrow', 'matplotlib', 'scipy', 'torch', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    for kind in ("", "curve"):
        done = subprocess.run([sys.executable, "-c", code, kind], capture_output=True, text=True, check=True)
        assert "Examples:" in done.stdout


def test_examples_of_the_manual(shell: Shell) -> None:
    """One after the other in one folder: they use what earlier ones made."""
    manual = Path(__file__).parents[2] / "tools" / "plot" / "README.md"
    examples = re.findall(r"```sh\n(.*?)```", manual.read_text(), re.DOTALL)
    assert len(examples) > 5
    tools = {"train-gen": "agnet_train_gen", "generate": "agnet_generate"}
    there = [name for name, package in tools.items() if importlib.util.find_spec(f"{package}.command")]
    examples = [text for text in examples if all(name in there or f"{name} " not in text for name in tools)]
    run = shell("set -eu\n" + "\n".join(examples) + "\nls")
    assert run.returncode == 0, run.stderr
    assert not re.search("rror:|raceback", run.stderr)
    assert {"curve.png", "searches.svg", "found.png", "cells.png", "agreement.png", "front.pdf"} <= {
        *run.stdout.split()
    }
