"""Time and memory of importing the largest files: ``python -m bench.conversion [--gigabytes N] [--cells N]``.

Two files are written in the official layouts, with numbers of our own, and deleted at the end: a .pth of NAS-Bench-201
as PyTorch before 1.6 saved it, of as many cells as it takes; and ``nasbench_only108.tfrecord`` of all cells, each
trained three times.
"""

from __future__ import annotations

import argparse
import base64
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from agnet import spaces
from agnet.benchmarks.official import tfrecord
from agnet.spaces.nb101_cells import adjacency_of, edges_of, enumerate_codes, labels_of, sizes_of
from agnet.spaces.nb101_hash import module_hashes
from bench.spaces import PEAK

_OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
_TORCH = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
_EVALUATIONS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
_MARK = "|cell|"


def main() -> int:
    """Write, import and delete one file after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.1, help="size of the .pth")
    parser.add_argument("--cells", type=int, default=423_624, help="how many the .tfrecord has")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["AGNET_CACHE"] = f"{name}/cache"
        for source, file in (("nb201", "NAS-Bench-201-v1_1-096897.pth"), ("nb101", "nasbench_only108.tfrecord")):
            path = Path(name) / file
            with path.open("wb") as out:
                what = _pth(out, given.gigabytes * 1e9) if source == "nb201" else _tfrecord(out, given.cells)
            command = ["benchmarks", "import", source, str(path), "-q"]
            started = time.perf_counter()
            peak = int(subprocess.check_output([sys.executable, "-c", PEAK, *command]))
            seconds = time.perf_counter() - started
            print(f"{what}, {path.stat().st_size / 1e9:.2f} GB: {seconds:.0f} s, peak {peak / 1e6:.0f} MB", flush=True)
            path.unlink()
    return 0


def _pth(out: BinaryIO, size: float) -> str:
    """A dict of cells, pickled piece by piece: as a whole it would take several times its size."""
    space = spaces.get("nb201")
    names = [name for graphs in space.enumerate() for name in space.format(graphs).to_pylist()]
    for head in _TORCH:
        pickle.dump(head, out, protocol=2)
    out.write(b"\x80\x02}(X" + struct.pack("<I", 10) + b"arch2infos}")
    pieces, step = _template()
    memo = cells = 0
    rng = np.random.default_rng(0)
    while out.tell() < size and cells < len(names):
        out.write(b"(J" + struct.pack("<i", cells))
        for piece in pieces:
            if piece is None:
                out.write(struct.pack("<I", len(names[cells])) + names[cells].encode())
                continue
            content, places, numbers = piece[0].copy(), *piece[1:]
            content[numbers[:, None] + np.arange(6, 8)] = rng.integers(0, 256, (len(numbers), 2))  # of the mantissa
            moved = content[places[:, None] + np.arange(4)].view("<u4") + np.uint32(memo)
            content[places[:, None] + np.arange(4)] = moved.view(np.uint8)
            out.write(content.tobytes())
        out.write(b"u")
        memo += step
        cells += 1
    out.write(b"u.")
    pickle.dump([], out, protocol=2)  # no weights
    return f"{cells:,} cells of NAS-Bench-201 in a .pth"


def _template() -> tuple[list[Any], int]:
    """A cell's results as a pickle in pieces, None where its name stands, and how many objects it remembers.

    A piece is its bytes, and where in them memo indices and floating-point numbers are.
    """
    data = pickle.dumps({"less": _state(12, (111, 777)), "full": _state(200, (777, 888, 999))}, protocol=2)
    wide, memo, places, numbers = bytearray(), 0, [], []
    pieces: list[Any] = []
    operations = list(pickletools.genops(data))
    ends = [position for _, _, position in operations[1:]] + [len(data)]
    for (operation, argument, start), end in zip(operations, ends, strict=True):
        assert start is not None and end is not None
        if operation.name in ("PROTO", "STOP"):
            continue
        if operation.name in ("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"):
            memo = max(memo, argument + 1)
            wide += b"r" if "PUT" in operation.name else b"j"  # with room for large indices
            places.append(len(wide))
            wide += struct.pack("<I", argument)
        elif operation.name == "BINUNICODE" and argument == _MARK:
            wide += b"X"
            pieces += [(bytes(wide), places, numbers), None]
            wide, places, numbers = bytearray(), [], []
        else:
            if operation.name == "BINFLOAT":
                numbers.append(len(wide) + 1)
            wide += data[start:end]
    pieces.append((bytes(wide), places, numbers))
    return [
        piece and (np.frombuffer(piece[0], np.uint8), np.array(piece[1], np.int64), np.array(piece[2], np.int64))
        for piece in pieces
    ], memo


def _state(epochs: int, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The results of one cell with one recipe, as NAS-Bench-201 keeps them."""
    rng = np.random.default_rng(epochs)

    def curve(keys: list[Any]) -> dict[Any, float]:
        return {key: value.item() for key, value in zip(keys, 100 * rng.random(len(keys)), strict=True)}

    results = {}
    for data_set, names in _EVALUATIONS.items():
        for seed in seeds:
            keys = [f"{name}@{epoch}" for name in names for epoch in range(epochs)]
            training = list(range(epochs))
            results[data_set, seed] = {
                "name": data_set,
                "train_acc1es": curve(training),
                "train_acc5es": curve(training),
                "train_losses": curve(training),
                "train_times": OrderedDict(curve(training)),
                "arch_config": {"channel": 16, "num_cells": 5, "arch_str": _MARK, "class_num": 10},
                "params": 0.8,
                "flop": 113.95,
                "seed": seed,
                "epochs": epochs,
                "latency": [0.016],
                "eval_names": list(names),
                "eval_acc1es": curve(keys),
                "eval_times": curve(keys),
                "eval_losses": curve(keys),
                "net_state_dict": None,
            }
    known = {data_set: list(seeds) for data_set in _EVALUATIONS}
    return {"arch_index": 0, "arch_str": _MARK, "all_results": results, "dataset_seed": known, "clear_net_done": True}


def _tfrecord(out: BinaryIO, cells: int) -> str:
    written = 0
    rng = np.random.default_rng(0)
    for block in enumerate_codes(16384):
        codes = block[: cells - written]
        written += len(codes)
        hashes = [digest.tobytes().decode() for digest in module_hashes(codes)]
        adjacency, sizes = adjacency_of(edges_of(codes)), sizes_of(codes).tolist()
        labels = labels_of(codes).tolist()
        values = rng.random((len(codes), 3, 3, 4))
        for row, (digest, size) in enumerate(zip(hashes, sizes, strict=True)):
            digits = "".join(map(str, adjacency[row, :size, :size].astype(int).ravel().tolist()))
            ops = ",".join(["input", *(_OPERATIONS[label] for label in labels[row][: size - 2]), "output"])
            for run in values[row]:
                evaluations = b"".join(
                    b"\x0a\x2d" + struct.pack("<BdBdBdBdBd", *_tagged(epoch, part))
                    for epoch, part in zip((0.0, 54.0, 108.0), run.tolist(), strict=True)
                )
                text = base64.encodebytes(evaluations + b"\x10\x80\x89\x7a\x19" + struct.pack("<d", 1.0)).decode()
                out.write(_frame(orjson.dumps([digest, 108, digits, ops, text])))
        if written == cells:
            break
    return f"{written:,} cells of NAS-Bench-101, {3 * written:,} records"


def _tagged(epoch: float, values: list[float]) -> list[float]:
    fields = [epoch, *values]
    return [part for number, value in enumerate(fields, start=1) for part in (number << 3 | 1, value)]


def _frame(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    check = [struct.pack("<I", tfrecord.masked_crc(part)) for part in (length, data)]
    return length + check[0] + data + check[1]


if __name__ == "__main__":
    sys.exit(main())
