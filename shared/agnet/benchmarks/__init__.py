"""Benchmarks by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from agnet.benchmarks.base import Answer, Benchmark
from agnet.errors import InputError
from agnet.metrics import Metric
from agnet.names import nearest

__all__ = ["Answer", "Benchmark", "Metric", "get", "load", "names"]

# One line a benchmark: name -> module, function that makes it. Modules are imported when first asked for.
_BENCHMARKS = {
    "nb101": ("agnet.benchmarks.nb101", "NB101"),
    "nb201/cifar10": ("agnet.benchmarks.nb201", "cifar10"),
    "nb201/cifar100": ("agnet.benchmarks.nb201", "cifar100"),
    "nb201/ImageNet16-120": ("agnet.benchmarks.nb201", "imagenet16_120"),
    "nb201/analog": ("agnet.benchmarks.analog", "analog"),
    "nb301": ("agnet.benchmarks.nb301", "Ensemble"),
    "nb301/yahpo": ("agnet.benchmarks.nb301", "Yahpo"),
    "nb301/runs": ("agnet.benchmarks.nb301", "Trainings"),
    "nbnlp": ("agnet.benchmarks.nbnlp", "ptb"),
    "nbnlp/wikitext-2": ("agnet.benchmarks.nbnlp", "wikitext2"),
    **{f"x11/{model}": ("agnet.benchmarks.x11", model) for model in ("nb111", "nb211", "nb311", "nbnlp")},
    **{
        f"hw/{device}": ("agnet.benchmarks.hw", device)
        for device in ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")
    },
}


def names() -> list[str]:
    """Names of all benchmarks, whether their data is here or not."""
    return list(_BENCHMARKS)


@cache
def get(name: str) -> Benchmark:
    """The benchmark called ``name``, to look at; nothing is read from disk.

    Raises:
        InputError: if there is none.
    """
    if name not in _BENCHMARKS:
        raise InputError(f"no benchmark is called {name!r}{nearest(name, _BENCHMARKS)}")
    module, factory = _BENCHMARKS[name]
    benchmark: Benchmark = getattr(import_module(module), factory)()
    return benchmark


def load(name: str) -> Benchmark:
    """The benchmark called ``name``, to query.

    Raises:
        InputError: if there is none, or if its data is not here; the message says how to get it.
    """
    benchmark = get(name)
    if todo := benchmark.missing():
        raise InputError(todo)
    return benchmark
