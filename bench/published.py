"""AG-Net's published search beside ours, in CPU seconds: ``python -m bench.published CODE WEIGHTS [--threads N]``.

CODE is a folder with the published code (github.com/jovitalukasik/AG-Net), WEIGHTS its ``NASBench201.best.model``; it
needs torch and torch-geometric. Both search 192 queries long on CIFAR-10 in NAS-Bench-201, by turns, in as many threads
as they take, or ``--threads``. Of the published search only the loop counts, and not that it starts and reads its
table; of ours the whole command.

For the published code to run today, it gets from here: the table, in place of NATS-Bench's files; nothing in place of
NAS-Bench-101, which needs TensorFlow 1; PyTorch Geometric's loader where it was, leaving out latents, which only some
of the graphs in a batch have; and leave to read its pickles.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from agnet import benchmarks, spaces
from agnet.graphs import Graphs
from bench.measure import shell

_QUERIES = 192
_NONE_VALID = "stack expects a non-empty TensorList"


def rows(code: Path, weights: Path, turns: int, threads: int | None) -> Iterator[str]:
    """A line a turn, then the median."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    ratios: list[float] = []
    for seed in count():
        if len(ratios) == turns:
            break
        theirs = _theirs(code, weights, seed)
        if theirs is None:
            yield f"seed {seed}: the published search ended early, as it does when no sample of a batch is valid"
            continue
        ours = _ours(seed)
        ratios.append(theirs / ours)
        yield f"seed {seed}: published {theirs:.1f} s, ours {ours:.2f} s, {ratios[-1]:.1f} times"
    yield f"median: {statistics.median(ratios):.1f} times"


def _ours(seed: int) -> float:
    before = _children()
    shell(f"search -b nb201/cifar10 --strategy agnet --queries {_QUERIES} --seed {seed} -q -o /dev/null")()
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _theirs(code: Path, weights: Path, seed: int) -> float | None:
    command = [sys.executable, "-m", "bench.published", str(code), str(weights), "--loop", str(seed)]
    ran = subprocess.run(command, check=False, text=True, capture_output=True)
    if ran.returncode and _NONE_VALID not in ran.stderr:
        raise RuntimeError(ran.stderr)
    return None if ran.returncode else float(ran.stdout.splitlines()[-1])


def _loop(code: Path, weights: Path, seed: int) -> float:
    """Run the published search in this process; CPU seconds since its last preparation, making a Checkpoint."""
    import torch  # noqa: PLC0415
    from torch_geometric import data, loader  # noqa: PLC0415

    torch.load = functools.partial(torch.load, weights_only=False)
    data.DataLoader = functools.partial(loader.DataLoader, exclude_keys=["z"])
    sys.path.insert(0, str(code))
    _stand_in("jmespath", search=None)
    _stand_in("datasets.NASBench101")
    _stand_in("datasets.nasbench201.api", NASBench201API=_Table)
    import Checkpoint  # type: ignore[import-not-found]  # noqa: PLC0415
    import datasets  # type: ignore[import-not-found]  # noqa: PLC0415
    import Settings  # type: ignore[import-not-found]  # noqa: PLC0415

    datasets.NASBench101 = sys.modules["datasets.NASBench101"]
    made, started = Checkpoint.Checkpoint.__init__, 0.0

    def make(*args: Any, **options: Any) -> None:
        nonlocal started
        made(*args, **options)
        started = time.process_time()

    Checkpoint.Checkpoint.__init__ = make
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("datasets/NASBench201").mkdir(parents=True)
        Path("best.model").symlink_to(weights)
        Settings.FOLDER_EXPERIMENTS = folder
        # It stops when it has more than --search_data.
        sys.argv = ["search", "--saved_path", ".", "--search_data", str(_QUERIES - 1), "--seed", str(seed)]
        runpy.run_path(str(code / "search" / "Search_Tabular.py"), run_name="__main__")
        return time.process_time() - started


def _stand_in(name: str, **content: object) -> None:
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(content)


class _Table:
    """What the published code asks NATS-Bench's API."""

    def __init__(self, path: str) -> None:
        space = spaces.get("nb201")
        graphs = Graphs.concat(list(space.enumerate()))
        self._archs = space.format(graphs).to_pylist()
        self._index = {arch: index for index, arch in enumerate(self._archs)}
        self._accuracies = 100 * benchmarks.load("nb201/cifar10").query(graphs, ["val_acc"]).columns["val_acc"]

    def __len__(self) -> int:
        return len(self._archs)

    def query_meta_info_by_index(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(arch_str=self._archs[index])

    def query_index_by_arch(self, arch: str) -> int:
        return self._index[arch]

    def get_more_info(self, index: int, *_: object) -> dict[str, float]:
        accuracy = self._accuracies[index]
        # That of the test set is only written down.
        return {"valid-accuracy": accuracy, "test-accuracy": accuracy, "train-all-time": 0.0, "valid-per-time": 0.0}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("code", type=lambda text: Path(text).resolve(), metavar="CODE")
    parser.add_argument("weights", type=lambda text: Path(text).resolve(), metavar="WEIGHTS")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, metavar="N", help="of both; by default as many as they take")
    parser.add_argument("--loop", type=int, metavar="SEED", help="run the published search alone")
    options = parser.parse_args()
    if options.loop is not None:
        print(_loop(options.code, options.weights, options.loop))
    else:
        for row in rows(options.code, options.weights, options.turns, options.threads):
            print(row, flush=True)
