"""Reading plain values out of pickle files without running anything that is in them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agnet.errors import InputError


class _Plain(pickle.Unpickler):
    def __init__(self, *args: Any, classes: Mapping[str, type]) -> None:
        super().__init__(*args)
        self._classes = classes

    def find_class(self, module: str, name: str) -> type:
        """The stand-in for a class; every other global is refused."""
        try:
            return self._classes[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not plain data") from None


def load(path: Path, classes: Mapping[str, type] | None = None) -> Any:
    """The dicts, lists, tuples, strings and numbers in a pickle file.

    Args:
        path: the file.
        classes: what stands in for each class that the file may name, by its full name ``module.Class``. No other name
            is looked up, so no code can be reached.

    Raises:
        InputError: if the file is damaged, or names anything else.
    """
    with path.open("rb") as file:
        try:
            return _Plain(file, classes=classes or {}).load()
        except (
            pickle.UnpicklingError,
            EOFError,
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
            OverflowError,
            MemoryError,
        ) as e:
            raise InputError(f"{path}: not read as a pickle: {e or type(e).__name__}") from e
