"""Small TOML files of the user's: presets of searches, recipes of trainings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from agnet.errors import InputError

_LARGEST = 1 << 20


def load(name: str) -> dict[str, Any]:
    """The table in a file.

    Raises:
        InputError: if it cannot be read, or is not TOML.
    """
    try:
        with Path(name).open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InputError(f"{name}: too large for a table of settings")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{name}: not TOML: {error or 'nested too deep'}") from None
