"""NAS-Bench-201's files in every form: real NATS-Bench files, and .pth files that PyTorch makes here of the same cells.

Where the projects' own packages are installed, the same files through their API give the same numbers.
"""

from __future__ import annotations

import bz2
import copy
import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from agnet import arrow, benchmarks
from agnet.benchmarks import sources, store
from agnet.benchmarks.official import nb201, silent
from agnet.errors import InputError
from agnet.spaces.nb201 import NB201

from ..layouts import nats_meta, nats_states, nb201_pth

_FOLDER = "NATS-tss-v1_0-3ffb9-simple"
_CELLS = (0, 11, 284)


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    return data / "nb201" / _FOLDER


@pytest.fixture(scope="module")
def states(folder: Path) -> dict[int, dict[str, Any]]:
    return nats_states(folder, _CELLS)


@pytest.fixture(scope="module")
def meta(folder: Path) -> dict[str, Any]:
    return nats_meta(folder)


def _assert_same(table: pa.Table, expected: pa.Table) -> None:
    assert table.schema == expected.schema
    for name in expected.column_names:
        column, other = (t[name].combine_chunks() for t in (table, expected))
        if pa.types.is_fixed_size_list(column.type):
            column, other = column.flatten(), other.flatten()
        np.testing.assert_array_equal(column.to_numpy(), other.to_numpy())


def _save(content: object, path: Path, legacy: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def test_the_simple_folder(folder: Path, fresh: Path, meta: dict[str, Any]) -> None:
    assert sources.bring_in("nb201", folder).rows == len(_CELLS)
    graphs = NB201().parse(arrow.strings([meta["meta_archs"][cell] for cell in _CELLS])).graphs
    cifar10 = benchmarks.load("nb201/cifar10")
    answer = cifar10.query(graphs, ["test_acc", "test_acc_s2", "val_acc@200", "val_acc"]).columns
    assert answer["test_acc"][0] == pytest.approx((0.8579 + 0.8562 + 0.8618) / 3, abs=1e-12)
    assert answer["test_acc_s2"][0] == pytest.approx(0.8579)
    # The package that the validation accuracies come from has the same.
    np.testing.assert_allclose(answer["val_acc@200"], answer["val_acc"], atol=1e-7)
    for name in benchmarks.names():
        if not name.startswith("nb201/") or name == "nb201/analog":
            continue
        table = benchmarks.load(name).imported[0]
        rows = table.rows(NB201().index(graphs))
        package = benchmarks.load(name).query(graphs, ["val_acc_s0", "val_acc_s1", "val_acc_s2", "train_time_s"])
        for run in range(3):
            np.testing.assert_array_equal(table.columns[f"val_acc_s{run}"][rows], package.columns[f"val_acc_s{run}"])
        np.testing.assert_allclose(table.columns["train_time_s"][rows], package.columns["train_time_s"], rtol=1e-12)
    drawn = cifar10.query(graphs, ["test_acc", "val_acc@7"], draw=(1,)).columns
    runs = cifar10.query(
        graphs, [f"{name}" for k in range(3) for name in (f"test_acc_s{k}", f"val_acc_s{k}@7")]
    ).columns
    for row in range(len(_CELLS)):
        assert drawn["test_acc"][row] in {runs[f"test_acc_s{k}"][row] for k in range(3)}
        assert drawn["val_acc@7"][row] in {runs[f"val_acc_s{k}@7"][row] for k in range(3)}


def test_cells_that_were_not_imported(folder: Path, fresh: Path) -> None:
    """They keep what the package has; what only the file has is null."""
    graphs = NB201().from_index(np.array([5]))
    with pytest.raises(InputError, match="nb201/cifar10 has test_acc only with NAS-Bench-201"):
        benchmarks.load("nb201/cifar10").query(graphs, ["test_acc"])
    sources.bring_in("nb201", folder)
    benchmarks.get.cache_clear()
    answer = benchmarks.load("nb201/cifar10").query(graphs, ["val_acc", "test_acc", "test_acc@3"])
    assert not answer.problems
    assert answer.columns["val_acc"][0] > 0.1
    assert np.isnan([answer.columns["test_acc"][0], answer.columns["test_acc@3"][0]]).all()


@pytest.mark.parametrize("name", ["NAS-Bench-201-v1_0-e61699.pth", "NAS-Bench-201-v1_1-096897.pth"])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_pth(
    folder: Path, tmp_path: Path, states: dict[int, Any], meta: dict[str, Any], name: str, legacy: bool, weights: bool
) -> None:
    path = _save(nb201_pth(states, meta, weights=weights), tmp_path / name, legacy)
    _assert_same(nb201.read(path, silent), nb201.read(folder, silent))


def test_tar_and_one_pickle(folder: Path, tmp_path: Path, states: dict[int, Any], meta: dict[str, Any]) -> None:
    with tarfile.open(tmp_path / "simple.tar", "w") as archive:
        archive.add(folder, _FOLDER)
    expected = nb201.read(folder, silent)
    _assert_same(nb201.read(tmp_path / "simple.tar", silent), expected)
    one = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    one.write_bytes(bz2.compress(pickle.dumps({**meta, "arch2infos": states, "evaluated_indexes": set(states)}), 1))
    _assert_same(nb201.read(one, silent), expected)


def test_memory_does_not_hold_the_file(tmp_path: Path, states: dict[int, Any], meta: dict[str, Any]) -> None:
    """Of many cells no more than a few are there at a time."""
    import tracemalloc

    def peak(cells: int) -> int:
        names = meta["meta_archs"]
        many = {}
        for cell in range(cells):
            many[cell] = copy.deepcopy(states[0])
            for state in many[cell].values():
                state["arch_str"] = names[cell]
        path = tmp_path / f"{cells}.pth"
        torch.save(nb201_pth(many, meta), path, _use_new_zipfile_serialization=False)
        del many
        tracemalloc.start()
        nb201.read(path, silent)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, more = peak(5), peak(7)
    per_cell = (tmp_path / "7.pth").stat().st_size / 7
    assert more - few < per_cell  # two more cells would take many times their bytes in the file


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/never",)


@pytest.fixture
def broken(states: dict[int, Any], meta: dict[str, Any]) -> dict[str, Any]:
    return nb201_pth(states, meta)


def _first(content: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = content["arch2infos"][0]["full"]
    return result


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: _first(c)["all_results"]["cifar10", 777].update(net_state_dict=_Evil()), "it asks for posix.system"),
        (lambda c: _first(c).update(arch_str="|x~0|"), r"'\|x~0\|' is no cell of NAS-Bench-201"),
        (lambda c: _first(c)["all_results"]["cifar10", 777].update(epochs=90), "90 epochs, which NAS-Bench-201"),
        (lambda c: _first(c)["all_results"]["cifar10", 777].pop("eval_acc1es"), "it has no 'eval_acc1es'"),
        (lambda c: c.pop("arch2infos"), "it has no arch2infos"),
        (lambda c: c["arch2infos"].clear(), "it has no results"),
    ],
)
def test_wrong_pth(
    tmp_path: Path, fresh: Path, broken: dict[str, Any], legacy: bool, change: Callable[[Any], Any], reason: str
) -> None:
    change(broken)
    path = _save(broken, tmp_path / "file.pth", legacy)
    with pytest.raises(InputError, match=reason) as error:
        sources.bring_in("nb201", path)
    assert "\n" not in str(error.value)
    assert store.find("nb201") is None


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pth_that_is_cut_short(tmp_path: Path, broken: dict[str, Any], legacy: bool) -> None:
    path = _save(broken, tmp_path / "file.pth", legacy)
    whole = path.read_bytes()
    for end in (0, 3, 1000, len(whole) // 2):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match="not read as results of NAS-Bench-201"):
            nb201.read(path, silent)


def test_damaged_folders_and_tars(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(folder, copied)
    victim = copied / "000011.pickle.pbz2"
    victim.chmod(0o600)
    whole = victim.read_bytes()
    evil = bz2.compress(pickle.dumps({"12": _Evil()}))
    for content, reason in (
        (whole[:-100], "000011.pickle.pbz2: "),
        (b"", "000011.pickle.pbz2: "),
        (bz2.compress(b"x"), "000011.pickle.pbz2: "),
        (evil, "000011.pickle.pbz2: it asks for posix.system"),
        (bz2.compress(bytes(70 << 20)), "000011.pickle.pbz2: too large"),
    ):
        victim.write_bytes(content)
        with pytest.raises(InputError, match=reason):
            nb201.read(copied, silent)
    with tarfile.open(tmp_path / "simple.tar", "w") as archive:
        info = tarfile.TarInfo("../../000000.pickle.pbz2")
        info.size = len(evil)
        archive.addfile(info, io.BytesIO(evil))
    with pytest.raises(InputError, match=r"it asks for posix.system"):
        nb201.read(tmp_path / "simple.tar", silent)
    (tmp_path / "short.tar").write_bytes((tmp_path / "simple.tar").read_bytes()[:700])
    with pytest.raises(InputError, match="not read as results"):
        nb201.read(tmp_path / "short.tar", silent)
    assert not Path("/tmp/never").exists()


def test_against_nats_bench(folder: Path, fresh: Path, meta: dict[str, Any]) -> None:
    api = pytest.importorskip("nats_bench", reason="the package nats-bench is not installed").create(
        str(folder), "tss", fast_mode=True, verbose=False
    )
    sources.bring_in("nb201", folder)
    graphs = NB201().parse(arrow.strings([meta["meta_archs"][cell] for cell in _CELLS])).graphs
    for data_set, called in (
        ("cifar10", "cifar10-valid"),
        ("cifar100", "cifar100"),
        ("ImageNet16-120", "ImageNet16-120"),
    ):
        benchmark = benchmarks.load(f"nb201/{data_set}")
        names = ["val_acc", "val_loss", "train_acc", "val_acc_12ep", "val_acc_12ep@6", "flops_m", "train_acc@101"]
        names += [] if data_set == "cifar10" else ["test_acc", "valtest_acc", "valtest_acc@31"]
        answer = benchmark.query(graphs, names).columns
        for row, cell in enumerate(_CELLS):
            final = api.get_more_info(cell, called, hp="200", is_random=False)
            short = api.get_more_info(cell, called, hp="12", is_random=False)
            middle = api.get_more_info(cell, called, hp="12", iepoch=5, is_random=False)
            results = api.query_meta_info_by_index(cell, "200")
            expected = [
                final["valid-accuracy"] / 100,
                final["valid-loss"],
                final["train-accuracy"] / 100,
                short["valid-accuracy"] / 100,
                middle["valid-accuracy"] / 100,
                results.get_compute_costs(called)["flops"],
                results.get_metrics(called, "train", iepoch=100, is_random=False)["accuracy"] / 100,
            ]
            if data_set != "cifar10":
                later = results.get_metrics(called, "ori-test", iepoch=30, is_random=False)["accuracy"] / 100
                expected += [final["test-accuracy"] / 100, final["valtest-accuracy"] / 100, later]
            np.testing.assert_allclose([answer[name][row] for name in names], expected, atol=1e-7)


def test_against_nas_bench_201(
    fresh: Path, tmp_path: Path, states: dict[int, Any], meta: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pytest.importorskip("nas_201_api", reason="the package nas-bench-201 is not installed")
    path = _save(nb201_pth(states, meta), tmp_path / "NAS-Bench-201-v1_1-096897.pth", False)
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **k: load(*a, **k, weights_only=False))  # as PyTorch did before 2.6
    api = package.NASBench201API(str(path), verbose=False)
    sources.bring_in("nb201", path)
    graphs = NB201().parse(arrow.strings([meta["meta_archs"][cell] for cell in _CELLS])).graphs
    answer = benchmarks.load("nb201/cifar10").query(graphs, ["test_acc", "test_loss", "test_acc@77"]).columns
    for row, cell in enumerate(_CELLS):
        results = api.query_meta_info_by_index(cell, "200")
        final = results.get_metrics("cifar10", "ori-test", iepoch=None, is_random=False)
        middle = results.get_metrics("cifar10", "ori-test", iepoch=76, is_random=False)
        np.testing.assert_allclose(
            [answer["test_acc"][row], answer["test_loss"][row], answer["test_acc@77"][row]],
            [final["accuracy"] / 100, final["loss"], middle["accuracy"] / 100],
            atol=1e-7,
        )


@pytest.mark.parametrize("header", [b"", b"x"])
def test_little_that_unpacks_to_much(header: bytes, tmp_path: Path) -> None:
    """1 kB of bzip2 may be a gigabyte; ``tarfile`` would unpack it at once, or read a name that is as long."""
    member = tarfile.TarInfo("name")
    member.type, member.size = tarfile.XHDTYPE, 1 << 30
    path = tmp_path / "bomb.tar.bz2"
    path.write_bytes(bz2.compress((member.tobuf() if header else b"") + bytes(400 << 20)))
    assert path.stat().st_size < 2000
    code = (
        "import resource, sys; from pathlib import Path; from agnet.benchmarks.official import nb201, silent\n"
        "from agnet.errors import InputError\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)\n"
        "try: nb201.read(Path(sys.argv[1]), silent)\n"
        "except InputError as error: print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"{path}: ")
