from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from agnet import spaces
from agnet.generator.checkpoint import load

if TYPE_CHECKING:
    from tests.tools.conftest import Cli

_SIZE = spaces.get("nb201").size


def test_records_can_be_read_back_and_a_seed_decides_them(cli: Cli) -> None:
    first = cli("generate", "nb201", "-n", 20, "--seed", 1)
    assert [list(record) for record in first.records] == [["space", "arch", "id", "latent"]] * 20
    assert all(len(record["latent"]) == 7 for record in first.records)
    assert cli("encode", stdin=first.stdout).stdout == first.stdout
    assert cli("generate", "nb201", "-n", 20, "--seed", 1).stdout == first.stdout
    assert cli("generate", "nb201", "-n", 20, "--seed", 2).stdout != first.stdout
    assert cli("generate", "nb201", "-n", 300, "--seed", 1).stdout.startswith(first.stdout)


def test_unique_and_exclude(cli: Cli, tmp_path: Path) -> None:
    seen = tmp_path / "seen.jsonl"
    seen.write_bytes(cli("generate", "nb201", "-n", 200, "--unique").stdout)
    archs = [orjson.loads(line)["arch"] for line in seen.read_bytes().splitlines()]
    assert len(set(archs)) == 200
    new = cli("generate", "nb201", "-n", 200, "--unique", "--exclude", seen)
    assert not set(archs) & {record["arch"] for record in new.records}
    assert re.search(r"\b2\d\d excluded", new.stderr)


def test_an_exhausted_space_ends_with_what_was_found(cli: Cli, tmp_path: Path) -> None:
    everything = tmp_path / "all.jsonl"
    lines = cli("encode", "--space", "nb201", "--all").stdout.splitlines(keepends=True)
    everything.write_bytes(b"".join(lines[10:]))
    result = cli("generate", "nb201", "-n", 11, "--unique", "--exclude", everything, status=1)
    assert {record["arch"] for record in result.records} == {orjson.loads(line)["arch"] for line in lines[:10]}
    assert f"only 10 of the 11 architectures asked for: nb201 has no more, all {_SIZE:,}" in result.stderr


def test_a_limit_of_samples(cli: Cli, tmp_path: Path) -> None:
    result = cli("generate", "nb201", "-n", 1000, "--max-samples", 100)
    assert 90 <= len(result.records) <= 100
    assert "stopped after 100 samples" in result.stderr


def test_invalid_samples_can_be_kept(cli: Cli) -> None:
    records = cli("generate", "nb201", "-n", 3000, "--invalid", "keep", "--temperature", 1.5).records
    assert len(records) == 3000
    assert any(record["valid"] for record in records)
    assert any(not record["valid"] for record in records)
    assert all((record["arch"] is None) != record["valid"] for record in records)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is not a generator"), (b"PK\x03\x04", "train-gen --import"), (b'{"arch":"x"}\n', "is not a generator")],
)
def test_what_is_no_checkpoint(cli: Cli, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    error = cli("generate", path, status=2).stderr
    assert reason in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "reason"), [("nan", "has parameters that are not numbers"), ("1e38", "its parameters are too large")]
)
def test_parameters_that_give_no_numbers(cli: Cli, tmp_path: Path, value: str, reason: str) -> None:
    """None of a quarter of a million samples would be an architecture."""
    path = tmp_path / "x.safetensors"
    content = load("nb201-agnet").to_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    path.write_bytes(content[:start] + np.full((len(content) - start) // 4, float(value), np.float32).tobytes())
    assert reason in cli("generate", path, status=2).stderr


def test_a_device_is_no_checkpoint(cli: Cli) -> None:
    assert cli("generate", "/dev/zero", status=2).stderr == "generate: /dev/zero: is a device\n"


def test_a_checkpoint_cut_short(cli: Cli, tmp_path: Path) -> None:
    content = load("nb201").to_bytes()
    for end in (7, 100, len(content) // 2, len(content) - 1):
        path = tmp_path / "x.safetensors"
        path.write_bytes(content[:end])
        error = cli("generate", path, status=2).stderr
        assert error.startswith(f"generate: {path}: ")
        assert error.count("\n") == 1


def test_a_misspelt_generator(cli: Cli) -> None:
    told = cli("generate", "NB1O1", "-n", 1, status=2).stderr
    assert told.endswith("no generator of that name comes along; did you mean 'nb101'?\n")
