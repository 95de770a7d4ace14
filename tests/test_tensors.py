"""PyTorch's files, as PyTorch writes them and as nobody should."""

from __future__ import annotations

import io
import re
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agnet import tensors
from agnet.errors import InputError

_KINDS = (torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@pytest.mark.parametrize("new", [True, False])
def test_what_pytorch_saves(tmp_path: Path, new: bool) -> None:
    base = torch.arange(60).reshape(3, 4, 5)
    state = OrderedDict((str(kind), base.to(kind)) for kind in _KINDS)
    state |= {
        "bool": base % 2 == 0,
        "view": base[1:, ::2],
        "turned": base.permute(2, 0, 1),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "wide": torch.ones(1, 3).expand(1, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    path = tmp_path / "weights"
    facts = {"layers": 2, "names": ["a", (1, 2.5)]}
    torch.save({"state": state, "facts": facts}, path, _use_new_zipfile_serialization=new)
    content = tensors.load(path)
    assert content["facts"] == facts
    arrays = tensors.arrays(content["state"])
    assert list(arrays) == list(state)
    for name, tensor in state.items():
        expected = tensor.detach().numpy()
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


def _zip(pickled: bytes, data: bytes | None = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        if data is not None:
            archive.writestr("archive/data/0", data)
    return buffer.getvalue()


def _tensor(count: int, size: int, stride: int = 1, offset: int = 0) -> bytes:
    def number(value: int) -> bytes:
        return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)

    def text(value: bytes) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value

    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + number(count) + b"tQ"
    view = number(offset) + number(size) + b"\x85" + number(stride) + b"\x85"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"\x89NtR."


_HUGE = 1 << 40


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_zip(b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\0\0\0\0\x01\x85R."), "it asks for builtins.bytearray"),
        (_zip(_tensor(_HUGE, 1), b"1234"), f"a storage of {_HUGE} numbers has 4 bytes"),
        (_zip(_tensor(1, _HUGE, 0), b"1234"), "larger than its storage"),
        (_zip(_tensor(2, 2, 5), b"12345678"), "larger than its storage"),
        (_zip(_tensor(2, 1, 1, 2), b"12345678"), "larger than its storage"),
        (_zip(_tensor(2, -1), b"12345678"), "impossible shape"),
        (_zip(_tensor(2, 2, -1, 1), b"12345678"), "impossible shape"),
        (_zip(_tensor(1 << 24, 1), bytes(1 << 26), zipfile.ZIP_DEFLATED), "larger than it may be"),
        (_zip(_tensor(1, 1)), "archive/data/0"),
        (_zip(b"\x80\x02ctorch\nFloatStorage\nK\x05\x85R."), "a storage by itself"),
        (_zip(b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R."), "it asks for posix.system"),
        (b"PK\x05\x06" + bytes(18), "a ZIP file that PyTorch did not save"),
        (b"\x80\x02K\x01.", "neither layout"),
        (b"", "ends inside"),
    ],
)
def test_files_that_pytorch_did_not_save(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "weights"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: not read as a file of PyTorch: .*{reason}"):
        tensors.load(path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_every_cut(tmp_path: Path) -> None:
    path, whole = tmp_path / "weights", tmp_path / "whole"
    for new in (True, False):
        torch.save({"a": torch.ones(3), "b": torch.zeros(2, 2)}, whole, _use_new_zipfile_serialization=new)
        data = whole.read_bytes()
        for length in range(0, len(data), 7):
            path.write_bytes(data[:length])
            with pytest.raises(InputError, match="not read as a file of PyTorch"):
                tensors.load(path)


@pytest.mark.parametrize("value", [[1], {"a": 1}, {"a": torch.ones(1), "b": None}])
def test_dicts_of_something_else(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "weights")
    with pytest.raises(ValueError, match="not a dict of weights"):
        tensors.arrays(tensors.load(tmp_path / "weights"))
