"""Imported models: what is kept of a surrogate benchmark, as one table of named pieces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from agnet.errors import InputError

_CONFIG_LIMIT = 4 << 20


def pack(pieces: Mapping[str, bytes]) -> pa.Table:
    """A table with a row for each piece."""
    return pa.table({"name": pa.array(list(pieces)), "data": pa.array(list(pieces.values()), pa.large_binary())})


def unpack(table: pa.Table) -> dict[str, memoryview]:
    """The pieces, as views of the table's memory."""
    names, column = table["name"].to_pylist(), table["data"]
    return {name: memoryview(column[row].as_buffer()) for row, name in enumerate(names)}


def members(path: Path) -> list[Path]:
    """The models of an ensemble: every ``surrogate_model.model`` below a folder, in the order of their names.

    Raises:
        InputError: if there is none.
    """
    if not path.is_dir():
        raise InputError(f"{path}: not a folder; unpack the archive and name the folder of one model, such as xgb_v1.0")
    found = sorted(path.rglob("*surrogate_model.model"))
    if not found:
        raise InputError(f"{path}: no surrogate_model.model below it")
    return found


def config(member: Path) -> dict[str, Any]:
    """The ``model_config.json`` beside a model.

    Raises:
        InputError: if it is not there, or no object with the name of a model.
    """
    path = member.with_name("model_config.json")
    try:
        with path.open("rb") as file:
            content = orjson.loads(file.read(_CONFIG_LIMIT))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("model"), str):
        raise InputError(f"{path}: does not say which model it is of")
    return content
