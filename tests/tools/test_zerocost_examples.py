"""The page about untrained networks does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from .conftest import Shell

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


def test_every_column_and_option_is_on_the_page() -> None:
    from agnet import benchmarks
    from agnet.benchmarks.zerocost import _Settings

    text = _PAGE.read_text()
    benchmark = benchmarks.load("zerocost", space="nb201")
    names = [metric.name for metric in (*benchmark.metrics, *benchmark.details)]
    assert {name for name in names if f"`{name}`" not in text} == set()
    assert {name for name in _Settings.__slots__ if f"| `{name}` |" not in text} == set()
