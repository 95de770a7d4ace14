"""Published recurrent cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .nbnlp_recipes import Recipe


@pytest.fixture(scope="session")
def published(data: Path) -> list[Recipe]:
    return [run["recepie"] for run in json.loads((data / "nbnlp" / "nbnlp_wikitext2_345.json").read_text())]
