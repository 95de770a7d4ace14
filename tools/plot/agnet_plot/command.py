"""The command ``plot``."""

from __future__ import annotations

import math
import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agnet.plots.chart import Page


_MOST_CELLS = 12
"""Cells that are drawn unless a number is given."""


class Kind(StrEnum):
    """What a picture is made of."""

    png = "png"
    svg = "svg"
    pdf = "pdf"
    text = "text"


class Projection(StrEnum):
    """How many dimensions become two."""

    pca = "pca"
    umap = "umap"


def _size(value: str) -> tuple[float, float]:
    width, _, height = value.partition("x")
    try:
        size = float(width), float(height)
    except ValueError:
        size = (0.0, 0.0)
    if not all(0 < side <= 1000 for side in size):
        raise InputError(f"--size {value!r}: write WIDTHxHEIGHT, such as 7x4.2")
    return size


Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Draw to a .png, .svg, .pdf or .txt; without it, in the terminal."
    ),
]
FormatOption = Annotated[
    Kind | None, typer.Option("--format", help="What to draw, else told by the ending of -o; without -o to stdout.")
]
Title = Annotated[str, typer.Option("--title", metavar="TEXT", help="Words above the picture.", show_default=False)]
Size = Annotated[
    str | None,
    typer.Option("--size", metavar="WxH", help="Size in inches (in characters for text).", show_default=False),
]
Metric = Annotated[str, typer.Option("--metric", metavar="NAME", help="Column that is shown.")]
Minimize = Annotated[
    bool | None,
    typer.Option("--minimize/--maximize", help="Which way is better; by default as the metric's name says."),
]
Benchmark = Annotated[
    str | None,
    typer.Option("--benchmark", metavar="NAME", help="Benchmark whose known optimum is shown; see 'query --list'."),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME", help="A name for each FILE.", show_default=False)
]


def plot(version: console.Version = False) -> None:
    """Draw searches, benchmarks, generators and cells.

    Each picture is a sub-command; 'plot KIND --help' tells more. Reads streams (JSON lines, Arrow or Parquet, told
    apart by content) and draws to the file named with -o, or in the terminal.

    \b
    Examples:
      plot curve history.jsonl --benchmark nb201/cifar10
      plot curve agnet.jsonl random.jsonl -o curve.svg
      query nb201/cifar10 all.parquet | plot distribution --mark history.jsonl -o cells.png
    """


def curve(
    files: console.Inputs = None,
    metric: Metric = "val_acc",
    minimize: Minimize = None,
    optimum: Annotated[
        float | None,
        typer.Option("--optimum", metavar="X", help="Best value that exists: a dashed line.", show_default=False),
    ] = None,
    benchmark: Benchmark = None,
    regret: Annotated[
        bool, typer.Option("--regret", help="Show the distance to the optimum, on a logarithmic axis.")
    ] = False,
    label: Labels = None,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Best value so far against the number of queries.

    Each FILE is the history of one way to search and becomes a line. If it has a column 'trial', as 'search --trials'
    writes it, the line is the mean over the trials and the band around it one standard error. The axis leaves out the
    first few queries, where a search is as bad as chance.

    \b
    Examples:
      plot curve history.jsonl --benchmark nb201/cifar10
      plot curve agnet.jsonl random.jsonl --optimum 0.9161 --regret -o regret.svg
    """
    canvas = _Canvas(output, kind, size)
    from agnet.plots import curve as picture  # noqa: PLC0415
    from agnet.plots import data  # noqa: PLC0415

    files = files or ["-"]
    if optimum is None and benchmark:
        optimum = _optimum(benchmark, metric)
    runs = [
        picture.Run(name, *data.history(file, metric)) for file, name in zip(files, _labels(files, label), strict=True)
    ]
    canvas.draw(
        picture.curve(runs, metric, maximize=_maximize(metric, minimize), optimum=optimum, regret=regret, title=title)
    )


def distribution(
    files: console.Inputs = None,
    metric: Metric = "val_acc",
    minimize: Minimize = None,
    mark: Annotated[
        str | None,
        typer.Option("--mark", metavar="FILE", help="History whose architectures are marked.", show_default=False),
    ] = None,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Histogram of a metric, with what a search found.

    Without --mark the best value is named. With it, the architectures of a history stand below the histogram, each at
    its value and at the query that found it, and the best one is named with its rank among all. Values far from the
    others are counted, not drawn.

    \b
    Examples:
      plot distribution all.parquet --mark history.jsonl -o found.png
      encode --space nb201 --all | query nb201/cifar100 | plot distribution --format text
    """
    canvas = _Canvas(output, kind, size)
    import pyarrow as pa  # noqa: PLC0415

    from agnet.plots import data  # noqa: PLC0415
    from agnet.plots import distribution as picture  # noqa: PLC0415

    values = data.numbers(data.columns(files, pa.schema([(metric, pa.float64())])), metric)
    found = None
    if mark:
        marks, trials = data.history(mark, metric)
        found = picture.Found(data.labels([mark])[0], marks, data.queries(len(marks), trials))
    canvas.draw(picture.distribution(values, metric, maximize=_maximize(metric, minimize), found=found, title=title))


def scatter(
    files: console.Inputs = None,
    x: Annotated[str, typer.Option("--x", metavar="COLUMN", help="Column across.")] = "val_acc",
    y: Annotated[
        str | None,
        typer.Option("--y", metavar="COLUMN", help="Column upwards; by default what predicts --x.", show_default=False),
    ] = None,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Predicted against true, or any metric against another.

    Shows Kendall's tau and Spearman's rho, the rank correlations.

    \b
    Examples:
      predict all.parquet --fit seen.jsonl | plot scatter -o agreement.png
      plot scatter all.parquet --x params_m --y val_acc
    """
    canvas = _Canvas(output, kind, size)
    import pyarrow as pa  # noqa: PLC0415

    from agnet.plots import data  # noqa: PLC0415
    from agnet.plots import scatter as picture  # noqa: PLC0415

    y = y or f"pred_{x}"
    table = data.columns(files, pa.schema([(name, pa.float64()) for name in (x, y)]))
    canvas.draw(picture.scatter(data.numbers(table, x), data.numbers(table, y), (x, y), title=title))


def pareto(
    files: console.Inputs = None,
    x: Annotated[str, typer.Option("--x", metavar="COLUMN", help="Metric across.")] = "latency_ms",
    y: Annotated[str, typer.Option("--y", metavar="COLUMN", help="Metric upwards.")] = "val_acc",
    label: Labels = None,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Two metrics and their Pareto front.

    The front is what no other architecture beats in both metrics; each FILE gets one of its own. Which way a metric is
    better is told by its name: accuracies are maximised, latency, time, energy, parameters and losses minimised.

    \b
    Examples:
      plot pareto all.parquet -o front.png
      plot pareto all.parquet history.jsonl --x params_m --label everything --label found
    """
    canvas = _Canvas(output, kind, size)
    import pyarrow as pa  # noqa: PLC0415

    from agnet.plots import data  # noqa: PLC0415
    from agnet.plots import pareto as picture  # noqa: PLC0415

    files = files or ["-"]
    sources = []
    for file, name in zip(files, _labels(files, label), strict=True):
        table = data.columns([file], pa.schema([(column, pa.float64()) for column in (x, y)]))
        sources.append(picture.Candidates(name, data.numbers(table, x), data.numbers(table, y)))
    directions = (_maximize(x, None), _maximize(y, None))
    canvas.draw(picture.pareto(sources, (x, y), maximize=directions, title=title))


def latent(
    files: console.Inputs = None,
    metric: Metric = "val_acc",
    projection: Annotated[
        Projection, typer.Option("--map", help="Principal components, or UMAP, which keeps neighbours together.")
    ] = Projection.pca,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Map of a generator's latent space, coloured by a metric.

    Projects the column 'latent', which 'generate' writes, on its two principal components, or lays it out by
    UMAP, which needs the extra 'umap' and takes a while.

    \b
    Examples:
      generate nb201.safetensors -n 2000 | query nb201/cifar10 | plot latent -o latent.png
      generate nb201.safetensors -n 2000 | query nb201/cifar10 | plot latent --map umap -o latent.png
    """
    canvas = _Canvas(output, kind, size)
    from agnet.plots import data  # noqa: PLC0415
    from agnet.plots import latent as picture  # noqa: PLC0415

    umap = projection is Projection.umap
    canvas.draw(picture.latent(*data.latents(files, metric), metric, umap=umap, title=title))


def training(
    files: console.Inputs = None,
    label: Labels = None,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Training curves of a generator.

    Reads the log of 'train-gen --log'. Shows the losses, and below them validity, uniqueness, novelty and coverage of
    what is generated.

    \b
    Examples:
      train-gen --space nb201 --log log.jsonl -o nb201.safetensors && plot training log.jsonl -o training.png
    """
    canvas = _Canvas(output, kind, size)
    from agnet.plots import data  # noqa: PLC0415
    from agnet.plots import training as picture  # noqa: PLC0415

    files = files or ["-"]
    logs = [(name, data.log(file)) for file, name in zip(files, _labels(files, label), strict=True)]
    canvas.draw(picture.training(logs, title=title))


def cells(
    files: console.Inputs = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="K", help="Draw the K best, best first.", show_default=False)
    ] = None,
    metric: Metric = "val_acc",
    minimize: Minimize = None,
    title: Title = "",
    output: Output = None,
    kind: FormatOption = None,
    size: Size = None,
) -> None:
    """Drawings of architectures.

    Each cell is drawn as a graph of its operations from input to output; what adds nothing to the output (the
    operation none, and all that only it feeds or is fed by) is faint. Without --top the first 12 architectures are
    drawn in order.

    \b
    Examples:
      search -b nb201/cifar10 | plot cells -o best.png
      plot cells history.jsonl --top 6 -o best.svg
    """
    canvas = _Canvas(output, kind, size)
    from agnet.plots import cells as picture  # noqa: PLC0415
    from agnet.plots import data, quantities  # noqa: PLC0415

    space, graphs, values = data.architectures(
        files, metric, top=top, maximize=_maximize(metric, minimize), most=_MOST_CELLS
    )
    shown = quantities.quantity(metric)
    captions = ["" if math.isnan(value) else shown.text(value) for value in shown.scale(values)]
    if len(captions) > 1:
        captions = [f"{number}.  {caption}" for number, caption in enumerate(captions, start=1)]
    canvas.draw(picture.cells(space, graphs, captions, title=title))


def _maximize(metric: str, minimize: bool | None) -> bool:
    from agnet import metrics  # noqa: PLC0415

    return metrics.direction(metric) == "maximize" if minimize is None else not minimize


def _labels(files: Sequence[str], given: Sequence[str] | None) -> list[str]:
    from agnet.plots import data  # noqa: PLC0415

    if given and len(given) != len(files):
        raise InputError(f"--label: {len(given)} given for {len(files)} files; give one for each, in their order")
    return list(given) if given else data.labels(files)


def _optimum(benchmark: str, metric: str) -> float:
    from agnet import benchmarks  # noqa: PLC0415

    value = benchmarks.load(benchmark).optimum(metric)
    if value is None:
        raise InputError(f"{benchmark}: the best {metric} is not known; give it with --optimum")
    return value


class _Canvas:
    """Where a picture goes and what it is made of; says what is wrong before anything is read."""

    def __init__(self, output: str | None, kind: Kind | None, size: str | None) -> None:
        self._output = None if output == "-" else output
        self._kind = kind or self._told_by_ending()
        self._size = _size(size) if size else None

    def _told_by_ending(self) -> Kind:
        if self._output is None:
            if not sys.stdout.isatty():
                raise InputError("no output: name a file with -o, or what to write to stdout with --format")
            return Kind.text
        ending = Path(self._output).suffix.lower()
        known = {".png": Kind.png, ".svg": Kind.svg, ".pdf": Kind.pdf, ".txt": Kind.text}
        if ending not in known:
            what = f"{ending} is not a picture that can be drawn" if ending else "the name has no ending"
            raise InputError(f"{self._output}: {what}; use .png, .svg, .pdf or .txt")
        return known[ending]

    def draw(self, page: Page) -> None:
        content = self._text(page) if self._kind is Kind.text else self._figure(page)
        from agnet.files import write_whole  # noqa: PLC0415

        write_whole(self._output or "-", content)

    def _figure(self, page: Page) -> bytes:
        from agnet.plots import figure  # noqa: PLC0415

        return figure.render(page, self._kind.value, self._size)

    def _text(self, page: Page) -> bytes:
        from agnet.plots import terminal  # noqa: PLC0415

        on_screen = self._output is None and sys.stdout.isatty()
        columns, lines = self._size or (shutil.get_terminal_size() if on_screen else (80, 26))
        colour = on_screen and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return terminal.text(page, int(columns), int(lines) - 2, colour=colour).encode()


def main(prog: str = "plot") -> NoReturn:
    """Run the command as a process."""
    pictures = (curve, distribution, scatter, pareto, latent, training, cells)
    console.run(console.group(plot, pictures, "plot"), prog)
