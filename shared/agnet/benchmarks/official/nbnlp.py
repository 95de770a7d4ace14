"""NAS-Bench-NLP's logs, and the pickle that NASLib made of them.

The official archives are flat ZIP files of JSON, one object for each training: the recipe (as a string), the losses and
the time of every epoch, the number of parameters, and a status that is not ``OK`` where the loss became NaN
(fmsnew/nas-bench-nlp-release). NASLib's ``nb_nlp.pickle`` is a dict from its compact form to the same lists.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import archives, arrow, pickles
from agnet.benchmarks.official import Progress
from agnet.benchmarks.tabular import ARCH, KEY
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nbnlp import NBNLP
from agnet.spaces.nbnlp.cells import from_graphs
from agnet.spaces.nbnlp.isomorphism import hashes

EPOCHS = 50
RUNS = 3
"""Single runs that are kept; means are of all."""
LOSSES = ("val", "test", "train")
_LARGEST = 4 << 20  # bytes of a log; the official ones have 5,000


class _Training(NamedTuple):
    """One log."""

    recipe: str
    started: str
    ended: bool
    losses: tuple[list[float], ...]
    times: list[float]
    params: float


def keys(graphs: Graphs) -> NDArray[np.int64]:
    """[n] key of each cell, 63 bits of the hash that is its id; -1 for one that could not be read."""
    keys = (hashes(from_graphs(graphs)) & np.uint64((1 << 63) - 1)).astype(np.int64)
    return np.where(graphs.sizes[:, 0] > 0, keys, -1)


def _read(wikitext: bool, path: Path, progress: Progress) -> pa.Table:
    """All cells; isomorphic ones are one, with the mean of their trainings that came to their end.

    Raises:
        InputError: if the file is damaged, or is not of this data set.
    """
    try:
        trainings = sorted(_trainings(path, wikitext, progress), key=lambda training: training.started)
        return _table(trainings)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: {reason}") from None


read = partial(_read, False)
"""The logs on Penn Treebank: of single runs, of multiple runs (or a folder of both archives), or NASLib's pickle."""
read_wikitext = partial(_read, True)
"""The logs on WikiText-2."""


def _trainings(path: Path, wikitext: bool, progress: Progress) -> Iterator[_Training]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".zip", ".json"))
        if not files:
            raise ValueError("a folder without .zip or .json files")
        for inside in files:
            yield from _trainings(inside, wikitext, progress)
    elif archives.is_zip(path):
        yield from _from_archive(path, wikitext, progress)
    else:
        with path.open("rb") as file:
            head = file.read(1)
        if head == b"\x80" and not wikitext:
            yield from _from_naslib(pickles.load(path, pickles.NUMPY))
        elif head == b"{" and path.stat().st_size <= _LARGEST:
            yield _training(path.read_bytes(), wikitext)
        else:
            raise ValueError("neither a whole archive of NAS-Bench-NLP's logs nor NASLib's pickle; get it again")


def _from_archive(path: Path, wikitext: bool, progress: Progress) -> Iterator[_Training]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".json")]
            if not members:
                raise ValueError("no .json file in the archive")
            for number, member in enumerate(members, start=1):
                if member.file_size > _LARGEST:
                    raise ValueError(f"{member.filename} is too large for a log")
                with archive.open(member) as log:
                    content = log.read(_LARGEST + 1)
                try:
                    yield _training(content, wikitext)
                except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
                    raise ValueError(f"{member.filename}: {reason}") from None
                progress(number, len(members))
    except archives.ERRORS as error:
        raise ValueError(f"the archive is damaged: {error}; get it again") from None


def _training(content: bytes, wikitext: bool) -> _Training:
    # NaN is not JSON; orjson is strict about it.
    log = orjson.loads(content.replace(b"NaN", b"null").replace(b"-Infinity", b"null").replace(b"Infinity", b"null"))
    if ("wikitext" in log["data"]) != wikitext:
        raise ValueError(
            f"a training on {log['data']}; that is imported as {'nbnlp' if wikitext else 'nbnlp/wikitext-2'}"
        )
    losses = tuple(_numbers(log[f"{part}_losses"]) for part in LOSSES)
    return _Training(
        str(log["recepie"]),
        str(log["init_time"]),
        log["status"] == "OK",
        losses,
        _numbers(log["wall_times"]),
        float(log["num_params"]),
    )


def _from_naslib(content: dict[Any, dict[str, Any]]) -> Iterator[_Training]:
    for compact, log in content.items():
        losses = tuple(_numbers(log.get(f"{part}_losses", [])) for part in LOSSES)
        ended = len(losses[0]) >= EPOCHS and not any(map(math.isnan, losses[0]))
        yield _Training(
            str(compact), "", ended, losses, _numbers(log.get("wall_times", [])), float(log.get("num_params", math.nan))
        )


def _numbers(values: Any) -> list[float]:
    if len(values) > EPOCHS:
        raise ValueError(f"{len(values)} epochs; there are {EPOCHS}")
    return [math.nan if value is None else float(value) for value in values]


def _table(trainings: list[_Training]) -> pa.Table:
    if not trainings:
        raise ValueError("no training in it")
    space = NBNLP()
    parsed = space.parse(arrow.strings([training.recipe for training in trainings]))
    # A few published recipes are outside of the space, such as a node that uses one input twice.
    known = np.flatnonzero(parsed.graphs.sizes[:, 0] > 0)
    if not len(known):
        raise ValueError(f"no cell in it can be read: {next(iter(parsed.problems.values()))}")
    # Runs of isomorphic cells one after the other, in the order of their start.
    known = known[np.argsort(keys(parsed.graphs)[known], kind="stable")]
    trainings = [trainings[row] for row in known.tolist()]
    cell_keys, first, cell = np.unique(keys(parsed.graphs)[known], return_index=True, return_inverse=True)
    n = len(cell_keys)
    ended = np.array([training.ended for training in trainings])
    losses = np.full((len(trainings), len(LOSSES), EPOCHS), np.nan)
    for row, training in enumerate(trainings):
        for k, values in enumerate(training.losses):
            losses[row, k, : len(values)] = values
    best = np.where(np.isnan(losses[:, 0]), np.inf, losses[:, 0]).argmin(axis=1)
    at_best = np.where(ended[:, None], losses[np.arange(len(trainings)), :, best], np.nan)
    times = np.where(ended, [sum(training.times) if training.times else math.nan for training in trainings], np.nan)
    params = np.array([training.params for training in trainings])

    columns = {
        KEY: cell_keys,
        **{f"{part}_loss": _mean(at_best[:, k], cell, n) for k, part in enumerate(LOSSES)},
        "train_time_s": _mean(times, cell, n),
        "params_m": params[first] / 1e6,
        "trained": np.bincount(cell, ended, n) / np.bincount(cell, minlength=n),
    }
    run = np.arange(len(cell)) - first[cell]
    for k, part in enumerate(LOSSES):
        for number in range(RUNS):
            column = np.full(n, np.nan)
            column[cell[run == number]] = at_best[run == number, k]
            columns[f"{part}_loss_s{number}"] = column
    curves = {f"{part}_loss@": arrow.lists(_mean(losses[:, k], cell, n)) for k, part in enumerate(LOSSES)}
    arch = {ARCH: space.format(parsed.graphs.take(known[first]))}
    return pa.table({name: arrow.numbers(values) for name, values in columns.items()} | curves | arch)


def _mean(values: NDArray[np.float64], cell: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """[n, ...] mean of the numbers among the rows of each cell; NaN where there are none."""
    there = ~np.isnan(values)
    total, count = np.zeros((n, *values.shape[1:])), np.zeros((n, *values.shape[1:]))
    np.add.at(total, cell, np.where(there, values, 0))
    np.add.at(count, cell, there)
    mean: NDArray[np.float64] = total / np.where(count, count, np.nan)
    return mean
