from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from scipy.stats import spearmanr

from agnet import benchmarks, records, spaces, surrogates
from agnet.generator.checkpoint import Checkpoint
from agnet.search.acquisition import BETA, log_expected_improvement
from agnet.seeds import numpy_stream
from agnet.streams import TableChunk

if TYPE_CHECKING:
    from tests.tools.conftest import Cli, Result, Shell

_SPACE = spaces.get("nb201")
_GRAPHS = _SPACE.sample(400, np.random.default_rng(0))
_ANSWERS = benchmarks.get("nb201/cifar10").query(_GRAPHS).columns
_ARCH = _SPACE.format(_GRAPHS).to_pylist()
_LINES = [orjson.dumps({"space": "nb201", "arch": arch, "n": n}) for n, arch in enumerate(_ARCH)]
_STREAM = b"\n".join(_LINES) + b"\n"


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """The first 64 architectures with their metrics."""
    path = tmp_path / "seen.jsonl"
    rows = [
        {"space": "nb201", "arch": arch, "val_acc": accuracy, "latency_ms": latency}
        for arch, accuracy, latency in zip(
            _ARCH[:64], _ANSWERS["val_acc"].tolist(), _ANSWERS["latency_ms"].tolist(), strict=False
        )
    ]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def _predicted(result: Result, metric: str = "val_acc") -> list[float]:
    return [record[f"pred_{metric}"] for record in result.records]


def test_adds_a_prediction_to_every_record(cli: Cli, seen: Path) -> None:
    result = cli("predict", "--fit", seen, stdin=_STREAM)
    assert [line[: line.index(b',"pred_val_acc"')] for line in result.stdout.splitlines()] == [
        line[:-1] for line in _LINES
    ]
    assert spearmanr(_predicted(result), _ANSWERS["val_acc"]).statistic > 0.8
    assert list(result.records[0])[-2:] == ["pred_val_acc", "pred_val_acc_std"]
    assert min(record["pred_val_acc_std"] for record in result.records) > 0
    first, second = result.stderr.splitlines()
    assert first.startswith("predict: gp learned val_acc from 64 records, ")
    assert second.startswith("predict: 400 records, ")


@pytest.mark.parametrize("surrogate", surrogates.names())
def test_top_is_the_head_of_everything_sorted(cli: Cli, seen: Path, tmp_path: Path, surrogate: str) -> None:
    options = ("--fit", seen, "--surrogate", surrogate, "-q")
    everything = cli("predict", *options, stdin=_STREAM).records
    best = sorted(everything, key=lambda record: -record["pred_val_acc"])[:16]
    assert cli("predict", *options, "--top", 16, stdin=_STREAM).records == best
    # neither the order of chunks nor the format matters
    path = tmp_path / "stream.parquet"
    pq.write_table(TableChunk(records.records(_SPACE, _GRAPHS)).table(), path, row_group_size=7)
    table = cli("predict", *options, "--top", 16, path).records
    assert [record["pred_val_acc"] for record in table] == [record["pred_val_acc"] for record in best]
    assert [record["arch"] for record in table] == [record["arch"] for record in best]


def test_which_way_is_better_follows_from_the_name(cli: Cli, seen: Path) -> None:
    options = ("--fit", seen, "--metric", "latency_ms", "-q")
    everything = _predicted(cli("predict", *options, stdin=_STREAM), "latency_ms")
    assert _predicted(cli("predict", *options, "--top", 3, stdin=_STREAM), "latency_ms") == sorted(everything)[:3]
    worst = _predicted(cli("predict", *options, "--top", 3, "--maximize", stdin=_STREAM), "latency_ms")
    assert worst == sorted(everything, reverse=True)[:3]


def test_a_saved_surrogate_predicts_the_same(cli: Cli, seen: Path, tmp_path: Path) -> None:
    model = tmp_path / "both.safetensors"
    metrics = ("--metric", "val_acc", "--metric", "latency_ms")
    direct = cli("predict", "--fit", seen, "--surrogate", "xgb", *metrics, "--save", model, stdin=_STREAM)
    added = ["pred_val_acc", "pred_val_acc_std", "pred_latency_ms", "pred_latency_ms_std"]
    assert list(direct.records[0])[-4:] == added
    assert cli("predict", "--model", model, stdin=_STREAM).stdout == direct.stdout
    one = cli("predict", "--model", model, "--metric", "latency_ms", "-q", stdin=_LINES[0])
    assert list(one.records[0])[-2:] == ["pred_latency_ms", "pred_latency_ms_std"]
    assert "pred_val_acc" not in one.records[0]
    assert one.stderr == ""
    assert "has not learned 'test_acc'" in cli("predict", "--model", model, "--metric", "test_acc", status=2).stderr


@pytest.mark.parametrize("acquisition", ["ei", "ucb", "thompson"])
def test_top_by_acquisition(cli: Cli, seen: Path, tmp_path: Path, acquisition: str) -> None:
    options = ("--fit", seen, "-q", "--metric", "latency_ms")  # smaller is better
    everything = cli("predict", *options, stdin=_STREAM).records
    mean, std = (np.array([record[f"pred_latency_ms{end}"] for record in everything]) for end in ("", "_std"))
    best = _ANSWERS["latency_ms"][:64].min()
    chosen = [r["n"] for r in cli("predict", *options, "--top", 8, "--acquisition", acquisition, stdin=_STREAM).records]
    worth = {"ei": log_expected_improvement(-mean, std, -best), "ucb": BETA * std - mean}
    if acquisition in worth:
        assert chosen == np.argsort(-worth[acquisition], kind="stable")[:8].tolist()
    # neither how the stream is cut nor where the surrogate comes from matters
    path, model = tmp_path / "stream.parquet", tmp_path / "model.safetensors"
    pq.write_table(TableChunk(records.records(_SPACE, _GRAPHS)).table(), path, row_group_size=7)
    cli("predict", *options, "--save", model)
    again = cli("predict", "--model", model, "-q", "--top", 8, "--acquisition", acquisition, path).records
    assert [record["arch"] for record in again] == [_ARCH[n] for n in chosen]
    other = cli("predict", *options, "--top", 8, "--acquisition", acquisition, "--seed", 1, stdin=_STREAM).records
    assert ([record["n"] for record in other] == chosen) == (acquisition != "thompson")


def test_acquisition_is_for_the_top(cli: Cli, seen: Path, tmp_path: Path) -> None:
    def message(*arguments: object) -> str:
        return cli("predict", *arguments, stdin=_LINES[0], status=2).stderr

    assert "give --top K" in message("--fit", seen, "--acquisition", "ei")
    assert "did you mean 'thompson'?" in message("--fit", seen, "--top", 2, "--acquisition", "thomson")
    config = dataclasses.replace(Checkpoint.initial(_SPACE, (0,)).config, metrics=("val_acc",))
    path = tmp_path / "generator.safetensors"
    Checkpoint("nb201", config, config.initial_parameters(numpy_stream((0,), "test"))).save(str(path))
    assert "needs a spread" in message("--model", path, "--top", 2, "--acquisition", "ucb")


@pytest.mark.parametrize("surrogate", ["gp", "bayes"])
def test_columns_of_the_stream_are_features(cli: Cli, seen: Path, tmp_path: Path, surrogate: str) -> None:
    """A metric that the graph does not tell and a column does."""
    noise = np.random.default_rng(0).uniform(0, 30, len(_ARCH))
    rows = [
        {"space": "nb201", "arch": arch, "n": n, "score": 10**x, "target": x}
        for n, (arch, x) in enumerate(zip(_ARCH, noise.tolist(), strict=True))
    ]
    lines = [orjson.dumps(row) + b"\n" for row in rows]
    seen.write_bytes(b"".join(lines[:100]) + _LINES[0] + b"\n")
    options = ("--fit", seen, "--surrogate", surrogate, "--metric", "target")
    model = tmp_path / "model.safetensors"
    stream = b"".join(lines[100:])
    result = cli("predict", *options, "--feature", "score", "--save", model, stdin=stream)
    assert "learned target from 100 records" in result.stderr
    assert spearmanr(_predicted(result, "target"), noise[100:]).statistic > 0.95
    without = _predicted(cli("predict", *options, stdin=stream), "target")
    assert spearmanr(without, noise[100:]).statistic < 0.3
    assert cli("predict", "--model", model, stdin=stream).stdout == result.stdout
    missing = cli("predict", "--model", model, stdin=_LINES[0], status=2).stderr
    assert missing == "predict: stdin:1: feature: no number in the column 'score', which the surrogate reads\n"
    kept = cli("predict", "--model", model, "--on-error", "keep", stdin=_LINES[0] + b"\n" + lines[150]).records
    assert [record["pred_target"] is None for record in kept] == [True, False]
    told = cli("predict", *options, "--feature", "scor", status=2).stderr
    assert "no record has a column 'scor'; did you mean 'score'?" in told


def test_encodings(cli: Cli, seen: Path) -> None:
    xgb = ("predict", "--fit", seen, "--surrogate", "xgb")
    by_default = cli(*xgb, stdin=_STREAM).stdout
    assert cli(*xgb, "--encoding", "features", stdin=_STREAM).stdout == by_default
    assert cli(*xgb, "--encoding", "onehot,features", stdin=_STREAM).stdout != by_default
    assert "did you mean 'onehot'?" in cli("predict", "--fit", seen, "--encoding", "one-hot", status=2).stderr


def test_report(cli: Cli, seen: Path) -> None:
    result = cli("predict", "--fit", seen, "--report", "-q")
    assert result.stdout == b""
    (line,) = result.stderr.splitlines()
    assert line.startswith("predict: val_acc: Kendall tau 0.")
    assert line.endswith("(64 records, 5 folds, 3 times)")
    assert ", Spearman 0." in line
    assert ", RMSE 0." in line
    (ranks,) = cli("predict", "--fit", seen, "--surrogate", "xgb-rank", "--report", "-q").stderr.splitlines()
    assert "Spearman" in ranks
    assert "RMSE" not in ranks


def test_without_a_stream_a_terminal_is_not_read(seen: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    code = "import agnet_predict.command as c; c.main()"
    try:
        run = subprocess.run(
            [sys.executable, "-c", code, "--fit", seen, "--report", "--save", tmp_path / "model.safetensors"],
            stdin=theirs,
            capture_output=True,
            timeout=120,
            check=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert run.stdout == b""
    assert b"Kendall tau" in run.stderr
    assert (tmp_path / "model.safetensors").exists()


def test_failed_evaluations_teach_nothing(cli: Cli, seen: Path) -> None:
    before = cli("predict", "--fit", seen, "-q", stdin=_STREAM).stdout
    failed = orjson.dumps({"space": "nb201", "arch": _ARCH[70], "val_acc": None, "error": "loss is nan"})
    seen.write_bytes(seen.read_bytes() + failed + b"\n")
    assert cli("predict", "--fit", seen, "-q", stdin=_STREAM).stdout == before


def test_wrong_records_fail_are_skipped_or_kept(cli: Cli, seen: Path) -> None:
    stream = b"\n".join([_LINES[0], b'{"space":"nb101","arch":"x"}', _LINES[1]])
    options = ("predict", "--fit", seen, "-q")
    assert "stdin:2: arch: an architecture of nb101, not of nb201" in cli(*options, stdin=stream, status=2).stderr
    assert [r["n"] for r in cli(*options, "--on-error", "skip", stdin=stream).records] == [0, 1]
    kept = cli(*options, "--on-error", "keep", stdin=stream).records
    assert kept[1]["pred_val_acc"] is None
    assert kept[1]["error"].startswith("arch: ")
    best = cli(*options, "--on-error", "keep", "--top", 2, stdin=stream).records
    assert [record["n"] for record in best] == [
        r["n"] for r in sorted((kept[0], kept[2]), key=lambda r: -r["pred_val_acc"])
    ]


def test_what_cannot_be_learned_is_said(cli: Cli, seen: Path, tmp_path: Path) -> None:
    def message(*arguments: object, stdin: bytes = b"") -> str:
        return cli("predict", *arguments, stdin=stdin, status=2).stderr

    assert "give either --fit SEEN to learn from or --model FILE" in message()
    assert "give either" in message("--fit", seen, "--model", seen)
    assert "go with --fit" in message("--model", seen, "--report")
    assert "no record has the metric 'val_los'; there are val_acc, latency_ms" in message(
        "--fit", seen, "--metric", "val_los"
    )
    assert "did you mean 'xgb-rank'?" in message("--fit", seen, "--surrogate", "xgb_rank")
    assert "nowhere.jsonl" in message("--fit", "nowhere.jsonl")
    assert "no records to learn from" in message("--fit", "-")
    few = tmp_path / "few.jsonl"
    few.write_bytes(seen.read_bytes().splitlines()[0])
    assert "at least 2 evaluated records are needed to learn from, there is 1" in message("--fit", few)
    assert "at least 4 are needed for cross-validation" in message("--fit", few, "--report")
    assert "seen.jsonl: cannot be read" in message("--model", seen)


def test_a_generators_scores_for_the_latent(cli: Cli, tmp_path: Path) -> None:
    generator = Checkpoint.initial(_SPACE, (0,))
    path = tmp_path / "generator.safetensors"
    generator.save(str(path))
    latent = np.random.default_rng(0).standard_normal((400, generator.config.latent_length)).astype(np.float32)
    # a metric that the latent does decide
    target = generator.network().scores(latent)[0][:, 0, 1, 2]
    rows = [
        {"space": "nb201", "arch": arch, "latent": z.tolist(), "val_acc": float(value)}
        for arch, z, value in zip(_ARCH, latent, target, strict=True)
    ]
    seen, rest = tmp_path / "seen.jsonl", tmp_path / "rest.jsonl"
    seen.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows[:200]) + _LINES[0] + b"\n")
    rest.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows[200:]))
    model = tmp_path / "model.safetensors"
    options = ("--fit", seen, "--generator", path, "--surrogate", "mlp", "--save", model)
    result = cli("predict", *options, rest)
    assert "learned val_acc from 200 records" in result.stderr
    assert np.corrcoef(_predicted(result), target[200:])[0, 1] > 0.8
    # the file holds the generator too
    path.unlink()
    assert cli("predict", "--model", model, rest).stdout == result.stdout
    missing = cli("predict", "--model", model, stdin=_LINES[0], status=2)
    assert missing.stderr == ("predict: stdin:1: latent: none, but the surrogate reads what a generator makes of it\n")
    kept = cli("predict", "--model", model, "--on-error", "keep", stdin=_LINES[0]).records
    assert kept[0]["pred_val_acc"] is None


def test_help_is_light() -> None:
    code = (
        "import sys, agnet_predict.command as c\n"
        "sys.argv = ['predict', '--help']\n"
        "try: c.main()\n"
        "except SystemExit: print(*sorted({'torch', 'xgboost', 'pyarrow', 'numpy'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"predict --fit seen.jsonl --surrogate mlp --report" in run.stdout
    assert run.stdout.splitlines()[-1] == b""


def test_examples_of_the_manual(shell: Shell) -> None:
    """One after the other in one folder: they use what earlier ones made."""
    manual = Path(__file__).parents[2] / "tools" / "predict" / "README.md"
    examples = re.findall(r"```sh\n(.*?)```", manual.read_text(), re.DOTALL)
    assert len(examples) > 4
    run = shell("set -eu -o pipefail\n" + "\n".join(examples))
    assert run.returncode == 0, run.stderr
    assert not re.search("rror:|raceback", run.stderr)
