"""Arrow arrays as JSON text, a column at a time."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from agnet.streams.schema import is_list, is_number, is_text

_NULL = pa.scalar("null", pa.large_string())


def json_text(array: pa.Array | pa.ChunkedArray) -> pa.LargeStringArray:
    """Every value of ``array`` as JSON, ``null`` for nulls and for floats that are not finite; no nulls in the result.

    Numbers have the fewest digits that read back as the same value of their type (float32 ``0.1`` is ``0.1``), floats
    always show that they are floats (``1.0``). Dates and times are strings in ISO order, binary values base64.
    """
    return pc.fill_null(_text(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array), _NULL)


def json_objects(
    names: Sequence[str], columns: Sequence[pa.Array], rows: int, *, end: str = "}"
) -> pa.LargeStringArray:
    """``{"name":value,...}`` for each of ``rows`` rows."""
    pieces: list[pa.Array | pa.Scalar] = []
    for name, column in zip(names, columns, strict=True):
        pieces += [_scalar(("," if pieces else "{") + json_key(name)), json_text(column)]
    return _join(*(pieces or [_scalar("{")]), _scalar(end), rows=rows)


def json_key(name: str) -> str:
    """``"name":`` with what JSON wants escaped."""
    return orjson.dumps(name).decode() + ":"


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _join(*pieces: pa.Array | pa.Scalar, rows: int) -> pa.LargeStringArray:
    if not any(isinstance(piece, pa.Array) for piece in pieces):
        return pa.array(["".join(piece.as_py() for piece in pieces)] * rows, pa.large_string())
    return pc.binary_join_element_wise(*pieces, _scalar(""))


def _text(array: pa.Array) -> pa.LargeStringArray:
    """As :func:`json_text`; nulls may stay null."""
    if isinstance(array, pa.ExtensionArray):
        return _text(array.storage)
    write = next((write for fits, write in _WRITERS if fits(array.type)), _others)
    return write(array)


def _cast(array: pa.Array) -> pa.LargeStringArray:
    return array.cast(pa.large_string())


def _dictionaries(array: pa.DictionaryArray) -> pa.LargeStringArray:
    return json_text(array.dictionary).take(array.indices)


def _structs(array: pa.StructArray) -> pa.LargeStringArray:
    objects = json_objects([field.name for field in array.type], array.flatten(), len(array))
    return pc.if_else(array.is_valid(), objects, _NULL)


def _others(array: pa.Array) -> pa.LargeStringArray:
    return pa.array((orjson.dumps(v, default=_plain).decode() for v in array.to_pylist()), pa.large_string())


def _plain(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _floats(array: pa.Array) -> pa.LargeStringArray:
    if array.type == pa.float16():
        array = array.cast(pa.float32())
    array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
    text = array.cast(pa.large_string())
    if not pc.any(pc.equal(array, pc.floor(array))).as_py():
        return text
    # Arrow writes 1.0 as "1"; a reader that goes by the first record would take the column for integers.
    bare = pc.match_substring_regex(text, r"^-?\d+$")
    return pc.if_else(bare, pc.binary_join_element_wise(text, _scalar(".0"), _scalar("")), text)


def _strings(array: pa.Array) -> pa.LargeStringArray:
    array = array.cast(pa.large_string())
    text = pc.binary_join_element_wise(_scalar('"'), array, _scalar('"'), _scalar(""))
    octets = content(array)
    if octets.size and (octets.min() < ord(" ") or (octets == ord('"')).any() or (octets == ord("\\")).any()):
        special = pc.fill_null(pc.match_substring_regex(array, r'["\\\x00-\x1f]'), False)
        escaped = [orjson.dumps(value).decode() for value in array.filter(special).to_pylist()]
        text = pc.replace_with_mask(text, special, pa.array(escaped, pa.large_string()))
    return text


def content(array: pa.LargeStringArray | pa.LargeBinaryArray) -> NDArray[np.uint8]:
    """The bytes of all values, one after the other, without a copy."""
    if not len(array):
        return np.zeros(0, np.uint8)
    _, offsets, data = array.buffers()
    first, last = np.frombuffer(offsets, np.int64)[[array.offset, array.offset + len(array)]]
    return np.frombuffer(data, np.uint8)[first:last] if data is not None else np.zeros(0, np.uint8)


def _lists(array: pa.Array) -> pa.LargeStringArray:
    if not pt.is_list(array.type):
        array = array.cast(pa.large_list(array.type.value_type))
    # binary_join knows lists of (small) strings only
    values = json_text(array.flatten()).cast(pa.string())
    lengths = pc.fill_null(array.value_lengths(), 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, values), ",").cast(pa.large_string())
    texts = pc.binary_join_element_wise(_scalar("["), joined, _scalar("]"), _scalar(""))
    return pc.if_else(array.is_valid(), texts, _NULL)


_WRITERS: list[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.LargeStringArray]]] = [
    (pt.is_dictionary, _dictionaries),
    (pt.is_floating, _floats),
    (lambda kind: is_number(kind) or pt.is_boolean(kind) or pt.is_null(kind), _cast),
    (is_text, _strings),
    (is_list, _lists),
    (pt.is_struct, _structs),
    (lambda kind: pt.is_temporal(kind) and not pt.is_interval(kind), _strings),
]
