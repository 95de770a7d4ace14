"""Where the data of benchmarks comes from: official files, how they are read, and what is imported from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pyarrow as pa

from agnet.benchmarks import store
from agnet.benchmarks.official import Progress, silent
from agnet.errors import InputError
from agnet.names import nearest


@dataclass(frozen=True, slots=True)
class File:
    """An official file."""

    name: str
    address: str | None = None
    """Where it can be downloaded without a browser."""
    sha256: str | None = None
    bytes: int | None = None
    """About how many."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported under one name."""

    name: str
    title: str
    page: str
    """The project's page, where its files are."""
    takes: str
    """What 'benchmarks import' is given."""
    module: str
    """Its reader."""
    layout: int
    """Version of the columns that the reader makes; raise it when they change."""
    feeds: tuple[str, ...]
    """The benchmarks that need it, or have more metrics with it."""
    files: tuple[File, ...] = ()
    function: str = "read"
    """The reader in ``module``."""

    def hint(self) -> str:
        """How to get it, in one line."""
        fetch = f"'benchmarks fetch {self.name}' downloads it, " if any(file.address for file in self.files) else ""
        where = "" if fetch else f", from {self.page}"
        return f"{fetch}'benchmarks import {self.name} FILE' reads it{where} (FILE: {self.takes})"


_SOURCES = (
    Source(
        "nb101",
        "NAS-Bench-101 (Ying et al., ICML 2019)",
        "https://github.com/google-research/nasbench",
        "nasbench_only108.tfrecord or nasbench_full.tfrecord",
        "agnet.benchmarks.official.nb101",
        1,
        ("nb101",),
        (
            File(
                "nasbench_only108.tfrecord",
                "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
                "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
                499_000_000,
            ),
            File(
                "nasbench_full.tfrecord",
                "https://storage.googleapis.com/nasbench/nasbench_full.tfrecord",
                "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c",
                1_950_000_000,
            ),
        ),
    ),
    Source(
        "nb201",
        "NAS-Bench-201 (Dong and Yang, ICLR 2020)",
        "https://github.com/D-X-Y/NATS-Bench",
        "NAS-Bench-201-v1_1-096897.pth or -v1_0-e61699.pth, or NATS-tss-v1_0-3ffb9-simple (the tar file or the folder)",
        "agnet.benchmarks.official.nb201",
        1,
        ("nb201/cifar10", "nb201/cifar100", "nb201/ImageNet16-120"),
    ),
    Source(
        "hw",
        "HW-NAS-Bench (Li et al., ICLR 2021)",
        "https://github.com/GATECH-EIC/HW-NAS-Bench",
        "HW-NAS-Bench-v1_0.pickle, or a CSV or Parquet table with columns such as edgegpu_latency",
        "agnet.benchmarks.official.hw",
        1,
        (
            *(f"hw/{device}" for device in ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")),
            *(f"nb201/{data_set}" for data_set in ("cifar10", "cifar100", "ImageNet16-120")),
        ),
        (
            File(
                "HW-NAS-Bench-v1_0.pickle",
                "https://raw.githubusercontent.com/GATECH-EIC/HW-NAS-Bench/HEAD/HW-NAS-Bench-v1_0.pickle",
            ),
        ),
    ),
    Source(
        "nb301",
        "NAS-Bench-301's models (Zela et al., ICLR 2022)",
        "https://github.com/automl/nasbench301",
        "the folder of a model for accuracy, such as nb_models_1.0/xgb_v1.0 or nb_models_1.0/gnn_gin_v1.0",
        "agnet.benchmarks.official.nb301",
        1,
        ("nb301",),
        (File("nb_models_1.0.zip", "https://ndownloader.figshare.com/files/24992018"),),
    ),
    Source(
        "nb301/runtime",
        "NAS-Bench-301's models for the time of a training",
        "https://github.com/automl/nasbench301",
        "the folder of a model for the time, such as nb_models_1.0/lgb_runtime_v1.0",
        "agnet.benchmarks.official.nb301",
        1,
        ("nb301",),
        (File("nb_models_1.0.zip", "https://ndownloader.figshare.com/files/24992018"),),
        "read_runtime",
    ),
    Source(
        "nb301/yahpo",
        "YAHPO Gym's surrogate of NAS-Bench-301 (Pfisterer et al., AutoML 2022)",
        "https://github.com/slds-lmu/yahpo_data",
        "nb301/new_model.onnx, or model_v2.onnx",
        "agnet.benchmarks.official.yahpo",
        1,
        ("nb301/yahpo",),
        (
            File(
                "new_model.onnx",
                "https://raw.githubusercontent.com/slds-lmu/yahpo_data/HEAD/nb301/new_model.onnx",
                "3c6a6fb3a70998bf6c55883bdc5cc71cff190e1859468d72cc6960b88f06d280",
                2_578_406,
            ),
        ),
    ),
    Source(
        "nb301/runs",
        "NAS-Bench-301's dataset of trainings",
        "https://figshare.com/articles/dataset/NAS-Bench-301_Dataset_v1_0/13246952",
        "a folder or ZIP file with results_*.json",
        "agnet.benchmarks.official.nb301_runs",
        2,
        ("nb301/runs",),
    ),
    Source(
        "nbnlp",
        "NAS-Bench-NLP (Klyuchnikov et al., 2020)",
        "https://github.com/fmsnew/nas-bench-nlp-release",
        "logs.zip of train_logs_single_run or train_logs_multi_runs, a folder of such files, or NASLib's nb_nlp.pickle",
        "agnet.benchmarks.official.nbnlp",
        2,
        ("nbnlp",),
        tuple(
            File(
                f"nbnlp-{kind}-logs.zip",
                f"https://raw.githubusercontent.com/fmsnew/nas-bench-nlp-release/HEAD/train_logs_{kind}/logs.zip",
            )
            for kind in ("single_run", "multi_runs")
        ),
    ),
    Source(
        "nbnlp/wikitext-2",
        "NAS-Bench-NLP on WikiText-2 (Klyuchnikov et al., 2020)",
        "https://github.com/fmsnew/nas-bench-nlp-release",
        "logs.zip of train_logs_wikitext-2",
        "agnet.benchmarks.official.nbnlp",
        2,
        ("nbnlp/wikitext-2",),
        (
            File(
                "nbnlp-wikitext-2-logs.zip",
                "https://raw.githubusercontent.com/fmsnew/nas-bench-nlp-release/HEAD/train_logs_wikitext-2/logs.zip",
                "f5052d6bea6398001e32c986322a243e8cdedffa906caf242eb0a62ee105aa12",
                879_000,
            ),
        ),
        "read_wikitext",
    ),
    *(
        Source(
            f"x11/{model}",
            f"NAS-Bench-x11's model {model} (Yan et al., NeurIPS 2021)",
            "https://github.com/automl/nas-bench-x11",
            f"the folder {model}-v0.5{' or nbnlp_v01' if model == 'nbnlp' else ''}",
            "agnet.benchmarks.official.x11",
            1,
            (f"x11/{model}",),
            function=f"read_{model}",
        )
        for model in ("nb111", "nb211", "nb311", "nbnlp")
    ),
)
_BY_NAME = {source.name: source for source in _SOURCES}


def names() -> list[str]:
    """Names of everything that can be imported."""
    return list(_BY_NAME)


def get(name: str) -> Source:
    """The source called ``name``, or the one that the benchmark ``name`` needs.

    Raises:
        InputError: if there is none.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    for source in _SOURCES:
        if name in source.feeds:
            return source
    raise InputError(f"nothing is imported as {name!r}{nearest(name, _BY_NAME)}")


def table(name: str) -> pa.Table | None:
    """The imported table ``name``, memory-mapped; None if it was not imported."""
    return store.open_table(name, _BY_NAME[name].layout)


def missing(name: str) -> str | None:
    """How to get the source ``name``; None if it was imported."""
    return None if store.find(name) else f"needs {_BY_NAME[name].title}: {_BY_NAME[name].hint()}"


def bring_in(name: str, path: Path, progress: Progress = silent) -> store.Imported:
    """Import an official file or folder.

    Raises:
        InputError: if it is not what it should be; the message says which part is wrong.
        AgnetError: if the result cannot be written.
    """
    source = get(name)
    if not path.exists():
        raise InputError(f"{path}: there is no such file; {source.hint()}")
    try:
        made: pa.Table = getattr(import_module(source.module), source.function)(path, progress)
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where a file is needed: {source.takes}") from None
    return store.write(source.name, made, source.layout, _originals(path))


def _originals(path: Path) -> tuple[store.Original, ...]:
    size = sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
    return (store.Original(path.name, size, store.sha256(path)),)


def official(original: store.Original, files: Sequence[File]) -> File | None:
    """The official file that an imported one is, told by its digest."""
    return next((file for file in files if file.sha256 == original.sha256), None)
