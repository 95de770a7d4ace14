"""A short run of what ``python -m tests.fuzz`` does at length: no reader breaks over damaged input."""

from __future__ import annotations

import zlib

import pytest
from tests.fuzz.mutations import mutations
from tests.fuzz.structure import of_pickle
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
    seed = zlib.crc32(name.encode())
    damaged = list(mutations(corpus, 60 if name in _SLOW else 300, seed))
    if target.pickled:
        changed = (of_pickle(corpus[number % len(corpus)], seed + number) for number in range(150))
        damaged += [data for data in changed if data is not None]
        assert len(damaged) > 100
    for data in damaged:
        try:
            check(target, data)
        except BaseException as error:
            raise AssertionError(f"{name} broke over {data[:2000]!r}") from error
