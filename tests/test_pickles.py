import os
import pickle
import tracemalloc
from pathlib import Path

import pytest

from agnet import pickles
from agnet.errors import InputError


class _Attack:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


class _Point:
    def __init__(self) -> None:
        self.x = 1.5


class _StandIn:
    pass


def _write(tmp_path: Path, value: object, protocol: int = 4) -> Path:
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values(tmp_path: Path, protocol: int) -> None:
    value = {"012": {"val_acc": [1.5, float("inf")], "n": 3, "pair": (1, "x"), "none": None, "yes": True}}
    assert pickles.load(_write(tmp_path, value, protocol)) == value


@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_refused_and_never_runs(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "proof"
    path = _write(tmp_path, {"deep": [{"in": (_Attack(f"touch {proof}"),)}]}, protocol)
    with pytest.raises(InputError, match=r"file.pkl: .*system, which is not plain data"):
        pickles.load(path)
    assert not proof.exists()


def test_the_oldest_protocol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"file.pkl: not read as a pickle: .*pickle of data has"):
        pickles.load(_write(tmp_path, {"a": (1, [2.5])}, 0))


def test_a_few_bytes_do_not_ask_for_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(b"\x80\x02Nr\xff\xff\xff\x7f.")  # remembered as object 2,147,483,647
    tracemalloc.start()
    assert pickles.load(path) is None
    size = b"\x8a\x05" + (1 << 36).to_bytes(5, "little")
    for made in (b"X\xff\xff\xff\xff", b"B\xff\xff\xff\xff", b"cbuiltins\nbytearray\n" + size + b"\x85R"):
        path.write_bytes(b"\x80\x02" + made + b".")
        with pytest.raises(InputError, match=r"file.pkl: not read as a pickle"):
            pickles.load(path, {"builtins.bytearray": pickles.changeable})
    assert tracemalloc.get_traced_memory()[1] < 128 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("kind", [b"}%bNs.", b"\x8f(%b\x90.", b"(%b\x91.", b"}(%bNu."])
@pytest.mark.parametrize("key", [b")" + b"\x85" * 100_000, b")" + b"q\x00h\x00\x86" * 100, b"]"])
def test_keys_that_cannot_be_hashed(tmp_path: Path, kind: bytes, key: bytes) -> None:
    """A deep tuple takes the whole stack, one that holds itself twice, a hundred times over, takes for ever."""
    path = tmp_path / "file.pkl"
    path.write_bytes(b"\x80\x04" + kind % key)
    with pytest.raises(InputError, match=r"file.pkl: not read as a pickle: it (has a key that is a|refers to so much)"):
        pickles.load(path)


@pytest.mark.parametrize(
    "made",
    [
        b"](K\x01K\x01eq\x00" + b"".join(b"0](h%ch%ceq%c" % (i, i, i + 1) for i in range(40)),
        b")q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(40)),
        b"]q\x00(h\x00h\x00e",
        b"}q\x00K\x01h\x00s",
    ],
)
def test_what_is_larger_than_it_looks_is_refused(tmp_path: Path, made: bytes) -> None:
    """A list that holds a list twice, that holds ...: NumPy would look at all of its 2 ** 41 numbers."""
    path = tmp_path / "file.pkl"
    path.write_bytes(b"\x80\x02" + made + b".")
    with pytest.raises(InputError, match=r"file.pkl: not read as a pickle: it (refers to so much|changes something)"):
        pickles.load(path)


def test_what_is_shared_is_read(tmp_path: Path) -> None:
    shared = [1.0, (2, "x")]
    value = {"a": shared, "b": [shared, shared], "c": (shared, {"d": shared})}
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickles.load(_write(tmp_path, value, protocol)) == value


def test_builtins_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(b"\x80\x02cbuiltins\neval\n.")
    with pytest.raises(InputError, match=r"builtins\.eval"):
        pickles.load(path)


def test_named_classes_become_stand_ins(tmp_path: Path) -> None:
    path = _write(tmp_path, [_Point()])
    (point,) = pickles.load(path, {f"{_Point.__module__}.{_Point.__qualname__}": _StandIn})
    assert type(point) is _StandIn
    assert point.x == 1.5


def test_every_truncation_is_one_line(tmp_path: Path) -> None:
    whole = _write(tmp_path, {"a": [1.0, 2.0], "b": ("c", {"d": 2})}).read_bytes()
    path = tmp_path / "cut.pkl"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut.pkl: not read as a pickle"):
            pickles.load(path)
