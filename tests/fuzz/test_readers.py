"""A short run of what ``python -m tests.fuzz`` does at length: no reader breaks over damaged input."""

from __future__ import annotations

import zlib

import pytest
from tests.fuzz.mutations import mutations
from tests.fuzz.target import check
from tests.fuzz.targets import TARGETS

_SLOW = ("surrogate", "published", "nb301-gin", "generator", "nb301-xgb", "nb301-lgb")
"""Readers that take milliseconds for an input."""


@pytest.mark.parametrize("name", TARGETS)
def test_damage_is_one_line_of_error(name: str) -> None:
    target = TARGETS[name]
    corpus = target.corpus()
    for data in corpus:
        check(target, data)
    for data in mutations(corpus, 60 if name in _SLOW else 300, zlib.crc32(name.encode())):
        try:
            check(target, data)
        except BaseException as error:
            raise AssertionError(f"{name} broke over {data[:2000]!r}") from error
