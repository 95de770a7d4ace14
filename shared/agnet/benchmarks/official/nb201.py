"""NAS-Bench-201's and NATS-Bench's files for the topology space, in every form that they were published in.

- ``NAS-Bench-201-v1_0-e61699.pth``, ``-v1_1-096897.pth``: a dict that PyTorch saved (as a ZIP file, or in the form that
  it had before), with the results of all cells under ``arch2infos``.
- ``NATS-tss-v1_0-3ffb9.pickle.pbz2``: the same, pickled and compressed.
- ``NATS-tss-v1_0-3ffb9-simple``: a folder, or a tar file of it, with one compressed pickle for each cell.

The results of a cell with one recipe, of 12 or 200 epochs, are one dict (D-X-Y/NATS-Bench, ``api_utils.py``): for each
data set and seed accuracies, losses and times of every epoch. In memory all of them are over 20 GB; here each is used
and dropped as soon as it is read.
"""

from __future__ import annotations

import bz2
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import archives, arrow, pickles
from agnet.benchmarks.official import Progress
from agnet.benchmarks.tabular import KEY
from agnet.errors import InputError
from agnet.spaces.nb201 import NB201
from agnet.unpickling import ERRORS, Machine, Readable

DATA_SETS = ("cifar10", "cifar100", "ImageNet16-120")
BUDGETS = {200: 3, 12: 2}
"""Epochs of a recipe to the most runs with it."""
SPLITS = {
    "cifar10": {"val": ("cifar10-valid", "x-valid"), "test": ("cifar10", "ori-test"), "train": ("cifar10-valid", "")},
    **{
        name: {"val": (name, "x-valid"), "test": (name, "x-test"), "valtest": (name, "ori-test"), "train": (name, "")}
        for name in DATA_SETS[1:]
    },
}
"""For each data set our names of its parts, and the data set and the evaluation that the files call them."""

_NOT_THERE = (*ERRORS, *archives.ERRORS)
_LARGEST = 64 << 20  # bytes of the results of one cell; the official ones have 300,000
_TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_EVERY = 100


class _Results:
    """What was found about all cells."""

    def __init__(self) -> None:
        self._index = _index()
        self.seen = np.zeros(len(self._index), np.bool_)
        self._columns: dict[str, NDArray[np.floating]] = {}
        """[cells, runs] values, [cells, runs, epochs] for curves."""

    def add(self, state: dict[str, Any]) -> None:
        """The results of one cell with one recipe.

        Raises:
            KeyError, ValueError, TypeError: if they are not as they should be.
        """
        cell = self._index.get(state["arch_str"])
        if cell is None:
            raise ValueError(f"{str(state['arch_str'])[:60]!r} is no cell of NAS-Bench-201")
        results = state["all_results"]
        if not self.seen[cell]:
            for column in self._columns.values():
                column[cell] = np.nan
        seeds: dict[str, list[int]] = {}
        for data_set, seed in results:
            seeds.setdefault(data_set, []).append(seed)
        for name, splits in SPLITS.items():
            for split, (data_set, evaluation) in splits.items():
                for run, seed in enumerate(sorted(seeds.get(data_set, ()))):
                    self._add(cell, run, name, split, evaluation, results[data_set, seed])
        self.seen[cell] = True

    def _add(self, cell: int, run: int, data_set: str, split: str, evaluation: str, result: dict[str, Any]) -> None:
        epochs = result["epochs"]
        runs = BUDGETS.get(epochs)
        if runs is None or run >= runs:
            raise ValueError(f"run {run + 1} with {epochs} epochs, which NAS-Bench-201 does not have")
        suffix = "" if epochs == max(BUDGETS) else f"_{epochs}ep"
        accuracies, losses = (
            (result["train_acc1es"], result["train_losses"])
            if split == "train"
            else (result["eval_acc1es"], result["eval_losses"])
        )
        keys = _epochs(evaluation, epochs)
        if (last := accuracies.get(keys[-1])) is None:
            return
        self._set(f"{data_set}/{split}_acc{suffix}", cell, run, runs, last / 100)
        self._set(f"{data_set}/{split}_loss{suffix}", cell, run, runs, losses[keys[-1]])
        if keys[0] in accuracies:  # some were tested at the end only
            curve = np.array([accuracies[key] for key in keys], np.float64)
            self._set(f"{data_set}/{split}_acc{suffix}@", cell, run, runs, curve / 100)
        if split == "train":
            self._set(f"{data_set}/flops_m", cell, 0, 1, result["flop"])
            self._set(f"{data_set}/train_time_s{suffix}", cell, run, runs, sum(result["train_times"].values()))

    def _set(self, name: str, cell: int, run: int, runs: int, value: float | NDArray[np.floating]) -> None:
        column = self._columns.get(name)
        if column is None:
            shape = (len(self.seen), runs, *np.shape(value))
            # Rows of cells that are not there are never touched: a file with one of them takes the memory of one.
            column = self._columns[name] = np.empty(shape, np.float32 if np.ndim(value) else np.float64)
            column[self.seen] = np.nan
            column[cell] = np.nan
        with np.errstate(over="ignore"):  # a number that no training gives is infinite in 32 bits
            column[cell, run] = value

    def table(self) -> pa.Table:
        """A row for each cell that was there; of the metrics with several runs the mean and each of them."""
        cells = np.flatnonzero(self.seen)
        # Nothing is copied where all cells are there.
        rows: Any = cells if len(cells) < len(self.seen) else slice(None)
        columns: dict[str, pa.Array] = {KEY: arrow.numbers(cells)}
        for name, values in self._columns.items():
            if values.ndim == 3:
                columns[name] = arrow.lists(values[rows].reshape(len(cells), -1))
                continue
            columns[name] = arrow.numbers(_mean(values[rows]))
            if "_acc" in name:
                columns |= {f"{name}_s{run}": arrow.numbers(values[rows, run]) for run in range(values.shape[1])}
        return pa.table(columns)


def read(path: Path, progress: Progress) -> pa.Table:
    """All cells of a file or folder: the key (their index), and columns ``cifar10/test_acc``.

    Raises:
        InputError: if it is damaged, cut short, or something else.
    """
    results = _Results()
    try:
        if path.is_dir():
            _read_folder(path, results, progress)
        elif _may_be_tar(path) and archives.is_tar(path):
            _read_tar(path, results, progress)
        else:
            _read_whole(path, results, progress)
    except _NOT_THERE as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise InputError(f"{path}: not read as results of NAS-Bench-201: {reason}") from None
    if not results.seen.any():
        raise InputError(f"{path}: it has no results of NAS-Bench-201's cells")
    return results.table()


def _read_folder(path: Path, results: _Results, progress: Progress) -> None:
    files = sorted(file for file in path.iterdir() if _is_cell(file.name))
    for number, file in enumerate(files, start=1):
        with file.open("rb") as opened:
            _read_cell(opened, file.name, results)
        if number % _EVERY == 0:
            progress(number, len(files))


def _read_tar(path: Path, results: _Results, progress: Progress) -> None:
    size = path.stat().st_size
    with archives.tar_stream(path) as archive:
        for number, member in enumerate(archive, start=1):
            if not member.isfile() or not _is_cell(Path(member.name).name):
                continue
            file = archive.extractfile(member)
            assert file is not None
            _read_cell(file, member.name, results)
            if number % _EVERY == 0:
                progress(min(archive.offset, size), size)
            archive.members = []  # type: ignore[attr-defined]  # or it would remember them all


def _may_be_tar(path: Path) -> bool:
    """Not a pickle or a ZIP file: to try all that a tar file may be compressed with takes longer than to read those."""
    with path.open("rb") as file:
        return file.read(4)[:1] != b"\x80" and not archives.is_zip(path)


def _is_cell(name: str) -> bool:
    return name.endswith(".pickle.pbz2") and not name.startswith("meta")


def _read_cell(file: IO[bytes], name: str, results: _Results) -> None:
    """A compressed pickle of ``{"12": results, "200": results}``."""
    try:
        with bz2.open(file) as compressed:
            content = compressed.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError("too large for the results of one cell")
        states = Machine(io.BytesIO(content), pickles.NUMPY).load()
        for state in states.values():
            results.add(state)
    except _NOT_THERE as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(f"{name}: {reason}") from None


def _read_whole(path: Path, results: _Results, progress: Progress) -> None:
    """One pickle of all cells."""
    size = path.stat().st_size
    cells = 0

    def use(items: dict[Any, Any]) -> None:
        nonlocal cells
        if "all_results" in items and "arch_str" in items:
            results.add(items)
            items.clear()
            machine.forget()
            cells += 1
            if cells % _EVERY == 0:
                progress(min(cells, _TOTAL) * size // _TOTAL, size)

    with _opened(path) as (file, pickles_before):
        machine = Machine(file, _TORCH, filled=use, persistent=lambda _: None)
        for _ in range(pickles_before):
            machine.load()
        content = machine.load()
        if not isinstance(content, dict) or "arch2infos" not in content:
            raise ValueError("it has no arch2infos")


_TOTAL = 2 * 15_625


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Readable, int]]:
    """The stream with the pickle in it, and how many other pickles stand before."""
    with path.open("rb") as file:
        head = file.read(len(_TORCH_MAGIC))
    if archives.is_zip(path):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                raise ValueError("a ZIP file that PyTorch did not save")
            with archive.open(names[0]) as inside:
                yield inside, 0
    elif head[:3] == b"BZh":
        with bz2.open(path) as compressed:
            yield compressed, 0
    else:
        if head[:1] != b"\x80":
            raise ValueError("neither a file of PyTorch, nor a compressed pickle, nor a tar file")
        with path.open("rb") as plain:
            # PyTorch before 1.6: magic number, version and system come first, the weights (unread) last.
            yield plain, 3 if head == _TORCH_MAGIC else 0


def _no_weights(*_: object) -> None:
    """Stands in for what would make a tensor."""


_TORCH: Mapping[str, Callable[..., Any]] = {
    **pickles.NUMPY,
    **{f"{module}.set": pickles.members for module in ("builtins", "__builtin__")},
    **{f"torch._utils.{name}": _no_weights for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")},
    **{
        f"torch.{kind}Storage": _no_weights
        for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool", "Untyped")
    },
    "torch.storage._load_from_bytes": _no_weights,
    "torch.Size": tuple,
}


@cache
def _index() -> dict[str, int]:
    """The index of each cell by its arch string."""
    space = NB201()
    names = space.format(space.from_index(np.arange(space.size))).to_pylist()
    return {name: index for index, name in enumerate(names)}


@cache
def _epochs(evaluation: str, epochs: int) -> list[Any]:
    """The keys of all epochs: numbers in training, ``x-valid@0`` and so on in evaluation."""
    return [f"{evaluation}@{epoch}" for epoch in range(epochs)] if evaluation else list(range(epochs))


def _mean(runs: NDArray[np.floating]) -> NDArray[np.float64]:
    """[n] means of the runs that there are; as NATS-Bench's own mean but for the last bit."""
    there = ~np.isnan(runs)
    count = there.sum(axis=1)
    mean: NDArray[np.float64] = np.where(there, runs, 0).sum(axis=1) / np.where(count, count, np.nan)
    return mean
