"""Benchmarks by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from agnet.benchmarks.base import Answer, Benchmark
from agnet.errors import InputError
from agnet.metrics import Metric
from agnet.names import nearest

__all__ = ["FILE", "Answer", "Benchmark", "Metric", "get", "is_open", "load", "names"]

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

# Those that take any space: name, or the part up to its colon -> module, class.
_OPEN = {
    "cmd:": ("agnet.benchmarks.program", "Program"),
    "sh:": ("agnet.benchmarks.program", "Program"),
    "train": ("agnet.benchmarks.train", "Train"),
    "zerocost": ("agnet.benchmarks.zerocost", "ZeroCost"),
}

FILE = "file:"
"""What the name of a file of measured architectures begins with, as a benchmark."""


def names() -> list[str]:
    """Names of all benchmarks that have a space, whether their data is here or not."""
    return list(_BENCHMARKS)


def is_open(name: str) -> bool:
    """Whether ``name`` is a benchmark that takes any space, and has to be told which."""
    return _open(name) is not None


def _open(name: str) -> tuple[str, str] | None:
    prefix, colon, _ = name.partition(":")
    return _OPEN.get(prefix + colon)


def open_names() -> list[str]:
    """Names of the benchmarks that take architectures of several spaces, programs left out."""
    return [name for name in _OPEN if not name.endswith(":")]


@cache
def get(name: str) -> Benchmark:
    """The benchmark called ``name``, to look at; nothing is read from disk. One that takes any space has none here.

    Raises:
        InputError: if there is none.
    """
    if name in open_names():
        module, cls = _OPEN[name]
        looked_at: Benchmark = getattr(import_module(module), cls)(name, "", {})
        return looked_at
    if name not in _BENCHMARKS:
        raise InputError(f"no benchmark is called {name!r}{nearest(name, [*_BENCHMARKS, *_OPEN, FILE])}")
    module, factory = _BENCHMARKS[name]
    benchmark: Benchmark = getattr(import_module(module), factory)()
    return benchmark


def _measured(name: str, space: str | None) -> Benchmark:
    from agnet.benchmarks.measured import measured  # noqa: PLC0415 - reads files, which names do not need

    return measured(name, space)


def load(name: str, *, space: str | None = None, options: Mapping[str, str] | None = None) -> Benchmark:
    """The benchmark called ``name``, to query.

    Args:
        name: which one.
        space: for one that takes any space, or a file whose records do not say it.
        options: name to text, for one that takes any space.

    Raises:
        InputError: if there is none, if its data is not here (the message says how to get it), or if it does not know
            the space or an option.
    """
    if place := _open(name):
        if not space:
            raise InputError(f"{name}: say of which space the architectures are, such as --space nb201")
        module, cls = place
        made: Benchmark = getattr(import_module(module), cls)(name, space, options or {})
    else:
        made = _measured(name, space) if name.startswith(FILE) else get(name)
        if options:
            raise InputError(
                f"{name} has no options; {next(iter(options))} is one of benchmarks such as train or cmd:PROGRAM"
            )
        if space not in (None, made.space):
            raise InputError(f"{name} knows architectures of {made.space}, not of {space}")
    if todo := made.missing():
        raise InputError(todo)
    return made
