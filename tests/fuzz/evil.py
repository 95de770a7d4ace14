"""Pickles with values where others are expected: damage that a fuzzer of bytes does not find."""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
from collections.abc import Iterator

_FIRST = 1 << 20  # what objects are remembered as; no valid pickle of a test has so many


def _put(number: int) -> bytes:
    return b"r" + struct.pack("<I", _FIRST + number)


def _get(number: int) -> bytes:
    return b"j" + struct.pack("<I", _FIRST + number)


def _doubled(levels: int) -> bytes:
    """A list that holds another twice, which holds ...: 2 to the power of ``levels`` numbers in a few bytes a level."""
    made = b"](K\x01K\x01e" + _put(0)
    for level in range(1, levels):
        made += b"0](" + 2 * _get(level - 1) + b"e" + _put(level)
    return made


VALUES = {
    "doubled list": _doubled(40),
    "list in itself": b"]" + _put(0) + b"(" + 2 * _get(0) + b"e",
    "deep list": b"]" * 5000 + b"a" * 4999,
    "long number": b"\x8b" + struct.pack("<I", 3000) + b"\x7f" * 3000,
    "long text": b"X" + struct.pack("<I", 70_000) + b"\x1b\n" * 35_000,
    "negative": b"J\xff\xff\xff\xff",
    "large": b"J\xff\xff\xff\x7f",
    "NaN": b"G\x7f\xf8\0\0\0\0\0\0",
    "infinity": b"G\x7f\xf0\0\0\0\0\0\0",
    "nothing": b"N",
    "truth": b"\x88",
    "text": b"X\x01\0\0\0a",
    "bytes": b"C\x01a",
    "dict": b"}",
    "list": b"]",
    "pair": b"K\x01K\x02\x86",
}
_LEAVES = {"NONE", "NEWTRUE", "NEWFALSE", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_DICT", "BINFLOAT", "LONG1"}
_LEAVES |= {"BININT", "BININT1", "BININT2", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
_LEAVES |= {"BINBYTES", "SHORT_BINBYTES", "BINGET", "LONG_BINGET", "GLOBAL"}


def replaced(content: bytes, value: bytes) -> Iterator[bytes]:
    """The pickle, or the ZIP file with one in it, with ``value`` in the place of each value in turn."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        (name,) = (name for name in members if name.endswith("data.pkl"))
        for made in replaced(members[name], value):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for member, inside in members.items():
                    archive.writestr(member, made if member == name else inside)
            yield buffer.getvalue()
        return
    operations = list(pickletools.genops(content))
    ends = [place for _, _, place in operations[1:]] + [len(content)]
    for (operation, _, place), end in zip(operations, ends, strict=True):
        if operation.name in _LEAVES:
            yield content[:place] + value + content[end:]
