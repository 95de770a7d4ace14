from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import md5


def digest(messages: list[bytes]) -> list[bytes]:
    length = len(messages[0])
    padded = np.empty((len(messages), md5.padded_length(length)), np.uint8)
    padded[:, :length] = np.frombuffer(b"".join(messages), np.uint8).reshape(len(messages), length)
    md5.pad(padded, length)
    return [row.tobytes() for row in md5.digests(padded)]


@pytest.mark.parametrize("many", [True, False])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), length=st.integers(0, 260))
def test_agrees_with_hashlib(many: bool, seed: int, n: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    messages = [rng.bytes(length) for _ in range(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(md5, "_FEW", 0 if many else n + 1)
        patch.setattr(md5, "_LANES", 7)  # several pieces, the last one incomplete
        assert digest(messages) == [hashlib.md5(message).digest() for message in messages]


def test_more_messages_than_lanes() -> None:
    messages = [b"%05d" % number for number in range(20_000)]
    assert digest(messages) == [hashlib.md5(message).digest() for message in messages]
