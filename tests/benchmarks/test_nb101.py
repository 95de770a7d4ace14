"""NAS-Bench-101's files, read against the arrays that the same results were published in elsewhere."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import arrow, benchmarks, spaces
from agnet.benchmarks import sources, store
from agnet.benchmarks.official import protobuf, silent
from agnet.benchmarks.official.nb101 import read
from agnet.errors import InputError
from agnet.spaces.nb101_cells import unpack

from ..layouts import NB101_CELL, double, frame, message, nb101_training, varint


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(*records: bytes) -> Path:
        path = tmp_path / "file.tfrecord"
        path.write_bytes(b"".join(map(frame, records)))
        return path

    return write


def test_real_records(data: Path, fresh: Path) -> None:
    sources.bring_in("nb101", data / "nb101" / "nb101_fixture_66x3.tfrecord")
    benchmark = benchmarks.load("nb101")
    with np.load(data / "nb101" / "nb101_108ep_151644.npz") as published:
        arrays = {name: published[name] for name in published.files}
    digests = [digest.tobytes().hex() for digest in arrays["hash"]]
    row_of = {digest: row for row, digest in enumerate(digests)}
    space = spaces.get("nb101")
    graphs = unpack(benchmark.table.keys)
    rows = [row_of[digest] for digest in space.ids(graphs).to_pylist()]
    assert len(rows) == 66
    runs = {
        name: (arrays[f"final_{long}_accuracy_x9984"][rows] / 9984).astype(np.float32).astype(float)
        for name, long in (("val_acc", "validation"), ("test_acc", "test"), ("train_acc", "train"))
    }
    half = (arrays["halfway_validation_accuracy_x9984"][rows] / 9984).astype(np.float32).astype(float)
    answer = benchmark.query(
        graphs, [*runs, "val_acc_s0", "val_acc_s1", "val_acc_s2", "val_acc@54", "val_acc_s2@54", "params_m"]
    ).columns
    for name, values in runs.items():
        np.testing.assert_allclose(answer[name], values.mean(axis=1), rtol=1e-15)
    stacked = np.stack([answer[f"val_acc_s{run}"] for run in range(3)], axis=1)
    np.testing.assert_array_equal(np.sort(stacked), np.sort(runs["val_acc"]))
    np.testing.assert_allclose(answer["val_acc@54"], half.mean(axis=1), rtol=1e-15)
    np.testing.assert_array_equal(answer["params_m"], arrays["trainable_parameters"][rows] / 1e6)
    drawn = benchmark.query(graphs, ["val_acc"], draw=(3,)).columns["val_acc"]
    assert ((drawn[:, None] == stacked).any(axis=1)).all()
    with pytest.raises(InputError, match="nb101 has no val_acc_4ep in the file that was imported; nasbench_full"):
        benchmark.query(graphs, ["val_acc_4ep"])
    assert "val_acc_4ep" not in benchmark.answered()


@pytest.mark.parametrize("name", ["3V9E", "4V9E"])
def test_files_with_other_fields_and_epochs_as_text(data: Path, name: str) -> None:
    table = read(data / "nb101" / f"ecnas_carbon_{name}.tfrecord", silent)
    assert table.num_rows == 7
    assert ((table["val_acc_36ep"].to_numpy() > 0.5) & (table["val_acc_36ep"].to_numpy() < 1)).all()
    assert "val_acc_36ep@" not in table.column_names  # they have none half way


def test_all_budgets(file: Callable[..., Path], fresh: Path) -> None:
    records = [nb101_training(epochs, epochs / 1000 + run / 100) for run in range(3) for epochs in (108, 36, 12, 4)]
    sources.bring_in("nb101", file(*records))
    benchmark = benchmarks.load("nb101")
    graphs = spaces.get("nb101").parse(arrow.strings(["conv3x3:0,output:01"])).graphs
    names = ["val_acc", "val_acc_36ep", "val_acc_12ep_s2", "test_acc_4ep", "train_time_s_12ep", "train_time_s_36ep@18"]
    answer = benchmark.query(graphs, names).columns
    values = [answer[name][0] for name in names]
    np.testing.assert_allclose(values, [0.118, 0.046, 0.032, 0.007, 120, 180], rtol=1e-12)
    assert set(benchmark.answered()) >= {*names[:5]}


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((b"{}",), r"record 1 is not one of NAS-Bench-101: not a list of five"),
        ((b"\xff",), r"record 1 is not one of NAS-Bench-101"),
        ((nb101_training(), nb101_training(50)), r"record 2 is not one of NAS-Bench-101: a training of 50 epochs"),
        ((nb101_training(metrics=b"\x0a\x7f"),), r"record 1 is not .*: field 1 is cut short"),
        ((nb101_training(metrics=b"\x08\x01"),), r"record 1 is not .*: no result after 108 epochs"),
        (
            (nb101_training(cell=("0100", "input,output", NB101_CELL[2])),),
            r"the cell with the module hash d32d.* is another one",
        ),
        (
            (nb101_training(cell=("01", "input,output", NB101_CELL[2])),),
            r"record 1 is not .*an adjacency of 2 digits for 2",
        ),
        ((nb101_training(),) * 4, r"trained more than 3 times"),
        ((), r"no record in it"),
    ],
)
def test_wrong_records(file: Callable[..., Path], fresh: Path, records: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        sources.bring_in("nb101", file(*records))
    assert "\n" not in str(error.value)
    assert store.find("nb101") is None
    assert not fresh.exists() or not list(fresh.rglob("*.arrow"))


def test_damage_is_found_wherever_it_is(file: Callable[..., Path], tmp_path: Path) -> None:
    path = file(nb101_training(), nb101_training(val=0.6))
    whole = path.read_bytes()
    second = len(frame(nb101_training()))
    for at, reason in (
        (3, "record 1: not a TFRecord"),
        (40, "record 1: its data"),
        (second + 1, "record 2: the length"),
        (len(whole) - 1, "record 2: its data"),
    ):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(InputError, match=reason):
            read(path, silent)
    for end in (5, 11, 12, second - 1, second + 3, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match="cut short"):
            read(path, silent)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_clear_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        list(protobuf.fields(content))


@given(st.integers(0, 2**63), st.floats(allow_nan=False))
def test_messages(integer: int, number: float) -> None:
    content = varint(1, integer) + double(2, number) + message(3, b"text") + bytes([4 << 3 | 5]) + struct.pack("<f", 1)
    assert list(protobuf.fields(content)) == [(1, integer), (2, number), (3, b"text"), (4, 1.0)]
