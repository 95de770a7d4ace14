"""All benchmarks and their metrics, as text and as a table."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

import pyarrow as pa

from agnet import benchmarks
from agnet.benchmarks.base import Benchmark
from agnet.metrics import Metric

_WIDTH = 110
_NAMES = 12  # of metrics, where there is no room for more
_RUN = re.compile(r"(.+)_s\d")


def text() -> str:
    """Every benchmark with its main metrics, and the names of its other ones."""
    return "\n\n".join(_describe(benchmark, briefly=True) for benchmark in _all())


def describe(benchmark: Benchmark) -> str:
    """One benchmark with all its metrics."""
    return _describe(benchmark, briefly=False)


def table() -> pa.Table:
    """Every metric of every benchmark, one row each; a curve is a row ``val_acc@1..200``."""
    rows = [
        {
            "benchmark": benchmark.name,
            "space": benchmark.space or None,
            "size": benchmark.size,
            "metric": name,
            "unit": metric.unit,
            "direction": metric.direction,
            "main": metric in benchmark.metrics,
            "description": metric.description,
            "source": benchmark.source,
            "missing": benchmark.missing(),
        }
        for benchmark in _all()
        for name, metric in _named(benchmark)
    ]
    return pa.Table.from_pylist(rows)


def _all() -> Iterable[Benchmark]:
    return map(benchmarks.get, [*benchmarks.names(), *benchmarks.open_names()])


def _named(benchmark: Benchmark) -> list[tuple[str, Metric]]:
    metrics = (*benchmark.metrics, *benchmark.details)
    return [(metric.name, metric) for metric in metrics] + [(curve.label, curve.metric) for curve in benchmark.curves]


def _describe(benchmark: Benchmark, *, briefly: bool) -> str:
    size = "any architecture" if benchmark.size is None else f"{benchmark.size:,} architectures"
    facts = {
        "space": f"{benchmark.space or 'what --space names'}, {size}",
        "data": benchmark.source,
        "state": benchmark.missing() or "ready",
    }
    lines = [f"{benchmark.name}: {benchmark.title}", *(f"  {name + ':':<8}{fact}" for name, fact in facts.items())]
    main = len(benchmark.metrics)
    named = _named(benchmark)
    rest = _fold(named[main:])
    if briefly:
        lines += _rows(named[:main])
        if rest:
            names = ", ".join(name for name, _ in rest[:_NAMES])
            if len(rest) > _NAMES:
                names += f" and {len(rest) - _NAMES} more, see 'benchmarks info {benchmark.name}'"
            lines += textwrap.wrap(names, _WIDTH, initial_indent="  also: ", subsequent_indent="        ")
    else:
        lines += [*_rows(named[:main]), *(["  by name:"] if rest else []), *_rows(rest)]
    return "\n".join(lines)


def _fold(named: Sequence[tuple[str, Metric]]) -> list[tuple[str, Metric]]:
    """The runs of one metric as one: ``val_acc_s0..2``."""
    folded: list[tuple[str, Metric]] = []
    stem = ""
    for name, metric in named:
        match = _RUN.fullmatch(name)
        if match and match[1] == stem:
            folded[-1] = (f"{folded[-1][0].partition('..')[0]}..{name[-1]}", folded[-1][1])
        else:
            folded.append((name, metric))
        stem = match[1] if match else ""
    return folded


def _rows(named: Sequence[tuple[str, Metric]]) -> list[str]:
    width = max((len(name) for name, _ in named), default=0)
    return [
        f"    {name:<{width}}  {metric.unit:<8}  {metric.direction:<8}  {metric.description}" for name, metric in named
    ]
