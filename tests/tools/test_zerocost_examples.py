"""The page about untrained networks does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from .conftest import Cli, Shell

_PAGE = Path(__file__).parents[2] / "docs" / "zero-cost.md"
_EXAMPLES = re.findall(r"```sh\n(.*?)```", _PAGE.read_text(), re.DOTALL)
_COLUMNS = ("ntk", "regions", "naswot", "synflow", "jacov", "grad_norm", "snip", "params_m", "flops_m")


@pytest.mark.parametrize("example", _EXAMPLES)
def test_examples(shell: Shell, example: str) -> None:
    done = shell(f"set -e\nset -o pipefail\n{example}")
    assert done.returncode == 0, done.stderr
    records = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert records
    for record in records:
        found = {name: value for name, value in record.items() if name not in ("space", "arch", "id", "latent")}
        assert found
        assert set(found) <= set(_COLUMNS)
        for value in found.values():
            assert value is None or isinstance(value, float)


def test_the_published_search_without_accuracy(cli: Cli, tmp_path: Path) -> None:
    smaller = ("proxies=ntk,regions", "seeds=1", "network=imagenet,cells=3", "image=32")
    given = [word for value in smaller for word in ("--with", value)]
    arguments = (
        "--queries",
        16,
        "--init",
        4,
        "--batch",
        4,
        "--candidates",
        8,
        "--seed",
        1,
        "-o",
        tmp_path / "history.jsonl",
        *given,
    )
    (best,) = cli("search", "--preset", "agnet-tenas", *arguments).records
    history = [orjson.loads(line) for line in (tmp_path / "history.jsonl").read_bytes().splitlines()]
    assert len(history) == 16
    ntk, regions = ([record[name] for record in history] for name in ("ntk", "regions"))

    def rank(values: list[float], value: float) -> int:
        return sum(other < value for other in values)

    sums = [rank(ntk, a) + rank([-b for b in regions], -b) for a, b in zip(ntk, regions, strict=True)]
    assert sums[[record["arch"] for record in history].index(best["arch"])] == min(sums)
    # four at random, the best normal cell with three random reduction cells, the normal cell, then the reduction cell
    normal, reduction = zip(*(record["arch"].split("reduce=") for record in history), strict=True)
    assert len(set(normal[4:7])) == 1
    assert normal[4] in normal[:4]
    assert len(set(reduction[4:7])) == 3
    assert reduction[7] in reduction[4:7]
    assert len(set(normal[8:])) == 1
    assert len(set(reduction[8:])) == 8


def test_every_column_and_option_is_on_the_page() -> None:
    from agnet import benchmarks
    from agnet.benchmarks.zerocost import _Settings

    text = _PAGE.read_text()
    benchmark = benchmarks.load("zerocost", space="nb201")
    names = [metric.name for metric in (*benchmark.metrics, *benchmark.details)]
    assert {name for name in names if f"`{name}`" not in text} == set()
    assert {name for name in _Settings.__slots__ if f"| `{name}` |" not in text} == set()
