"""Readers of the files that benchmarks are published as, one module a format.

Each has ``read(path, progress)``: from an official file or folder to one Arrow table, in memory that does not grow with
what it does not keep. Nothing in a file is run; a file that is damaged, cut short or of another kind is an
:class:`~agnet.errors.InputError` that says which part is wrong.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a reader calls now and then."""

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` bytes (or files) are read."""


def silent(done: int, total: int) -> None:
    """No progress."""
