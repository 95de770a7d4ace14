"""Importing official files into a cache folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agnet import benchmarks


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder, and benchmarks that have opened nothing."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("AGNET_CACHE", str(folder))
    benchmarks.get.cache_clear()
    yield folder
    benchmarks.get.cache_clear()
