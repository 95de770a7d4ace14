"""Universal Binary JSON (ubjson.org), as far as XGBoost writes it."""

from __future__ import annotations

from typing import Any

import numpy as np

_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_CONSTANTS: dict[str, Any] = {"T": True, "F": False, "Z": None}
_DEEPEST = 32


def loads(data: bytes) -> Any:
    """The value that ``data`` begins with; typed arrays are NumPy arrays.

    Raises:
        ValueError: if it is none.
    """
    return _Reader(data).value(0)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self, depth: int, kind: str = "") -> Any:
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        kind = kind or self._letter()
        if kind in _NUMBERS:
            return self._numbers(kind, 1)[0].item()
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == "S":
            return self._take(self._length()).decode()
        if kind == "C":
            return self._letter()
        if kind == "[":
            return self._array(depth)
        if kind == "{":
            return self._object(depth)
        raise ValueError(f"{kind!r} begins no value")

    def _array(self, depth: int) -> Any:
        kind = self._after("$") and self._letter()
        if self._after("#"):
            count = self._length()
            if kind in _NUMBERS:
                return self._numbers(kind, count)
            if count > len(self._data):
                raise ValueError("an array is longer than the file")
            return [self.value(depth + 1, kind or "") for _ in range(count)]
        values = []
        while not self._after("]"):
            values.append(self.value(depth + 1))
        return values

    def _object(self, depth: int) -> dict[str, Any]:
        if self._peek() in "$#":
            raise ValueError("an object of a fixed size")
        items = {}
        while not self._after("}"):
            name = self._take(self._length()).decode()
            items[name] = self.value(depth + 1)
        return items

    def _length(self) -> int:
        kind = self._letter()
        if kind not in "iUIlL":
            raise ValueError(f"{kind!r} where a length is needed")
        count: int = self._numbers(kind, 1)[0].item()
        if count < 0:
            raise ValueError("a negative length")
        return count

    def _numbers(self, kind: str, count: int) -> Any:
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self._take(count * dtype.itemsize), dtype)

    def _take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise ValueError("cut short")
        self._at += count
        return part

    def _letter(self) -> str:
        return self._take(1).decode("latin1")

    def _peek(self) -> str:
        return self._data[self._at : self._at + 1].decode("latin1")

    def _after(self, letter: str) -> bool:
        """Skip ``letter`` if it comes next."""
        found = self._peek() == letter
        self._at += found
        return found
