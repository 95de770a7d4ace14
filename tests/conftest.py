"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real benchmark results that stands beside a development checkout; skips the test where it does not."""
    if not _DATA.is_dir():
        pytest.skip("no development data beside the checkout")
    return _DATA
