from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def brief_training() -> Iterator[None]:
    """Graph neural networks with a third of their training: what most tests look at does not need more."""
    if importlib.util.find_spec("torch_geometric") is None:
        yield
        return
    from agnet.surrogates import gnn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gnn, "_STEPS", 100)
        patch.setattr(gnn, "_EPOCHS", 20)
        yield
