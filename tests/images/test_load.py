"""Images from files that are made here, in the layouts that their authors publish."""

from __future__ import annotations

import io
import logging
import pickle
import struct
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from agnet import images
from agnet.errors import InputError
from agnet.images.base import Split, set_apart

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 3072), dtype=np.uint8)
LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]


def python2(values: dict[str, object]) -> bytes:
    """A pickle as Python 2 wrote CIFAR's: strings of bytes as keys and around the pixels."""

    def string(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text

    out = b"\x80\x02}("
    for key, value in values.items():
        out += string(key.encode())
        if isinstance(value, np.ndarray):
            out += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
            out += b"(K\x01" + b"".join(b"M" + struct.pack("<H", n) for n in value.shape) + b"\x86"
            out += b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R(K\x03" + string(b"|")
            out += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + string(value.tobytes()) + b"tb"
        elif isinstance(value, list):
            parts = (string(item.encode()) if isinstance(item, str) else b"K" + bytes([item]) for item in value)
            out += b"](" + b"".join(parts) + b"e"
        else:
            out += string(str(value).encode())
    return out + b"u."


def batch(rows: slice, **more: object) -> dict[str, object]:
    names = [f"image_{row}.png" for row in range(len(LABELS))][rows]
    return {"batch_label": "a batch", "labels": LABELS[rows], "data": PIXELS[rows], "filenames": names, **more}


def cifar10(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "data_batch_1").write_bytes(python2(batch(slice(0, 5))))
    (folder / "data_batch_2").write_bytes(python2(batch(slice(5, 8))))
    (folder / "test_batch").write_bytes(python2(batch(slice(8, 12))))
    return folder


def test_the_pickles_made_here_are_what_python_reads() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 2 moved its core
        read = pickle.loads(python2(batch(slice(None))), encoding="bytes")
    assert read[b"labels"] == LABELS
    assert_array_equal(read[b"data"], PIXELS)


def test_cifar10_python_version(tmp_path: Path) -> None:
    found = images.load(str(cifar10(tmp_path / "cifar-10-batches-py")))
    assert found.classes[3] == "cat"
    assert (found.channels, found.shape) == (3, (32, 32))
    assert_array_equal(found.train.x.reshape(-1, 3072), PIXELS[:8])
    assert found.train.y.tolist() == LABELS[:8]
    assert found.test is not None
    assert_array_equal(found.test.x.reshape(-1, 3072), PIXELS[8:])
    assert found.val is None


def test_cifar10_written_again_by_python_3(tmp_path: Path) -> None:
    folder = cifar10(tmp_path)
    for protocol in range(2, 6):
        content = {key.encode(): value for key, value in batch(slice(0, 5)).items()}
        (folder / "data_batch_1").write_bytes(pickle.dumps(content, protocol=protocol))
        assert_array_equal(images.load(str(folder)).train.x.reshape(-1, 3072), PIXELS[:8])


def test_cifar100(tmp_path: Path) -> None:
    python, binary = tmp_path / "cifar-100-python", tmp_path / "cifar-100-binary"
    python.mkdir(), binary.mkdir()
    coarse, fine = [0] * 12, [n * 9 for n in range(12)]
    for part, rows in (("train", slice(0, 7)), ("test", slice(7, 12))):
        content = batch(rows, fine_labels=fine[rows], coarse_labels=coarse[rows])
        (python / part).write_bytes(python2(content))
        (python / "meta").write_bytes(python2({"fine_label_names": ["apple"]}))
        records = np.column_stack([np.array(coarse, np.uint8), np.array(fine, np.uint8), PIXELS])[rows]
        (binary / f"{part}.bin").write_bytes(records.tobytes())
    for folder in (python, binary):
        found = images.load(str(folder))
        assert len(found.classes) == 100
        assert found.train.y.tolist() == fine[:7]
        assert found.test is not None
        assert_array_equal(found.test.x.reshape(-1, 3072), PIXELS[7:])


def test_cifar10_binary_version(tmp_path: Path) -> None:
    records = np.column_stack([np.array(LABELS, np.uint8), PIXELS])
    (tmp_path / "data_batch_1.bin").write_bytes(records[:8].tobytes())
    with pytest.raises(InputError, match=r"test_batch.bin is missing"):
        images.load(str(tmp_path))
    (tmp_path / "test_batch.bin").write_bytes(records[8:].tobytes())
    found = images.load(str(tmp_path))
    assert_array_equal(found.train.x.reshape(-1, 3072), PIXELS[:8])
    assert found.train.y.tolist() == LABELS[:8]
    (tmp_path / "test_batch.bin").write_bytes(records[8:].tobytes()[:-1])
    with pytest.raises(InputError, match=r"test_batch.bin: 12,291 bytes are no multiple of 3,073"):
        images.load(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x02cos\nsystem\n(U\x04trueR.", "asks for os.system, which is not plain data"),
        (b"", "not read as a pickle: the file ends inside it"),
        (python2(batch(slice(0, 5)))[:9000], "not read as a pickle"),
        (pickle.dumps([1]), "not a batch of CIFAR-10: no dict"),
        (pickle.dumps({"data": PIXELS}), "it has no 'labels'"),
        (pickle.dumps({"data": PIXELS, "labels": "cat"}), "labels: cat where numbers are needed"),
        (pickle.dumps({"data": PIXELS, "labels": [10] * 12}), "classes must be integers from 0 to 9"),
        (pickle.dumps({"data": PIXELS, "labels": [1.5] * 12}), "classes must be integers from 0 to 9"),
        (pickle.dumps({"data": PIXELS[:, 1:], "labels": LABELS}), r"uint8 \(12, 3071\) with \(12,\) classes are no"),
    ],
)
def test_damaged_batches(tmp_path: Path, content: bytes, said: str) -> None:
    (cifar10(tmp_path) / "data_batch_2").write_bytes(content)
    with pytest.raises(InputError, match=rf"data_batch_2: .*{said}"):
        images.load(str(tmp_path))


def paint(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_a_folder_of_images(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (2, 10, 6, 6, 3), dtype=np.uint8)
    for kind, name in enumerate(("cat", "dog")):
        for number in range(10):
            paint(tmp_path / name / f"{number}.png", pixels[kind, number])
    (tmp_path / "cat" / ".hidden").write_text("")
    found = images.load(str(tmp_path))
    assert found.classes == ("cat", "dog")
    assert found.test is not None
    assert (len(found.train), len(found.test)) == (16, 4)
    assert np.bincount(found.test.y).tolist() == [2, 2]
    for split in (found.train, found.test):
        for x, y in zip(split.x, split.y, strict=True):
            assert any(np.array_equal(x, image.transpose(2, 0, 1)) for image in pixels[y])
    again = images.load(str(tmp_path))
    assert_array_equal(again.train.x, found.train.x)
    assert images.load(str(tmp_path), size=4).shape == (4, 4)
    paint(tmp_path / "dog" / "5.png", pixels[0, 0, :5])
    with pytest.raises(InputError, match=r"5.png has 6×5 pixels, .*0.png has 6×6: say to which size .* size=32"):
        images.load(str(tmp_path))
    assert images.load(str(tmp_path), size=4).shape == (4, 4)
    (tmp_path / "dog" / "5.png").write_bytes((tmp_path / "dog" / "4.png").read_bytes()[:60])
    with pytest.raises(InputError, match=r"5.png: not read as an image: "):
        images.load(str(tmp_path))


def test_a_folder_that_is_divided(tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (4, 4), dtype=np.uint8)
    for part in ("train", "val"):
        for name in ("a", "b"):
            paint(tmp_path / part / name / "x.png", grey)
    found = images.load(str(tmp_path))
    assert found.channels == 1
    assert found.test is None
    assert found.val is not None
    assert found.val.y.tolist() == [0, 1]
    assert_array_equal(found.val.x[0, 0], grey)
    coloured = np.stack([grey, grey // 2, grey], axis=-1)
    paint(tmp_path / "train" / "b" / "x.png", coloured)
    mixed = images.load(str(tmp_path)).train
    assert_array_equal(mixed.x[0], np.stack([grey] * 3))
    assert_array_equal(mixed.x[1], coloured.transpose(2, 0, 1))
    paint(tmp_path / "val" / "c" / "x.png", grey)
    with pytest.raises(InputError, match=r"c is a class that there is nothing of to train on"):
        images.load(str(tmp_path))


def test_images_of_16_bits(tmp_path: Path) -> None:
    deep = (np.arange(16).reshape(4, 4) * 4000).astype(np.uint16)
    for name in ("a", "b"):
        for number in range(2):
            paint(tmp_path / name / f"{number}.png", deep)
    assert_array_equal(images.load(str(tmp_path)).train.x[0, 0], deep >> 8)
    Image.fromarray(deep.astype(np.float32)).save(tmp_path / "a" / "2.tiff")
    with pytest.raises(InputError, match=r"2.tiff: its pixels are floats"):
        images.load(str(tmp_path))


@pytest.mark.parametrize("names", [("train_x", "test_x"), ("x_train", "x_test"), ("train_images", "test_images")])
def test_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    x = RNG.integers(0, 256, (9, 5, 4), dtype=np.uint8)
    y = np.array([[7], [9]] * 4 + [[9]])
    path = tmp_path / "images.npz"
    labels = [name.replace("x", "y").replace("images", "labels") for name in names]
    np.savez(path, **dict(zip((*names, *labels), (x[:6], x[6:], y[:6], y[6:]), strict=True)))
    found = images.load(str(path))
    assert found.classes == ("7", "9")
    assert found.shape == (5, 4)
    assert_array_equal(found.train.x[:, 0], x[:6])
    assert found.train.y.tolist() == [0, 1] * 3
    assert found.test is not None
    assert found.test.y.tolist() == [0, 1, 1]


def test_arrays_of_floats_in_either_order(tmp_path: Path) -> None:
    x = RNG.random((10, 8, 8, 3))
    y = np.array(["b", "a"] * 5)
    for name, values in (("last", x), ("first", x.transpose(0, 3, 1, 2))):
        np.savez(tmp_path / f"{name}.npz", x=values, y=y)
    last, first = (images.load(str(tmp_path / f"{name}.npz")) for name in ("last", "first"))
    assert last.classes == ("a", "b")
    assert_array_equal(last.train.x, first.train.x)
    assert last.test is not None
    assert (len(last.train), len(last.test)) == (8, 2)
    assert_allclose(
        np.sort(np.unique(last.train.x)), np.unique(np.rint(x * 255))[: len(np.unique(last.train.x))], atol=9
    )


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((4, 2, 2), np.uint8)}, "it has x and no y"),
        ({"z": np.zeros(4)}, "neither x and y nor train_x and train_y"),
        ({"x": np.zeros((4, 2, 2, 2), np.uint8), "y": np.arange(4)}, r"x has the shape"),
        ({"x": np.full((4, 2, 2), 7.0), "y": np.arange(4)}, "x: floats must be from 0 to 1"),
        ({"x": np.full((4, 2, 2), np.nan), "y": np.arange(4)}, "x: floats must be from 0 to 1"),
        ({"x": np.zeros((4, 2, 2), np.int64), "y": np.arange(4)}, "x is int64"),
        ({"x": np.zeros((4, 2, 2), np.uint8), "y": np.arange(3)}, "4 images with 3 classes"),
        ({"x": np.zeros((4, 2, 2), np.uint8), "y": np.ones(4)}, r"y is float64 \(4,\)"),
        ({"x": np.zeros((4, 2, 2), np.uint8), "y": np.ones(4, np.int8)}, "only one class, '1'"),
        ({"x": np.zeros((4, 2, 2), np.uint8), "y": np.array([{}] * 4)}, "not read as NumPy arrays"),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: dict[str, NDArray], said: str) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said) as caught:
        images.load(str(path))
    assert "\n" not in str(caught.value)


def test_wrong_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data 'imgs': there is no such file or folder; .* digits or noise"):
        images.load("imgs")
    with pytest.raises(InputError, match=r"there is no sub-folder, one is needed for each class"):
        images.load(str(tmp_path))
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match=r"x.npz: not read as NumPy arrays"):
        images.load(str(tmp_path / "x.npz"))
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(InputError, match=r"x.csv: not a folder and not a .npz file"):
        images.load(str(tmp_path / "x.csv"))
    with pytest.raises(InputError, match=r"size is for a folder of images and for noise"):
        images.load("digits", size=16)


def test_digits() -> None:
    found = images.load("digits")
    assert found.test is not None
    assert len(found.train) + len(found.test) == 1797
    assert (found.channels, found.shape, found.train.x.max()) == (1, (8, 8), 255)
    mean, deviation = found.statistics()
    assert_allclose([mean[0], deviation[0]], [(found.train.x / 255).mean(), (found.train.x / 255).std()], rtol=1e-5)


def test_what_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InputError, match=r"pip install 'agnet\[images\]'"):
        images.load("digits")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_text("")
    with pytest.raises(InputError, match=r"pip install 'agnet\[images\]'"):
        images.load(str(tmp_path))


def test_nothing_is_left_of_reading(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for kind in "ab":
            (tmp_path / split / kind).mkdir(parents=True)
            Image.new("RGB", (4, 4)).save(tmp_path / split / kind / "x.png")
    images.load(str(tmp_path))
    before = len(logging.getLogger("PIL").handlers)
    images.load(str(tmp_path))
    assert len(logging.getLogger("PIL").handlers) == before


def test_noise() -> None:
    found = images.load("noise", size=16, classes=120)
    assert found.train.x.shape == (1024, 3, 16, 16)
    assert np.bincount(found.train.y).tolist() == [9] * 64 + [8] * 56
    mean, deviation = found.statistics()
    assert_allclose(mean, 0.5, atol=0.002)
    assert_allclose(deviation, 1 / 6, atol=0.002)
    assert_array_equal(images.load("noise", size=16, classes=120).train.x, found.train.x)


def test_a_share_of_each_class_is_set_apart() -> None:
    y = np.repeat([0, 1, 2], [10, 1, 2])
    split = Split(np.arange(13, dtype=np.uint8).reshape(13, 1, 1, 1), y)
    rest, apart = set_apart(split, 0.3, np.random.default_rng(1))
    assert np.bincount(apart.y, minlength=3).tolist() == [3, 0, 1]
    assert sorted([*rest.x.ravel(), *apart.x.ravel()]) == list(range(13))


def test_arrays_that_claim_more_than_their_bytes_hold(tmp_path: Path) -> None:
    """NumPy would make room for what a header of a few bytes says."""
    path = tmp_path / "images.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (4, 30_000, 30_000)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(
        InputError, match=r"x.npy claims the shape \(4, 30000, 30000\), for which there are too few bytes"
    ):
        images.load(str(path))
    member = {"descr": "|u1", "fortran_order": False, "shape": (4, 5000, 5000)}
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, member)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content.getvalue() + bytes(100_000_000))
    with pytest.raises(InputError, match="its arrays have 95 MB, more than 100 times as much as the file"):
        images.load(str(path))
    blank = tmp_path / "blank.npz"
    np.savez_compressed(blank, x=np.zeros((10, 300, 300), np.uint8), y=np.arange(10) // 5)
    assert images.load(str(blank)).train.x.shape[2:] == (300, 300)
