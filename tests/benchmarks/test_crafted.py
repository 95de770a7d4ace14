"""Crafted files, for every reader of pickles: what they ask for is refused by name and never happens."""

from __future__ import annotations

import bz2
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
import torch

from agnet.benchmarks import sources, store
from agnet.errors import InputError


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def _member(write: Callable[[Any, Path], object], kind: str) -> Callable[[Any, Path], None]:
    def make(content: Any, path: Path) -> None:
        path.mkdir()
        write(content, path / "surrogate_model.model")
        (path / "model_config.json").write_text(f'{{"model": "{kind}"}}')

    return make


def _pickle(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, 2))


def _cell(content: Any, path: Path) -> None:
    path.mkdir()
    (path / "000000.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(content)))


_READERS: dict[str, tuple[str, Callable[[Any, Path], object]]] = {
    "HW-NAS-Bench": ("hw", _pickle),
    "NASLib's NLP": ("nbnlp", _pickle),
    ".pth": ("nb201", torch.save),
    "old .pth": ("nb201", lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False)),
    "NATS folder": ("nb201", _cell),
    "NATS pickle": ("nb201", lambda content, path: path.write_bytes(bz2.compress(pickle.dumps(content)))),
    "xgb": ("nb301", _member(_pickle, "xgb")),
    "lgb": ("nb301/runtime", _member(_pickle, "lgb_time")),
    "gin": ("nb301", _member(torch.save, "gnn_gin")),
    "joblib": ("x11/nb211", _member(joblib.dump, "svd_lgb")),
}


@pytest.mark.parametrize("reader", list(_READERS))
@pytest.mark.parametrize("nested", [False, True])
def test_nothing_is_run(reader: str, nested: bool, tmp_path: Path, fresh: Path) -> None:
    name, write = _READERS[reader]
    witness = tmp_path / "witness"
    evil: Any = _Touch(witness)
    if nested:
        evil = OrderedDict(arch2infos={0: {"full": [1, (2.5, {"x": evil})]}})
    path = tmp_path / "file"
    write(evil, path)
    with pytest.raises(InputError, match=r"posix\.system") as error:
        sources.bring_in(name, path)
    assert "\n" not in str(error.value)
    assert not witness.exists()
    assert store.find(name) is None
