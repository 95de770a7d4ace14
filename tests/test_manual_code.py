"""The Python in the manuals of benchmarks and surrogates does what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from agnet import spaces, surrogates
from agnet.surrogates.files import load, save
from agnet.surrogates.fitted import fit

_DOCS = Path(__file__).parents[1] / "docs"
_SPACE = spaces.get("nb201")


def _code(page: str) -> dict[str, Any]:
    """Names that the first block of Python on a page defines."""
    (block, *_) = re.findall(r"```python\n(.*?)```", (_DOCS / page).read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": page}
    exec(block, names)
    return names


def test_a_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    benchmark = _code("adding-a-benchmark.md")["Fpga"]()
    assert "copy it from the lab" in str(benchmark.missing())
    graphs = next(_SPACE.enumerate(5))
    values = np.arange(5.0)
    table = {"arch": _SPACE.format(graphs), "latency_ms": values[::-1], "energy_mj": values}
    pq.write_table(pa.table(table), "fpga.parquet")
    assert benchmark.missing() is None
    assert_array_equal(benchmark.query(graphs).columns["latency_ms"], values[::-1])


def test_a_surrogate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearest = _code("adding-a-surrogate.md")["Nearest"]
    monkeypatch.setattr(surrogates, "get", lambda name: nearest)
    batch = surrogates.Batch(_SPACE, _SPACE.sample(30, np.random.default_rng(0)))
    y = np.random.default_rng(1).random((30, 2))
    y[3, 0] = np.nan
    fitted = fit(surrogates.make("nearest"), batch, ["a", "b"], y, seed=(0,))
    save(fitted, str(tmp_path / "model.safetensors"))
    again = load(str(tmp_path / "model.safetensors"))
    assert_array_equal(again.predict(batch).mean, fitted.predict(batch).mean)


def test_surrogates_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    _code("surrogates.md")
    assert capsys.readouterr().out == "(15625, 1) (15625, 1)\n"
