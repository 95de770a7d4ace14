"""Small TOML files of the user's: presets of searches, recipes of trainings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from agnet.errors import InputError

_LARGEST = 1 << 18
_DEEPEST = 50


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
        text = content.decode()
        _check_keys(text)
        found = tomllib.loads(text)
        _check_integers(found)
        return found
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None
    except RecursionError:
        raise InputError(f"{name}: not TOML: nested too deep") from None
    except ValueError as error:
        reason = _LONG if "integer string conversion" in str(error) else error
        raise InputError(f"{name}: not TOML: {reason}") from None


_LONG = "an integer has more than 64 bits"


def _check_keys(text: str) -> None:
    """For a key of n parts, ``a.a.a``, the parser takes memory that grows with the square of n."""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        run = 0
        for part in line.split(".")[1:-1]:
            run = 0 if set(part) & set(",=[]{}") else run + 1
            if run > _DEEPEST:
                raise ValueError(f"a key of more than {_DEEPEST} parts")


def _check_integers(found: dict[str, Any]) -> None:
    waiting: list[Any] = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(_LONG)
