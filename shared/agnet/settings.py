"""Settings as text: ``NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable

from agnet.errors import InputError


def named_values(given: Iterable[str] | None, data: str | None = None) -> dict[str, str]:
    """``["epochs=5"]`` to ``{"epochs": "5"}``: what a benchmark is told by ``with``; ``data`` is short for one of them.

    Raises:
        InputError: if one is not NAME=VALUE, or a name is given twice.
    """
    values: dict[str, str] = {}
    for text in [*(given or ()), *([] if data is None else [f"data={data}"])]:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--with {text}: give NAME=VALUE, such as timeout=60")
        if name in values:
            raise InputError(f"--with {name} is given twice")
        values[name] = value
    return values
