"""TFRecord files, TensorFlow's framing of a sequence of byte strings.

A record is its length as 8 bytes, a checksum of these, the data, and a checksum of the data, all little-endian. The
checksum is CRC-32C, rotated and offset ("masked") as in TensorFlow's ``core/lib/hash/crc32c.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from agnet.errors import InputError

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
_OFFSET = 0xA282EAD8


def masked_crc(data: bytes) -> int:
    """TensorFlow's checksum of ``data``."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _OFFSET) & 0xFFFFFFFF


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every record with the number of bytes read so far, its checksums checked.

    Raises:
        InputError: at the first record that is damaged or cut short.
    """
    size = path.stat().st_size
    with path.open("rb", buffering=1 << 20) as file:
        number = 0
        while head := file.read(_HEAD.size):
            number += 1
            yield file.tell(), _record(file, head, size, f"{path}: record {number}")


def _record(file: BinaryIO, head: bytes, size: int, where: str) -> bytes:
    if len(head) < _HEAD.size:
        raise InputError(f"{where}: the file ends inside its length, it is cut short; get it again")
    length, check = _HEAD.unpack(head)
    if masked_crc(head[:8]) != check:
        at = file.tell() - _HEAD.size
        what = "not a TFRecord file" if at == 0 else f"the length at byte {at} fails its checksum, the file is damaged"
        raise InputError(f"{where}: {what}; get it again")
    if length + _TAIL.size > size - file.tell():
        raise InputError(f"{where}: the file ends inside it, it is cut short; get it again")
    data = file.read(length)
    if masked_crc(data) != _TAIL.unpack(file.read(_TAIL.size))[0]:
        raise InputError(f"{where}: its data fails the checksum, the file is damaged; get it again")
    return data
