"""What benchmarks' authors publish, as files that a stranger may have changed.

Where a format has checksums or compression around the part that is of interest, that part is what is fuzzed, and the
target puts the wrapping around it.
"""

from __future__ import annotations

import base64
import bz2
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from tests.fuzz.architectures import NOTATIONS
from tests.fuzz.target import CAUGHT, FOLDER, Target, as_file, as_member

from agnet import spaces
from agnet.benchmarks.official import hw, nb101, nb201, nb301, nb301_runs, nbnlp, protobuf, silent, tfrecord, x11, yahpo


def _framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    crcs = (struct.pack("<I", tfrecord.masked_crc(part)) for part in (length, data))
    return length + next(crcs) + data + next(crcs)


def _tfrecords(path: Path) -> None:
    for _ in tfrecord.records(path):
        pass


def _training() -> bytes:
    def evaluation(epoch: float) -> bytes:
        fields = [bytes([number << 3 | 1]) + struct.pack("<d", epoch) for number in range(1, 6)]
        return b"".join([bytes([1 << 3 | 2, 45]), *fields])

    message = evaluation(0.0) + evaluation(54.0) + evaluation(108.0) + b"\x10\x90\x4e"
    space = spaces.get("nb101")
    parsed = space.parse(pa.array(NOTATIONS["nb101"][:1]))
    digest = space.ids(parsed.graphs)[0].as_py()
    operations = "input,conv3x3-bn-relu,output"
    return json.dumps([digest, 108, "010001000", operations, base64.b64encode(message).decode()]).encode()


def _protobuf(data: bytes) -> None:
    with suppress(*CAUGHT):
        for _ in protobuf.fields(data):
            pass


def _results() -> dict[str, Any]:
    epochs = {f"x-valid@{i}": 50.0 for i in range(12)}
    one = {
        "train_acc1es": dict.fromkeys(range(12), 40.0),
        "train_losses": {11: 1.0},
        "train_times": {11: 9.0},
        "eval_acc1es": epochs,
        "eval_losses": epochs,
        "eval_times": epochs,
        "flop": 1.0,
        "params": 0.1,
        "latency": [0.1],
        "epochs": 12,
        "seed": 777,
    }
    arch = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    data_set = {"cifar10-valid": [777]}
    return {"arch_index": 0, "arch_str": arch, "all_results": {("cifar10-valid", 777): one}, "dataset_seed": data_set}


def _cell(data: bytes) -> None:
    """A cell of a NATS-Bench archive."""
    nb201.bz2 = _PACKED  # type: ignore[assignment]  # to compress takes longer than to read
    try:
        nb201._read_cell(io.BytesIO(data), "000000.pickle.pbz2", _results_so_far())
    except CAUGHT:
        pass
    finally:
        nb201.bz2 = bz2


_PACKED = SimpleNamespace(open=lambda file: file)


@cache
def _results_so_far() -> nb201._Results:
    return nb201._Results()


def _archive() -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        content = bz2.compress(pickle.dumps({"12": _results()}, 4))
        member = tarfile.TarInfo("000000.pickle.pbz2")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return [buffer.getvalue()[:2048], pickle.dumps({"12": _results()}, 4)]


def stored(members: dict[str, bytes]) -> bytes:
    """A ZIP file, nothing compressed; ``zipfile`` takes ten times as long to write it."""
    content, entries = b"", b""
    for name, data in members.items():
        encoded = name.encode()
        fields = (0x21, zlib.crc32(data), len(data), len(data), len(encoded))
        entries += (
            struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, *fields, 0, 0, 0, 0, 0, len(content)) + encoded
        )
        content += struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, *fields, 0) + encoded + data
    count = len(members)
    return content + entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), len(content), 0)


def _zipped(data: bytes) -> bytes:
    return stored({"archive/data.pkl": data})


def with_tensors(data: bytes) -> bytes:
    """A file of PyTorch around a pickle; other bytes as they are."""
    return stored({"a/data.pkl": data, "a/version": b"3", "a/data/0": bytes(96)}) if data[:1] == b"\x80" else data


def inside(saved: bytes) -> bytes:
    """The pickle in a file of PyTorch."""
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def _whole() -> bytes:
    results = _results()
    return pickle.dumps({"meta_archs": [], "arch2infos": {0: {"less": results, "full": {**results}}}}, 2)


def _naslib() -> list[bytes]:
    log = {f"{part}_losses": [1.0] for part in ("train", "val", "test")} | {"wall_times": [2.0], "num_params": 10}
    return [pickle.dumps({(((0, 4), (4, 5)), (0, 0, 0, 0, 1, 6), (5,)): log}, 4)]


def _hw() -> list[bytes]:
    arch = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    measured = {f"{device}_{metric}": [1.0] for device, metrics in hw.DEVICES.items() for metric in metrics}
    cells = {**measured, "edgegpu_latency": np.ones(1), "config": [{"arch_str": arch}]}
    return [
        pickle.dumps({"nasbench201": dict.fromkeys(hw.DATA_SETS, cells)}, 2),
        pickle.dumps({"nasbench201": {key: {**cells, "fpga_energy": [np.float32(1)]} for key in hw.DATA_SETS}}, 4),
        f"arch,edgegpu_latency\n{arch},1.0\n".encode(),
    ]


_DISKS = b"PK\x06\x07" + 14 * b"\x01" + b"\x04\x95PK\x05\x06" + 4 * b"\0" + b"}\x94K\0\x11" + 13 * b"\0"
"""The end of a ZIP file on several disks."""


def _log() -> list[bytes]:
    recipe = '{"a":{"op":"linear","input":["x","h_prev_0"]},"h_new_0":{"op":"activation_sigm","input":["a"]}}'
    log = {
        "data": "data/ptb",
        "recepie": recipe,
        "init_time": "1",
        "status": "OK",
        **{f"{part}_losses": [1.0, None] for part in ("train", "val", "test")},
        "wall_times": [1.0, 2.0],
        "num_params": 5,
    }
    return [json.dumps(log).encode()]


def _run() -> list[bytes]:
    prefix = "NetworkSelectorDatasetInfo:darts"
    config = {}
    for cell in ("normal", "reduce"):
        for edge in (0, 1, 2, 3, 5, 6, 9, 10):  # from the two inputs to each of the four nodes
            config[f"{prefix}:edge_{cell}_{edge}"] = "max_pool_3x3"
        config |= {f"{prefix}:inputs_node_{cell}_{node}": "0_1" for node in (3, 4, 5)}
    info = [{"val_accuracy": 90.0, "model_parameters": 1e6}]
    result = {"info": info, "test_accuracy": 90.0, "runtime": 5.0, "optimized_hyperparamater_config": config}
    return [json.dumps(result).encode()]


def _archived(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def wrapped(path: Path) -> object:
        path.write_bytes(stored({"results_0.json": path.read_bytes()}))
        return read(path)

    return as_file(f"{name}.zip", wrapped)


def _xgboost() -> list[bytes]:
    import xgboost

    rng = np.random.default_rng(0)
    x = rng.random((30, 56), dtype=np.float32)
    booster = xgboost.train({"max_depth": 1, "seed": 0, "nthread": 1}, xgboost.DMatrix(x, label=x[:, 0]), 2)
    return [pickle.dumps(booster, 4), bytes(booster.save_raw("ubj")), bytes(booster.save_raw("json"))]


def _lightgbm() -> Any:
    import lightgbm

    rng = np.random.default_rng(0)
    x = rng.random((40, 56))
    data = lightgbm.Dataset(x, label=x[:, 0])
    return lightgbm.train({"num_leaves": 3, "verbosity": -1, "min_data_in_leaf": 2, "num_threads": 1}, data, 2)


def _lightgbm_pickles() -> list[bytes]:
    return [pickle.dumps(_lightgbm(), 4)]


def _lightgbm_texts() -> list[bytes]:
    return [_lightgbm().model_to_string().encode()]


def _booster(handle: bytes) -> None:
    from agnet.benchmarks.official import boosters

    with suppress(*CAUGHT):
        boosters.from_xgboost(handle)


def _lightgbm_text(data: bytes) -> None:
    from agnet.benchmarks.official import boosters

    with suppress(*CAUGHT):
        boosters.from_lightgbm(data.decode("utf-8", "replace"))


def _joblib() -> list[bytes]:
    import joblib
    import lightgbm
    from sklearn.multioutput import RegressorChain
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6)), rng.random((40, 1))
    regressor = lightgbm.LGBMRegressor(n_estimators=1, num_leaves=2, min_child_samples=2, verbose=-1, n_jobs=1)
    model = [RegressorChain(regressor).fit(x, y), StandardScaler().fit(y), np.ones(1), np.ones((1, 200)), 1]
    path = FOLDER / "joblib"
    joblib.dump(model, path)
    return [path.read_bytes()]


def _onnx() -> list[bytes]:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    inputs = b"".join(field(11, field(1, name) + field(2, b"\x08\x01")) for name in (b"x_cat", b"x_cont"))
    return [b"\x08\x08" + field(7, inputs + field(12, field(1, b"y")))]


def weights() -> list[bytes]:
    import torch

    buffer = io.BytesIO()
    torch.save({"gnn_node.a": torch.zeros(2, 2)}, buffer)
    return [buffer.getvalue()]


_GIN = {"virtual_node": True, "graph_preprocessing:add_node_degree_one_hot": True, "graph_pooling": "mean"}


def _gin(data: bytes) -> object:
    return _model("gnn_gin", lambda path: nb301.read(path, silent), **_GIN)(data)


def _model(kind: str, read: Callable[[Path], object], **config: Any) -> Callable[[bytes], object]:
    """A folder with a model in it, whose bytes are what is fuzzed."""
    others = {"model_config.json": json.dumps({"model": kind, **config}).encode()}
    return as_member(kind, "surrogate_model.model", others, read)


OFFICIAL: dict[str, Target] = {
    "tfrecord": Target(as_file("tfrecord", _tfrecords), lambda: [_framed(b"some") + _framed(b"data")]),
    "nb101-record": Target(
        lambda data: as_file("nb101", lambda path: nb101.read(path, silent))(_framed(data)), lambda: [_training()]
    ),
    "protobuf": Target(_protobuf, lambda: [b"\x08\x96\x01\x12\x07testing\x19\0\0\0\0\0\0\xf0\x3f"]),
    "nb201-cell": Target(_cell, lambda: [pickle.dumps({"12": _results()}, 4)], pickled=True),
    "nb201-tar": Target(as_file("nb201.tar", lambda path: nb201.read(path, silent)), _archive),
    "nb201-pth": Target(
        lambda data: as_file("nb201.pth", lambda path: nb201.read(path, silent))(_zipped(data)),
        lambda: [_whole()],
        pickled=True,
    ),
    "nb201-file": Target(
        as_file("nb201", lambda path: nb201.read(path, silent)), lambda: [_zipped(_whole()), _whole()], pickled=True
    ),
    "hw": Target(as_file("hw", lambda path: hw.read(path, silent)), _hw, pickled=True),
    "nbnlp-pickle": Target(
        as_file("nbnlp", lambda path: nbnlp.read(path, silent)), lambda: [*_naslib(), *_log(), _DISKS], pickled=True
    ),
    "nbnlp-log": Target(_archived("log", lambda path: nbnlp.read(path, silent)), _log),
    "nb301-run": Target(_archived("run", lambda path: nb301_runs.read(path, silent)), _run),
    "nb301-xgb": Target(_model("xgb", lambda path: nb301.read(path, silent)), lambda: _xgboost()[:1], pickled=True),
    "nb301-lgb": Target(
        _model("lgb_time", lambda path: nb301.read_runtime(path, silent)), _lightgbm_pickles, pickled=True
    ),
    "nb301-gin": Target(
        lambda data: _gin(with_tensors(data)), lambda: [*weights(), *map(inside, weights())], pickled=True
    ),
    "xgboost": Target(_booster, lambda: _xgboost()[1:]),
    "lightgbm": Target(_lightgbm_text, _lightgbm_texts),
    "x11": Target(_model("svd_lgb", lambda path: x11.read("nb211", path, silent)), _joblib, pickled=True),
    "yahpo": Target(as_file("yahpo", lambda path: yahpo.read(path, silent)), _onnx),
}
