"""The command ``query``."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError
from agnet.settings import named_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agnet.benchmarks import Benchmark
    from agnet.streams import Chunk


class Noise(StrEnum):
    """What stands for the repeated training runs of an architecture."""

    mean = "mean"
    seed = "seed"


def query(
    benchmark: Annotated[
        str | None, typer.Argument(metavar="BENCHMARK", help="Name of the benchmark, see --list.", show_default=False)
    ] = None,
    files: console.Inputs = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="NAME,...", help="Metrics to add, or 'all'; by default the main ones."),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="NAME",
            help="For a benchmark that takes any space; by default what the first record says.",
        ),
    ] = None,
    given: console.With = None,
    retries: console.Retries = 0,
    data: console.Data = None,
    engine: console.EngineOption = None,
    workers: console.Workers = None,
    address: console.Address = None,
    gpus: console.Gpus = None,
    timeout: console.Timeout = None,
    noise: Annotated[
        Noise,
        typer.Option("--noise", help="Answer with the mean of all training runs, or with one run's result (seed)."),
    ] = Noise.mean,
    seed: console.SeedOption = (0,),
    show: Annotated[
        bool, typer.Option("--list", help="Show the benchmarks and their metrics; --format for records.")
    ] = False,
    output: console.Output = "-",
    output_format: console.OutputFormat = None,
    on_error: console.OnErrorOption = console.OnError.fail,
    progress: console.ProgressLines = False,
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Add the true metrics of architectures: what a benchmark measured.

    Reads architectures, looks each up in BENCHMARK, and writes them on with a column for each metric, such as val_acc
    (a fraction), train_time_s, latency_ms and params_m. An architecture that the benchmark does not have is an error
    of that record, see --on-error.

    BENCHMARK may be a file of measured architectures, file:measured.parquet; or a program: 'cmd:./evaluate.py --fast'
    is given the records on its stdin and writes them to its stdout with what it measured. It is started without a
    shell; 'sh:a | b' is given to one. BENCHMARK train makes the networks and trains them on the images of --data.

    With --engine or --workers several evaluations run at a time, in processes of this machine or on a Ray cluster; the
    output has the order of the input.

    With --noise seed a metric of several training runs is that of one run, drawn by --seed and the architecture: the
    same question gets the same answer.

    \b
    Examples:
      encode --space nb201 --random 5 | query nb201/cifar10
      query nb201/cifar100 cells.parquet --metrics val_acc,val_acc_s0 -o answers.parquet
      query file:measured.parquet cells.jsonl --on-error skip
      query 'cmd:./evaluate.py' cells.jsonl --with timeout=600 --on-error keep
      encode --space nb201 --random 5 | query train --data digits --with epochs=2
      query train cells.jsonl --data ./images --engine ray --address auto --gpus-per-eval 0.5 -o trained.jsonl
      query --list
    """
    if show:
        _list(output, output_format)
        return
    from agnet import benchmarks, records, streams  # noqa: PLC0415
    from agnet.benchmarks import answers  # noqa: PLC0415
    from agnet.benchmarks.wrapped import Retrying  # noqa: PLC0415
    from agnet.engines.evaluating import Asked, Evaluator  # noqa: PLC0415

    if benchmark is None:
        raise InputError("name the benchmark that answers; 'query --list' shows them")
    options = named_values(given, data)
    # what takes any space waits for the first record, the others complain before anything is read
    oracle = None
    if space or not benchmarks.is_open(benchmark):
        oracle = Retrying(benchmarks.load(benchmark, space=space, options=options), retries)
        names = _select(oracle, metrics)
    draw = seed if noise is Noise.seed else None
    setup = console.setup(engine, workers, address, gpus, timeout)
    reporter = console.Reporter("query", quiet=quiet, lines=progress)
    started = time.perf_counter()
    reader = streams.read(files, columns=records.COLUMNS, on_error=on_error)
    # records on a terminal show by themselves how far it is
    shown = console.Reporter("query", quiet=True) if output == "-" and sys.stdout.isatty() else reporter
    with streams.open_writer(output, output_format) as writer, shown.progress("query", None) as update:
        written = 0

        def write(part: Chunk) -> None:
            nonlocal written
            writer.write(part)
            written += len(part)
            update(written)

        chunks = iter(reader)
        for chunk in chunks:
            if oracle is None:
                space = records.space_of(chunk).name
                oracle = Retrying(benchmarks.load(benchmark, space=space, options=options), retries)
                names = _select(oracle, metrics)
            if setup is not None:
                asked = Asked.of(benchmark, space, options)
                with setup.open() as opened:
                    evaluator = Evaluator(opened, asked, names, retries=retries, draw=draw)
                    parts = (part for one in chain([chunk], chunks) for part in _parts(one, asked.at_once))
                    for answered in answers.spread(evaluator, parts, names, on_error):
                        write(answered)
                break
            for part in _parts(chunk, oracle.at_once):
                write(answers.answer(oracle, part, names, draw, on_error))
    reporter.note(f"{reader.records:,} records, {time.perf_counter() - started:.2f} s")


def _parts(chunk: Chunk, at_once: int | None) -> Iterator[Chunk]:
    """The chunk, or where evaluations take a while, what makes one: its answers can be read before the next begins."""
    import numpy as np  # noqa: PLC0415

    if at_once is None:
        yield chunk
        return
    for start in range(0, len(chunk), at_once):
        yield chunk.take(np.arange(start, min(start + at_once, len(chunk))))


def _select(oracle: Benchmark, metrics: str | None) -> Sequence[str]:
    if metrics == "all":
        return oracle.answered()
    return oracle.select(metrics.split(",") if metrics else None)


def _list(output: str, output_format: str | None) -> None:
    """Every benchmark and metric: to be read, or as records where a format is asked for."""
    from agnet.benchmarks import catalogue  # noqa: PLC0415

    if output == "-" and output_format is None:
        print(catalogue.text())
        return
    from agnet import streams  # noqa: PLC0415

    with streams.open_writer(output, output_format) as writer:
        writer.write(streams.TableChunk(catalogue.table()))


def main(prog: str = "query") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(query, "query"), prog)
