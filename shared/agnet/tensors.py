"""Tensors in PyTorch's files, read without PyTorch.

``torch.load`` with ``weights_only`` runs no code, but a file of 400 bytes can make it take gigabytes. Here memory
follows the size of the file, nothing is unpacked, and names stand for what this module says or for nothing. Both
layouts of ``torch.save`` are read: a ZIP file, and that of before PyTorch 1.6 (a few pickles, then the numbers).
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from agnet import archives, pickles
from agnet.errors import InputError
from agnet.unpickling import ERRORS, Machine

MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a file of the older layout."""
_PROTOCOL = 1001
_TYPES = {
    "Double": "<f8",
    "Float": "<f4",
    "Half": "<f2",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "|i1",
    "Byte": "|u1",
    "Bool": "|b1",
    "Untyped": "|u1",
}


class _Kind:
    """Stands in for a class of storages."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)

    def __call__(self, *_: object) -> None:
        raise pickle.UnpicklingError("it makes a storage by itself")


class Storage:
    """A one-dimensional array that tensors are views of; its numbers may come later in the file."""

    def __init__(self, dtype: np.dtype[Any], count: int) -> None:
        self.dtype = dtype
        self.count = count
        self.values: NDArray[Any] | None = None

    def fill(self, data: bytes) -> None:
        """Give it its numbers."""
        if len(data) != self.count * self.dtype.itemsize:
            raise pickle.UnpicklingError(f"a storage of {self.count} numbers has {len(data)} bytes")
        self.values = np.frombuffer(data, self.dtype)


class Tensor:
    """Stands in for a tensor."""

    def __init__(self, storage: Storage, offset: int, shape: Sequence[int], strides: Sequence[int], *_: object) -> None:
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError("a tensor of something else than numbers")
        sides, steps = tuple(map(int, shape)), tuple(map(int, strides))
        if min((offset, *sides, *steps)) < 0 or len(sides) != len(steps) or len(sides) > _DIMENSIONS:
            raise pickle.UnpicklingError("a tensor of an impossible shape")
        last = offset + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
        size: int = math.prod(sides)
        if size > storage.count or (size and last >= storage.count):
            raise pickle.UnpicklingError("a tensor that is larger than its storage")
        self._storage, self._offset, self._shape, self._strides = storage, offset, sides, steps

    def array(self) -> NDArray[Any]:
        """Its numbers, in an array of its shape."""
        values = self._storage.values
        if values is None:
            raise ValueError("a tensor without its numbers")
        steps = [step * values.itemsize for step in self._strides]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values[self._offset :], self._shape, steps))


_DIMENSIONS = 32  # of a NumPy array


def _parameter(tensor: Tensor, *_: object) -> Tensor:
    return tensor


def _stored(data: bytes) -> Storage:
    """A storage that is a whole file within a pickle."""
    if not isinstance(data, bytes):
        raise pickle.UnpicklingError("it has a tensor without bytes")
    storage = _read(io.BytesIO(data), len(data))
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("it has a tensor of something else than numbers")
    return storage


STAND_INS: Mapping[str, Callable[..., Any]] = {
    **pickles.NUMPY,
    **{f"torch.{name}Storage": _Kind(dtype) for name, dtype in _TYPES.items()},
    "torch.storage.UntypedStorage": _Kind("|u1"),
    "torch.storage._load_from_bytes": _stored,
    "torch._utils._rebuild_tensor": Tensor,
    "torch._utils._rebuild_tensor_v2": Tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": tuple,
}
"""What stands in for what a pickle with tensors names."""


def load(path: Path) -> Any:
    """What ``torch.save`` wrote: dicts, lists, tuples, strings, numbers, and a :class:`Tensor` for each tensor.

    Raises:
        InputError: if the file is damaged, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (*ERRORS, *archives.ERRORS) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: not read as a file of PyTorch: {reason}") from None


def arrays(tensors: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The tensors of a ``state_dict``.

    Raises:
        ValueError: if it holds anything else.
    """
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError("not a dict of weights")
    return {str(name): tensor.array() for name, tensor in tensors.items()}


def _read(file: BinaryIO, size: int) -> Any:
    return _read_zip(file, size) if archives.is_zip(file) else _read_old(file)


def _read_zip(file: BinaryIO, size: int) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        roots = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise pickle.UnpicklingError("a ZIP file that PyTorch did not save")
        left = size

        def content(name: str) -> bytes:
            nonlocal left
            member = members[roots[0] + name]
            left -= member.file_size
            # PyTorch compresses nothing; members that lie on one another could be more than the file.
            if member.compress_type != zipfile.ZIP_STORED or left < 0:
                raise pickle.UnpicklingError(f"{name} is larger than it may be")
            return archive.read(member)

        if f"{roots[0]}byteorder" in members and content("byteorder") != b"little":
            raise pickle.UnpicklingError("its numbers are big-endian")
        storages: dict[str, Storage] = {}
        result = Machine(io.BytesIO(content("data.pkl")), STAND_INS, persistent=_finder(storages)).load()
        for key, storage in storages.items():
            storage.fill(content(f"data/{key}"))
        return result


def _read_old(file: BinaryIO) -> Any:
    file.seek(0)
    storages: dict[str, Storage] = {}
    machine = Machine(file, STAND_INS, persistent=_finder(storages))
    if machine.load() != MAGIC or machine.load() != _PROTOCOL:
        raise pickle.UnpicklingError("neither layout of PyTorch")
    if machine.load().get("little_endian") is not True:
        raise pickle.UnpicklingError("its numbers are big-endian")
    result = machine.load()
    for key in machine.load():
        storage = storages[key]
        count = int.from_bytes(machine.read(8), "little")
        if count != storage.count:
            raise pickle.UnpicklingError(f"a storage of {storage.count} numbers has {count}")
        storage.fill(machine.read(count * storage.dtype.itemsize))
    return result


def _finder(storages: dict[str, Storage]) -> Callable[[Any], Storage]:
    """What finds or begins a storage by what a pickle calls it, and puts it into ``storages``."""

    def find(name: Any) -> Storage:
        # ("storage", class, key, device, numbers), and in the older layout what it is a view of
        kind, key, count, view = name[1], name[2], name[4], name[5:]
        if name[0] != "storage" or not isinstance(kind, _Kind) or not isinstance(key, str) or any(view):
            raise pickle.UnpicklingError("it refers to something outside")
        storage = storages.setdefault(key, Storage(kind.dtype, int(count)))
        if (storage.dtype, storage.count) != (kind.dtype, count):
            raise pickle.UnpicklingError("a storage of two kinds")
        return storage

    return find
