"""The command ``generate``."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from agnet import console
from agnet.errors import AgnetError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agnet.generator.checkpoint import Checkpoint
    from agnet.generator.sampling import Tally
    from agnet.seen import Seen
    from agnet.spaces import Space


class Key(StrEnum):
    """By what architectures are told apart."""

    arch = "arch"
    id = "id"


class Latent(StrEnum):
    """How latents are distributed."""

    normal = "normal"
    uniform = "uniform"


class Invalid(StrEnum):
    """What becomes of samples that are no architectures."""

    drop = "drop"
    keep = "keep"


def generate(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CKPT", help="Generator: a file of train-gen's, or a space's own, such as nb201.")
    ],
    number: Annotated[int, typer.Option("-n", "--number", metavar="N", min=0, help="Architectures to make.")] = 100,
    seed: console.SeedOption = (0,),
    unique: Annotated[bool, typer.Option("--unique", help="No architecture twice.")] = False,
    unique_by: Annotated[
        Key | None,
        typer.Option("--unique-by", help="--unique by this column; else by what the space's benchmarks go by."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", metavar="FILE", help="Leave out the architectures in this stream; may be given often."
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="METRIC=GOAL", help="Ask for topP% or a value of METRIC; may be given often."),
    ] = None,
    latent: Annotated[
        Latent, typer.Option("--latent", help="Normal latents, as in training, or uniform ones, as AG-Net searches.")
    ] = Latent.normal,
    scale: Annotated[
        float, typer.Option("--scale", metavar="X", min=0, help="Uniform latents lie between -X and X.")
    ] = 3.0,
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="T", min=0.01, help="Below 1: rather what is likely anyway.")
    ] = 1.0,
    invalid: Annotated[
        Invalid, typer.Option("--invalid", help="keep: also write samples that are no architectures, valid false.")
    ] = Invalid.drop,
    max_samples: Annotated[
        int | None, typer.Option("--max-samples", metavar="M", min=1, help="Make do with what M samples gave.")
    ] = None,
    info: Annotated[bool, typer.Option("--info", help="Print what the generator is, as JSON, and stop.")] = False,
    output: console.Output = "-",
    output_format: console.OutputFormat = None,
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Make architectures with a trained generator.

    Writes records with space, arch, id and latent, the numbers that the architecture was decoded from. The first
    thousand architectures of a seed are the first thousand of its two thousand. Says on stderr how many samples that
    took; when the generator has no more to give, writes what there is and ends with status 1.

    A generator that train-gen adapted to evaluated architectures can be asked for good ones: --target val_acc=top1%, or
    --target latency_ms=4. What is asked for is likely, not certain.

    \b
    Examples:
      generate nb201 -n 1000 --seed 1 -o cells.parquet
      generate mine.safetensors -n 100 --unique --exclude seen.jsonl | query nb201/cifar10
      generate adapted.safetensors -n 100 --target val_acc=top1% --unique > promising.jsonl
      generate nb201 --info | jq .facts
    """
    # Blocks are made by as many threads or processes as there are cores: products of matrices that also used several
    # would only wait for each other. Heeded if NumPy was not imported before.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from agnet import spaces, streams  # noqa: PLC0415
    from agnet.generator.autoregressive.condition import parse_targets  # noqa: PLC0415
    from agnet.generator.checkpoint import load  # noqa: PLC0415
    from agnet.generator.records import table  # noqa: PLC0415
    from agnet.generator.sampling import Generation  # noqa: PLC0415

    generator = load(checkpoint)
    if info:
        _print_info(generator)
        return
    space = spaces.get(generator.space)
    by: Literal["arch", "id"] = unique_by.value if unique_by else space.identity
    generation = Generation(
        generator,
        space,
        number,
        seed,
        latent=latent.value,
        scale=scale,
        temperature=temperature,
        unique=by if unique or unique_by else None,
        exclude=_excluded(exclude or [], space, by),
        keep_invalid=invalid is Invalid.keep,
        max_samples=max_samples,
        targets=parse_targets(target or []),
    )
    started = time.perf_counter()
    reporter = console.Reporter("generate", quiet=quiet)
    with (
        streams.open_writer(output, output_format) as writer,
        reporter.progress("generate", number) as update,
    ):
        for block in generation:
            writer.write(streams.TableChunk(table(space, block, keep_invalid=invalid is Invalid.keep)))
            update(generation.tally.found)
    reporter.note(_summary(generation.tally, time.perf_counter() - started))
    tally = generation.tally
    if tally.shortfall and tally.drawn == max_samples:
        reporter.warn(f"only {tally.shortfall}")
    elif tally.shortfall:
        raise AgnetError(f"only {tally.shortfall}")


def _print_info(generator: Checkpoint) -> None:
    import orjson  # noqa: PLC0415

    header = {
        "model": generator.model,
        "space": generator.space,
        "parameters": sum(value.size for value in generator.parameters.values()),
        "config": generator.config.to_json(),
        "facts": generator.facts,
    }
    print(orjson.dumps(header, option=orjson.OPT_INDENT_2).decode())


def _excluded(files: Sequence[str], space: Space, by: str) -> Seen:
    """The architectures of some streams."""
    from agnet import records, streams  # noqa: PLC0415
    from agnet.seen import Seen, hashes  # noqa: PLC0415

    seen = Seen()
    if files.count("-") > 1:
        raise InputError("--exclude - can be given once: there is one stdin")
    for name in files:
        for chunk in streams.read([name], columns=records.COLUMNS, plain="arch"):
            parsed = records.read(space, chunk)
            known, _ = streams.settle(chunk, parsed.problems, "arch", "fail")
            assert len(known) == len(parsed.graphs)
            seen.add(hashes(space.format(parsed.graphs) if by == "arch" else space.ids(parsed.graphs)))
    return seen


def _summary(tally: Tally, seconds: float) -> str:
    share = tally.valid / tally.drawn if tally.drawn else 1
    parts = [f"{tally.found:,} architectures from {tally.drawn:,} samples, {100 * share:.2f} % of them valid"]
    if tally.duplicates:
        parts.append(f"{tally.duplicates:,} duplicates")
    if tally.excluded:
        parts.append(f"{tally.excluded:,} excluded")
    return f"{', '.join(parts)}; {seconds:.2f} s"


def main(prog: str = "generate") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(generate, "generate"), prog)
