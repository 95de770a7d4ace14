"""The pickle machine, against Python's own."""

import contextlib
import io
import os
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import pickles
from agnet.unpickling import ERRORS, Machine

_ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
_KEYS = st.text() | st.integers() | st.tuples(st.text(), st.integers())
_VALUES = st.recursive(
    _ATOMS,
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner) | st.tuples(inner, inner) | st.sets(st.integers()),
    max_leaves=30,
)


def _load(content: bytes, **hooks: Any) -> Any:
    return Machine(io.BytesIO(content), pickles.NUMPY, **hooks).load()


@given(_VALUES, st.sampled_from([4, 5]))
def test_reads_what_pickle_writes(value: Any, protocol: int) -> None:
    assert _load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numbers_of_numpy_and_shared_objects(protocol: int) -> None:
    shared = ["x" * 300, "é"]
    value = {"a": shared, "b": shared, "o": OrderedDict([(1, 2.5)]), "n": np.float64(0.1), "t": (), "w": (1,)}
    value |= {f"k{i}": f"v{i}" for i in range(3000)}
    read = _load(pickle.dumps(value, protocol))
    assert read == value
    assert read["a"] is read["b"]
    array = pickles.array(_load(pickle.dumps(np.arange(6.0).reshape(2, 3), protocol)))
    np.testing.assert_array_equal(array, np.arange(6.0).reshape(2, 3))


def test_dicts_are_shown_when_they_are_filled() -> None:
    seen: list[dict[Any, Any]] = []

    def filled(items: dict[Any, Any]) -> None:
        if "y" in items:
            seen.append(dict(items))
            items.clear()

    content = pickle.dumps({"first": {"x": 1, "y": {"z": 2}}, "second": [{"y": 3}]}, 2)
    assert _load(content, filled=filled) == {"first": {}, "second": [{}]}
    assert seen == [{"x": 1, "y": {"z": 2}}, {"y": 3}]


def test_what_was_forgotten_is_not_silently_wrong() -> None:
    """References to the beginning, to the last few and to what was shared before work; others are an error."""
    early, names = ["early"], [[f"n{i}"] for i in range(30)]
    near = {f"k{i}": {"m": 1, "a": names[i], "b": names[max(i - 1, 0)], "c": [early, names[1]]} for i in range(30)}
    machine: Machine

    def filled(items: dict[Any, Any]) -> None:
        if "m" in items:
            machine.forget()

    content = pickle.dumps([early, near], 2)
    machine = Machine(io.BytesIO(content), {}, filled=filled)
    assert machine.load() == [early, near]
    far = {f"k{i}": {"m": 1, "a": names[i], "b": names[2] if i == 29 else None} for i in range(30)}
    machine = Machine(io.BytesIO(pickle.dumps(far, 2)), {}, filled=filled)
    with pytest.raises(pickle.UnpicklingError, match="too far back"):
        machine.load()


def test_several_pickles_and_bytes_between() -> None:
    machine = Machine(io.BytesIO(pickle.dumps([1]) + b"raw" + pickle.dumps("two", 2)), {})
    assert machine.load() == [1]
    assert machine.read(3) == b"raw"
    assert machine.load() == "two"
    with pytest.raises(EOFError):
        machine.read(1)


class _Evil:
    def __init__(self, call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("call", [(os.system, ("exit 3",)), (eval, ("1+1",)), (getattr, (dict, "clear"))])
def test_nothing_is_run(protocol: int, call: Any) -> None:
    for value in (_Evil(call), {"a": [OrderedDict(), (1, _Evil(call))]}):
        with pytest.raises(pickle.UnpicklingError, match=r"it asks for .*, which is not plain data"):
            _load(pickle.dumps(value, protocol))


def test_only_stand_ins_are_called() -> None:
    with pytest.raises(pickle.UnpicklingError, match="it calls something that is not a class"):
        _load(b"\x80\x02X\x01\x00\x00\x00a)R.")
    with pytest.raises(pickle.UnpicklingError, match="it changes something"):
        _load(b"\x80\x02]X\x01\x00\x00\x00ab.")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(*ERRORS):
        _load(b"\x80\x02" + content)


@given(st.data())
def test_damage_is_no_crash(data: st.DataObject) -> None:
    content = bytearray(pickle.dumps({"a": [1, 2.5, ("x", OrderedDict(b=np.float64(1)))]}, 2))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(*ERRORS):
        _load(bytes(content[: data.draw(st.integers(0, len(content)))]))
