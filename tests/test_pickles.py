import os
import pickle
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


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values(tmp_path: Path, protocol: int) -> None:
    value = {"012": {"val_acc": [1.5, float("inf")], "n": 3, "pair": (1, "x"), "none": None, "yes": True}}
    assert pickles.load(_write(tmp_path, value, protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_refused_and_never_runs(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "proof"
    path = _write(tmp_path, {"deep": [{"in": (_Attack(f"touch {proof}"),)}]}, protocol)
    with pytest.raises(InputError, match=r"file.pkl: .*system, which is not plain data"):
        pickles.load(path)
    assert not proof.exists()


def test_builtins_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(b"cbuiltins\neval\n(S'1'\ntR.")
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
