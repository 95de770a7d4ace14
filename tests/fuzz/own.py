"""What agnet writes itself, what its users write, and images."""

from __future__ import annotations

import io
import pickle
import zipfile
from contextlib import suppress
from importlib import resources
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.fuzz.official import inside, weights, with_tensors
from tests.fuzz.target import FOLDER, Target, as_file, as_member

from agnet import images, networks, records, seeds, spaces, streams, toml
from agnet.benchmarks import program
from agnet.benchmarks.open import told
from agnet.errors import AgnetError, RecordError
from agnet.generator import checkpoint, published, state
from agnet.search.expressions import parse, parse_limit
from agnet.search.journal import Journal
from agnet.surrogates import files as surrogate_files
from agnet.surrogates.fitted import fit
from agnet.surrogates.xgb import XGB
from agnet.training.recipe import Recipe, names, values


def _stream(path: Path) -> None:
    size = path.stat().st_size
    on_error, plain = ("keep", "fail")[size % 2], ("arch", None)[size // 2 % 2]
    for chunk in streams.read([str(path)], columns=records.COLUMNS, plain=plain, on_error=on_error):
        chunk.columns(records.COLUMNS)
        if plain is None:
            with suppress(RecordError):  # what no table can hold has names all the same
                chunk.table()
            chunk.names()
        else:
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


def _generators() -> list[bytes]:
    small = [
        checkpoint.Checkpoint.initial(spaces.get("nb201"), (0,), model).to_bytes()
        for model in ("agnet", "autoregressive")
    ]
    return [content[: 8 + int.from_bytes(content[:8], "little") + 64] for content in small] + small


def _published() -> list[bytes]:
    import torch

    state = {f"{published._PREFIX}{name}.weight": torch.zeros(2, 12) for name in published._LINEAR.values()}
    state |= {f"{published._PREFIX}{name}.bias": torch.zeros(2) for name in published._LINEAR.values()}
    pars = {
        "model_config": {"node_embedding_dim": 2, "graph_embedding_dim": 2, "gnn_iteration_layers": 1},
        "data_config": {"max_num_nodes": 8, "num_node_atts": 7},
    }
    buffer = io.BytesIO()
    torch.save({"nets": {"G": {"pars": pars, "state": state}}}, buffer)
    saved = [buffer.getvalue(), *weights()]
    return [*saved, *map(inside, saved)]


_import = as_file("published", lambda path: published.import_published(str(path)))


def _state(path: Path) -> object:
    return state.load_state(str(path), {"space": "nb201"}, 3)


def _states() -> list[bytes]:
    path = FOLDER / "state"
    vector = np.zeros(3, np.float32)
    state.State(1, vector, vector, vector).save(str(path), {"space": "nb201"})
    return [path.read_bytes()]


def _surrogates() -> list[bytes]:
    from agnet import surrogates

    space = spaces.get("nb201")
    batch = surrogates.Batch(space, space.sample(12, np.random.default_rng(0)))
    contents = []
    with patch.object(XGB, "rounds", 2):
        for name in ("bayes", "gp", "xgb"):
            fitted = fit(surrogates.make(name), batch, ["val_acc"], np.linspace(0, 1, 12)[:, None], seed=(0,))
            path = FOLDER / name
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
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", b"damaged")
    place = 30 + len("x.npy") + 4  # behind the header of the member and that of LZMA: its settings
    contents.append(buffer.getvalue()[:place] + b"\xff" + buffer.getvalue()[place + 1 :])
    return contents


def _told(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for name in spaces.names():
        with suppress(AgnetError):
            networks.parse(spaces.get(name), text)
    seeds.parse_seed(text)


def _answers(data: bytes) -> None:
    """What a program says after it was given two architectures."""
    answers, stray = program._match(data, ["a", "b"])
    for text in [stray, *(program._problem(answer, ["val_acc"]) for answer in answers if answer is not None)]:
        if len(text) > 2000:
            raise AssertionError(f"a long message: {text[:3000]!r}")


def _recipe(path: Path) -> object:
    return told(Recipe(), values(str(path)), "recipe")


def _recipes() -> list[bytes]:
    return [(resources.files("agnet.training") / "recipes" / f"{name}.toml").read_bytes() for name in names()]


def _cifar() -> bytes:
    return pickle.dumps({b"labels": [0, 1], b"data": np.zeros((2, 3072), np.uint8)}, 2)


def picture(kind: str) -> bytes:
    """A small image."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.arange(75, dtype=np.uint8).reshape(5, 5, 3)).save(buffer, kind)
    return buffer.getvalue()


OWN: dict[str, Target] = {
    "stream": Target(as_file("stream", _stream), _streams),
    "generator": Target(lambda data: checkpoint.parse(data, "generator"), _generators),
    "published": Target(
        lambda data: _import(with_tensors(data)),
        _published,
        pickled=True,
    ),
    "state": Target(as_file("state", _state), _states),
    "surrogate": Target(as_file("surrogate", lambda path: surrogate_files.load(str(path))), _surrogates),
    "journal": Target(as_file("journal", _journal), _journals),
    "answers": Target(
        _answers, lambda: [b'{"arch":"a","val_acc":0.5}\n{"arch":"b","error":"no"}\n', b'{"val_acc":NaN}\n{}']
    ),
    "toml": Target(
        as_file("settings.toml", lambda path: toml.load(str(path))), lambda: [b'queries = 5\nwith = ["a=1"]\n']
    ),
    "recipe": Target(as_file("recipe.toml", _recipe), _recipes),
    "expression": Target(
        _expression, lambda: [b"val_acc - 0.01 * log(`latency_ms@edgegpu`)**2", b"max(val_acc, 1e3)/2 <= (-val_acc)"]
    ),
    "settings": Target(_told, lambda: [b"cifar10,channels=16", b"7:3", b"imagenet,classes=10,image=64"]),
    "npz": Target(as_file("images.npz", lambda path: images.load(str(path))), _arrays),
    "cifar-pickle": Target(
        as_member("cifar-py", "data_batch_1", {"test_batch": _cifar()}, lambda path: images.load(str(path))),
        lambda: [_cifar()],
        pickled=True,
    ),
    "cifar-binary": Target(
        as_member("cifar-bin", "train.bin", {"test.bin": bytes(3074)}, lambda path: images.load(str(path))),
        lambda: [bytes(2 * 3074), b"\x01\x02" + bytes(3072)],
    ),
    "picture": Target(
        as_member("pictures", "a/0", {"b/0": picture("PPM")}, lambda path: images.load(str(path))),
        lambda: [picture(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA")],
    ),
}
