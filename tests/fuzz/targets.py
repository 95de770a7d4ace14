"""Everything that reads what a stranger may have written, as functions of bytes.

They fail by an :class:`~agnet.errors.AgnetError` or not at all.

Where a format has checksums or compression around the part that is of interest, that part is what is fuzzed, and the
target puts the wrapping around it.
"""

from __future__ import annotations

import base64
import bz2
import io
import json
import os
import pickle
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from agnet import images, networks, records, seeds, spaces, streams, toml
from agnet.benchmarks.official import hw, nb101, nb201, nb301, nb301_runs, nbnlp, protobuf, silent, tfrecord, x11, yahpo
from agnet.errors import AgnetError
from agnet.generator import checkpoint, published, state
from agnet.search.expressions import parse, parse_limit
from agnet.search.journal import Journal
from agnet.surrogates import files as surrogate_files
from agnet.surrogates.fitted import fit


@dataclass(frozen=True)
class Target:
    """A reader and valid inputs to begin with."""

    feed: Callable[[bytes], object]
    corpus: Callable[[], list[bytes]]


_CAUGHT = (ValueError, KeyError, TypeError, AttributeError)
"""What those who read parts of files turn into a line."""
_FOLDER = Path(tempfile.mkdtemp(prefix="agnet-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def check(target: Target, data: bytes) -> bool:
    """Whether the target took ``data``; anything but its acceptance or a clean refusal is an exception."""
    try:
        target.feed(data)
    except AgnetError as error:
        text = str(error)
        if not text.strip() or "\n" in text or len(text) > 2000:
            raise AssertionError(f"not one line of error: {text[:3000]!r}") from error
        return False
    return True


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    path = _FOLDER / f"{os.getpid()}-{name}"

    def feed(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return feed


_GIN = {"virtual_node": True, "graph_preprocessing:add_node_degree_one_hot": True, "graph_pooling": "mean"}


def _member(kind: str, read: Callable[[Path], object], **config: Any) -> Callable[[bytes], object]:
    """A folder with a model in it, whose bytes are what is fuzzed."""
    folder = _FOLDER / f"{os.getpid()}-{kind}"

    def feed(data: bytes) -> object:
        folder.mkdir(exist_ok=True)
        (folder / "model_config.json").write_text(json.dumps({"model": kind, **config}))
        (folder / "surrogate_model.model").write_bytes(data)
        return read(folder)

    return feed


def _stream(path: Path) -> None:
    for on_error in ("keep", "fail"):
        for chunk in streams.read([str(path)], columns=records.COLUMNS, plain="arch", on_error=on_error):
            chunk.columns(records.COLUMNS)
            chunk.json_lines()


def _streams() -> list[bytes]:
    table = pa.table(
        {"space": ["nb201", None], "arch": ["(4, 3, 3, 0, 0, 0)", "x"], "val_acc": [0.5, None], "l": [[1], []]}
    )
    arrow, file, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for new, sink in ((pa.ipc.new_stream, arrow), (pa.ipc.new_file, file)):
        with new(sink, table.schema) as writer:
            writer.write_table(table)
    pq.write_table(table, parquet)
    lines = (
        b'{"space":"nb201","arch":"(4, 3, 3, 0, 0, 0)","a":[1,{"b":null}],"c":1e3}\n(1, 2, 3, 4, 0, 0)\n\n"x\\u00e4"\n'
    )
    packed = [pa.compress(lines, codec=codec, asbytes=True) for codec in ("gzip", "zstd")]
    return [lines, arrow.getvalue(), file.getvalue(), parquet.getvalue(), *packed, b"\xef\xbb\xbf" + lines, b"[1,2]\n"]


def _arch(name: str) -> Target:
    def feed(data: bytes) -> None:
        space = spaces.get(name)
        texts = data.decode("utf-8", "replace").split("\x00")
        parsed = space.parse(pa.array(texts, pa.string()))
        for problem in parsed.problems.values():
            if "\n" in problem or not problem:
                raise AssertionError(f"not one line of error: {problem!r}")
        good = np.flatnonzero((parsed.graphs.sizes > 0).all(axis=1))
        if set(good) & set(parsed.problems) or len(good) + len(parsed.problems) != len(texts):
            raise AssertionError("neither read nor refused")
        if len(good):
            graphs = parsed.graphs.take(good)
            again = space.parse(space.format(graphs))
            if again.problems or again.graphs.take(np.arange(len(good))).sizes.tolist() != graphs.sizes.tolist():
                raise AssertionError("what is written is not read as the same")
            if space.ids(again.graphs) != space.ids(graphs):
                raise AssertionError("an id that depends on how the architecture is written")

    def corpus() -> list[bytes]:
        from agnet.spaces.sampling import distinct_blocks

        space = spaces.get(name)
        made = [text.encode() for block in distinct_blocks(space, 12, (0,)) for text in space.format(block).to_pylist()]
        return [*made, b"\x00".join(made[:3]), *(text.encode() for text in _NOTATIONS.get(name, ()))]

    return Target(feed, corpus)


_NOTATIONS = {
    "nb101": (
        '{"matrix":[[0,1,0],[0,0,1],[0,0,0]],"ops":["input","conv3x3-bn-relu","output"]}',
        '[[[0,1,0],[0,0,1],[0,0,0]],["input","maxpool3x3","output"]]',
    ),
    "nb201": ("(4, 3, 3, 0, 0, 0)", "[4,3,3,0,0,0]", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
    "nb301": (
        "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), "
        "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), "
        "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], "
        "reduce_concat=[2, 3, 4, 5])",
        "[[[0,1],[1,2],[0,3],[1,0],[0,4],[2,5],[0,6],[1,0]],[[0,1],[1,2],[0,3],[1,0],[0,4],[2,5],[0,6],[1,0]]]",
    ),
    "nbnlp": (
        '{"a":{"op":"linear","input":["x","h_prev_0"]},"h_new_0":{"op":"activation_sigm","input":["a"]}}',
        "(((0, 2), (1, 2), (2, 3)), (0, 1, 5, 6), ())",
    ),
}


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
    parsed = space.parse(pa.array(_NOTATIONS["nb101"][:1]))
    digest = space.ids(parsed.graphs)[0].as_py()
    operations = "input,conv3x3-bn-relu,output"
    return json.dumps([digest, 108, "010001000", operations, base64.b64encode(message).decode()]).encode()


def _protobuf(data: bytes) -> None:
    with suppress(*_CAUGHT):
        for _ in protobuf.fields(data):
            pass


def _results() -> dict[str, Any]:
    epochs = {f"x-valid@{i}": 50.0 for i in range(12)}
    one = {
        "train_acc1es": dict.fromkeys(range(12), 40.0),
        "train_losses": dict.fromkeys(range(12), 1.0),
        "train_times": dict.fromkeys(range(12), 9.0),
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


def _tarred(path: Path) -> object:
    """The file as the only cell of a NATS-Bench archive."""
    archived = path.with_suffix(".tar")
    with tarfile.open(archived, "w") as archive:
        archive.add(path, "000000.pickle.pbz2")
    return nb201.read(archived, silent)


def _zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return buffer.getvalue()


def _whole() -> bytes:
    return pickle.dumps({"meta_archs": [], "arch2infos": {0: {"less": _results(), "full": _results()}}}, 2)


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
        with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
            archive.writestr("results_0.json", path.read_bytes())
        return read(path.with_suffix(".zip"))

    return _file(name, wrapped)


def _xgboost() -> list[bytes]:
    import xgboost

    rng = np.random.default_rng(0)
    x = rng.random((30, 56), dtype=np.float32)
    booster = xgboost.train({"max_depth": 2, "seed": 0, "nthread": 1}, xgboost.DMatrix(x, label=x[:, 0]), 2)
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

    with suppress(*_CAUGHT):
        boosters.from_xgboost(handle)


def _lightgbm_text(data: bytes) -> None:
    from agnet.benchmarks.official import boosters

    with suppress(*_CAUGHT):
        boosters.from_lightgbm(data.decode("utf-8", "replace"))


def _joblib() -> list[bytes]:
    import joblib
    import lightgbm
    from sklearn.multioutput import RegressorChain
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6)), rng.random((40, 2))
    regressor = lightgbm.LGBMRegressor(n_estimators=2, num_leaves=3, verbose=-1, n_jobs=1)
    model = [RegressorChain(regressor).fit(x, y), StandardScaler().fit(y), np.ones(2), np.ones((2, 200)), 2]
    path = _FOLDER / "joblib"
    joblib.dump(model, path)
    return [path.read_bytes()]


def _onnx() -> list[bytes]:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    inputs = b"".join(field(11, field(1, name) + field(2, b"\x08\x01")) for name in (b"x_cat", b"x_cont"))
    return [b"\x08\x08" + field(7, inputs + field(12, field(1, b"y")))]


def _weights() -> list[bytes]:
    import torch

    buffer = io.BytesIO()
    torch.save({"gnn_node.a": torch.zeros(2, 2)}, buffer)
    return [buffer.getvalue()]


def _generators() -> list[bytes]:
    small = [
        checkpoint.Checkpoint.initial(spaces.get("nb201"), (0,), model).to_bytes()
        for model in ("agnet", "autoregressive")
    ]
    return [content[: 8 + int.from_bytes(content[:8], "little") + 64] for content in small] + small


def _state(path: Path) -> object:
    return state.load_state(str(path), {"space": "nb201"}, 3)


def _states() -> list[bytes]:
    path = _FOLDER / "state"
    vector = np.zeros(3, np.float32)
    state.State(1, vector, vector, vector).save(str(path), {"space": "nb201"})
    return [path.read_bytes()]


def _surrogates() -> list[bytes]:
    from agnet import surrogates

    space = spaces.get("nb201")
    batch = surrogates.Batch(space, space.sample(12, np.random.default_rng(0)))
    contents = []
    for name in ("bayes", "gp", "xgb"):
        fitted = fit(surrogates.make(name), batch, ["val_acc"], np.linspace(0, 1, 12)[:, None], seed=(0,))
        path = _FOLDER / name
        surrogate_files.save(fitted, str(path))
        contents.append(path.read_bytes())
    return contents


def _journal(path: Path) -> None:
    with Journal(path, {"seed": [0]}, resume=True) as journal:
        while chunk := journal.replay(["(4, 3, 3, 0, 0, 0)"]):
            chunk.columns(records.COLUMNS)


def _journals() -> list[bytes]:
    return [b'{"agnet_journal":1,"settings":{"seed":[0]}}\n{"arch":"(4, 3, 3, 0, 0, 0)","val_acc":0.5}\n{"arch":"half']


def _expression(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    columns = {name: np.ones(2) for name in ("val_acc", "latency_ms@edgegpu")}
    with suppress(AgnetError):
        limit = parse_limit(text)
        if set(limit.margin.metrics) <= set(columns):
            limit.holds(limit.margin(columns))
    expression = parse(text)
    if set(expression.metrics) <= set(columns):
        expression(columns)


def _arrays() -> list[bytes]:
    contents = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, x=np.zeros((10, 2, 2), np.uint8), y=np.arange(10) // 5)
        contents.append(buffer.getvalue())
    return contents


def _told(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for name in spaces.names():
        with suppress(AgnetError):
            networks.parse(spaces.get(name), text)
    seeds.parse_seed(text)


TARGETS: dict[str, Target] = {
    "stream": Target(_file("stream", _stream), _streams),
    **{f"arch-{name}": _arch(name) for name in ("nb101", "nb201", "nb301", "nbnlp")},
    "tfrecord": Target(_file("tfrecord", _tfrecords), lambda: [_framed(b"some") + _framed(b"data")]),
    "nb101-record": Target(
        lambda data: _file("nb101", lambda path: nb101.read(path, silent))(_framed(data)), lambda: [_training()]
    ),
    "protobuf": Target(_protobuf, lambda: [b"\x08\x96\x01\x12\x07testing\x19\0\0\0\0\0\0\xf0\x3f"]),
    "nb201-cell": Target(
        lambda data: _file("nb201.pbz2", _tarred)(bz2.compress(data, 1)), lambda: [pickle.dumps({"12": _results()}, 4)]
    ),
    "nb201-pth": Target(
        lambda data: _file("nb201.pth", lambda path: nb201.read(path, silent))(_zipped(data)), lambda: [_whole()]
    ),
    "nb201-file": Target(_file("nb201", lambda path: nb201.read(path, silent)), lambda: [_zipped(_whole()), _whole()]),
    "hw": Target(_file("hw", lambda path: hw.read(path, silent)), _hw),
    "nbnlp-pickle": Target(_file("nbnlp", lambda path: nbnlp.read(path, silent)), lambda: [*_naslib(), *_log()]),
    "nbnlp-log": Target(_archived("log", lambda path: nbnlp.read(path, silent)), _log),
    "nb301-run": Target(_archived("run", lambda path: nb301_runs.read(path, silent)), _run),
    "nb301-xgb": Target(_member("xgb", lambda path: nb301.read(path, silent)), lambda: _xgboost()[:1]),
    "nb301-lgb": Target(_member("lgb_time", lambda path: nb301.read_runtime(path, silent)), _lightgbm_pickles),
    "nb301-gin": Target(_member("gnn_gin", lambda path: nb301.read(path, silent), **_GIN), _weights),
    "xgboost": Target(_booster, lambda: _xgboost()[1:]),
    "lightgbm": Target(_lightgbm_text, _lightgbm_texts),
    "x11": Target(_member("svd_lgb", lambda path: x11.read("nb211", path, silent)), _joblib),
    "yahpo": Target(_file("yahpo", lambda path: yahpo.read(path, silent)), _onnx),
    "generator": Target(lambda data: checkpoint.parse(data, "generator"), _generators),
    "published": Target(_file("published", lambda path: published.import_published(str(path))), _weights),
    "state": Target(_file("state", _state), _states),
    "surrogate": Target(_file("surrogate", lambda path: surrogate_files.load(str(path))), _surrogates),
    "journal": Target(_file("journal", _journal), _journals),
    "toml": Target(
        _file("settings.toml", lambda path: toml.load(str(path))), lambda: [b'queries = 5\nwith = ["a=1"]\n']
    ),
    "npz": Target(_file("images.npz", lambda path: images.load(str(path))), _arrays),
    "expression": Target(
        _expression, lambda: [b"val_acc - 0.01 * log(`latency_ms@edgegpu`)**2", b"max(val_acc, 1e3)/2 <= (-val_acc)"]
    ),
    "settings": Target(_told, lambda: [b"cifar10,channels=16", b"7:3", b"imagenet,classes=10,image=64"]),
}
