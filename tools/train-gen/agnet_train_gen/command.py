"""The command ``train-gen``."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agnet import console
from agnet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agnet.generator.adaptation import Settings
    from agnet.generator.checkpoint import Checkpoint
    from agnet.generator.network import Losses
    from agnet.generator.state import State
    from agnet.generator.together import Together
    from agnet.generator.training import Tick
    from agnet.graphs import Graphs
    from agnet.seeds import Seed
    from agnet.spaces import Space

    Log = Callable[[dict[str, Any]], None]

_SAMPLE = 500_000
"""Architectures of a space that is too large for all of them: as many as AG-Net trains on."""


class Model(StrEnum):
    """Kinds of generators."""

    autoregressive = "autoregressive"
    agnet = "agnet"


def train_gen(
    files: console.Inputs = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="CKPT", help="Write the generator here, whole or not at all."),
    ] = None,
    space_name: Annotated[
        str | None,
        typer.Option("--space", metavar="NAME", help="Search space; without FILE all its architectures are learned."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=1, help="With --space: N random architectures instead of all."),
    ] = None,
    model: Annotated[
        Model | None,
        typer.Option("--model", help="Kind of generator; by default that of --init.", show_default="autoregressive"),
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", metavar="CKPT", help="Start from this generator instead of from nothing.")
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition", metavar="METRIC", help="Learn what generate --target METRIC= asks for; may be given often."
        ),
    ] = None,
    weight_by: Annotated[
        str | None,
        typer.Option("--weight-by", metavar="METRIC", help="agnet: learn most from what ranks best by METRIC."),
    ] = None,
    predict: Annotated[
        list[str] | None,
        typer.Option(
            "--predict", metavar="METRIC", help="agnet: learn to predict METRIC too, jointly; may be given often."
        ),
    ] = None,
    minimize: Annotated[
        bool | None,
        typer.Option("--minimize/--maximize", help="What ranks best; by default as the name of METRIC says."),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option("--alpha", metavar="A", min=0, max=1, help="With --predict: the predictor's share of the loss."),
    ] = 0.9,
    rank_k: Annotated[
        float,
        typer.Option("--rank-k", metavar="K", min=1e-6, help="With --weight-by: weight = 1 / (K × records + rank)."),
    ] = 0.01,
    backpropagate: Annotated[
        bool,
        typer.Option("--backpropagate/--no-backpropagate", help="With --predict: let its error reach the generator."),
    ] = True,
    freeze: Annotated[bool, typer.Option("--freeze", help="With --predict: train the predictor only.")] = False,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", min=1, help="Passes over the data.  [default: by its size, or 30]"),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", metavar="N", min=1, help="Architectures a step.  [default: 256, of agnet 64, or 16]"),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--lr", metavar="RATE", min=0, help="Step size.  [default: 0.005, of agnet 0.003, or 0.001]"),
    ] = None,
    seed: console.SeedOption = (0,),
    device: Annotated[str, typer.Option("--device", metavar="D", help="cpu or cuda.")] = "cpu",
    log: Annotated[
        str | None, typer.Option("--log", metavar="FILE", help="Write how it goes, as JSON lines; plot draws them.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a training that was interrupted, from CKPT.state.")
    ] = False,
    published: Annotated[
        str | None, typer.Option("--import", metavar="FILE", help="Convert one of AG-Net's published generators.")
    ] = None,
    progress: console.ProgressLines = False,
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Train a generator of architectures.

    Learns the distribution of the architectures that it reads, or of all architectures of --space. With --condition it
    learns in about a second from evaluated architectures what good ones have, for generate --target. With --weight-by
    or --predict it learns from them as AG-Net's search does: good ones count most, and a predictor of the metric is
    trained with the generator (second defaults). The same data, options and seed give the same bytes.

    While it trains, --log gets a line every so often with loss, validity, uniqueness, novelty and coverage of a sample.

    \b
    Examples:
      train-gen --space nb201 -o mine.safetensors --log training.jsonl
      encode --space nb201 --random 2000 | train-gen -o small.safetensors
      train-gen seen.jsonl --init nb201 --condition val_acc -o adapted.safetensors
      train-gen seen.jsonl --init nb201-agnet --weight-by val_acc --predict val_acc -o agnet.safetensors
      torchrun --nproc-per-node 4 --no-python -- train-gen --space nb301 --device cuda -o large.safetensors
      train-gen --import NASBench201/best.model -o published.safetensors
    """
    if output is None:
        raise InputError("name the generator to write: -o CKPT")
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ
    first = not several or os.environ["RANK"] == "0"
    reporter = console.Reporter("train-gen", quiet=quiet or not first, lines=progress and first)
    if published is not None:
        _import(published, output, reporter)
        return
    evaluated = weight_by is not None or bool(predict) or bool(condition)
    if condition and (weight_by is not None or predict):
        raise InputError("--condition is for autoregressive generators, --weight-by and --predict are for AG-Net's")
    if resume and (evaluated or not _is_file(output)):
        raise InputError(
            "--resume continues a long training with -o FILE; one on evaluated architectures takes seconds"
        )
    if several and (evaluated or "-" in (files or ["-"] * (space_name is None))):
        raise InputError(
            "under torchrun a distribution is learned, of --space or of FILEs that all processes can read; "
            "not of stdin, and not with --condition, --weight-by or --predict, which take seconds"
        )
    if not predict and (freeze or not backpropagate):
        raise InputError("--freeze and --no-backpropagate go with --predict METRIC")

    from agnet.generator.checkpoint import Checkpoint, load  # noqa: PLC0415

    start = None if init is None else load(init, space=space_name)
    if start is not None and model not in (None, start.model):
        raise InputError(f"--model {model}: {init} is {start.model}; leave one of the two out")
    with ExitStack() as stack:
        write = _LogFile(log if first else None, stack, resume=resume)
        if condition:
            _condition(files, start, condition, seed, device, write, reporter).save(output)
        elif evaluated:
            from agnet.generator.adaptation import Settings  # noqa: PLC0415

            usual = Settings()
            settings = Settings(
                epochs=epochs or usual.epochs,
                batch=batch or usual.batch,
                rate=usual.rate if rate is None else rate,
                alpha=alpha,
                rank_k=rank_k,
                backpropagate=backpropagate,
                learn_generator=not freeze,
            )
            checkpoint = _adapt(
                files, start, weight_by, predict or [], minimize, settings, seed, device, write, reporter
            )
            checkpoint.save(output)
        else:
            space, graphs = _data(files, space_name, sample, start, seed, reporter)
            start = start or Checkpoint.initial(space, seed, model or Model.autoregressive)
            together = None
            if several:
                from agnet.generator.together import Together  # noqa: PLC0415 - torch

                together = Together(device)
                stack.callback(together.close)
                device = together.device
            given = (epochs, batch, rate)
            _pretrain(space, graphs, start, output, given, seed, device, write, resume, reporter, together)


def _import(published: str, output: str, reporter: console.Reporter) -> None:
    from agnet.generator.published import import_published  # noqa: PLC0415

    checkpoint = import_published(published)
    checkpoint.save(output)
    count = sum(value.size for value in checkpoint.parameters.values())
    reporter.note(f"generator of {checkpoint.space}, {count:,} parameters")


def _is_file(output: str) -> bool:
    """Whether a state can stand beside the output."""
    path = Path(output)
    return output != "-" and (path.is_file() or not path.exists())


class _LogFile:
    """How a training goes, as JSON lines; not buffered, so that a line can be seen as soon as it is written."""

    def __init__(self, name: str | None, stack: ExitStack, *, resume: bool) -> None:
        self._file = stack.enter_context(FileIO(name, "a+" if resume else "w")) if name is not None else None

    def __call__(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            import orjson  # noqa: PLC0415

            self._file.write(orjson.dumps(line) + b"\n")

    def go_on(self, samples: int) -> None:
        """Forget what a training told after so many samples, and half a last line: it will tell that again."""
        import orjson  # noqa: PLC0415

        if self._file is None or not self._file.seekable():
            return
        kept = 0
        self._file.seek(0)
        for line in self._file.readall().splitlines(keepends=True):
            try:
                told = orjson.loads(line)["samples"] <= samples
            except (orjson.JSONDecodeError, KeyError, TypeError):
                break
            if not told or not line.endswith(b"\n"):
                break
            kept += len(line)
        self._file.truncate(kept)


def _data(
    files: Sequence[str] | None,
    name: str | None,
    sample: int | None,
    start: Checkpoint | None,
    seed: Seed,
    reporter: console.Reporter,
) -> tuple[Space, Graphs]:
    """What the distribution is learned of."""
    from agnet import records, spaces, streams  # noqa: PLC0415
    from agnet.graphs import Graphs  # noqa: PLC0415
    from agnet.spaces import sampling  # noqa: PLC0415

    if not files and name is not None:
        space = spaces.get(name)
        if sample is None and space.size is None:
            reporter.note(f"{space.name} is too large to learn all of it: {_SAMPLE:,} random architectures")
            sample = _SAMPLE
        if sample is None:
            return space, Graphs.concat(list(space.enumerate()))
        return space, sampling.distinct(space, sample, seed)
    if sample is not None:
        raise InputError("--sample N goes with --space NAME and no FILE")
    chosen = name or (start.space if start else None)
    parts = []
    for chunk in streams.read(files, columns=records.COLUMNS):
        known = spaces.get(chosen) if chosen else records.space_of(chunk)
        chosen = known.name
        parsed = records.read(known, chunk)
        streams.settle(chunk, parsed.problems, "arch", "fail")
        parts.append(parsed.graphs)
    if not parts or chosen is None:
        raise InputError("no architectures to learn from")
    return spaces.get(chosen), Graphs.concat(parts)


def _pretrain(
    space: Space,
    graphs: Graphs,
    start: Checkpoint,
    output: str,
    given: tuple[int | None, int | None, float | None],
    seed: Seed,
    device: str,
    write: _LogFile,
    resume: bool,
    reporter: console.Reporter,
    together: Together | None,
) -> None:
    """Learn a distribution, keeping beside the output from where it could continue."""
    from agnet.generator.state import load_state  # noqa: PLC0415
    from agnet.generator.training import Schedule, digest, pretrain  # noqa: PLC0415

    usual = Schedule.of(len(graphs), start.model)
    epochs, batch, rate = given
    schedule = Schedule(epochs or usual.epochs, batch or usual.batch, usual.rate if rate is None else rate)
    purpose = {
        "data": digest(graphs),
        "seed": list(seed),
        "schedule": list(schedule),
        "init": start.digest(),
    }
    path = Path(f"{output}.state")
    state = None
    first = together is None or together.first
    if resume and first and path.exists():
        state = load_state(str(path), purpose, sum(value.size for value in start.parameters.values()))
        reporter.note(f"continues behind step {state.steps:,}")
    if resume:
        write.go_on(schedule.samples(len(graphs), state.steps) if state is not None else 0)

    def how_far() -> str:
        if not (first and path.exists()):
            return ""
        kept = load_state(str(path), purpose, sum(value.size for value in start.parameters.values()))
        learned, total = schedule.samples(len(graphs), kept.steps), schedule.epochs * len(graphs)
        return f"{learned:,} of {total:,} architectures, as kept in {path}"

    started = time.perf_counter()
    with (
        console.resumable("train-gen", how_far),
        reporter.progress("train", schedule.epochs * len(graphs)) as update,
    ):

        def on_tick(tick: Tick) -> None:
            facts = {"loss": tick.loss, **tick.quality._asdict()}
            update(tick.samples, **{name: f"{value:.3f}" for name, value in facts.items()})
            write({"samples": tick.samples, **facts})

        def on_state(state: State) -> None:
            if _is_file(output):
                state.save(str(path), purpose)

        checkpoint = pretrain(
            space,
            graphs,
            seed,
            init=start,
            schedule=schedule,
            device=device,
            on_tick=on_tick,
            on_state=on_state,
            state=state,
            together=together,
        )
    if not first:
        return
    checkpoint.save(output)
    path.unlink(missing_ok=True)
    facts = checkpoint.facts
    reporter.note(
        f"{len(graphs):,} architectures of {space.name}, {schedule.epochs} times, {time.perf_counter() - started:.1f} s"
    )
    reporter.note(
        f"of 10,000 samples {100 * facts['validity']:.2f} % are valid, {100 * facts['uniqueness']:.1f} % of these "
        f"distinct, {100 * facts['novelty']:.1f} % of these new"
    )


def _adapt(
    files: Sequence[str] | None,
    start: Checkpoint | None,
    weight_by: str | None,
    predict: Sequence[str],
    minimize: bool | None,
    settings: Settings,
    seed: Seed,
    device: str,
    write: Log,
    reporter: console.Reporter,
) -> Checkpoint:
    """Learn from evaluated architectures."""
    import numpy as np  # noqa: PLC0415

    from agnet import streams  # noqa: PLC0415
    from agnet.generator.adaptation import adapt  # noqa: PLC0415
    from agnet.generator.checkpoint import Checkpoint, check_space  # noqa: PLC0415
    from agnet.metrics import direction  # noqa: PLC0415
    from agnet.surrogates.history import examples  # noqa: PLC0415

    name = ", ".join(files) if files else "stdin"
    wanted = list(dict.fromkeys([*([weight_by] if weight_by else []), *predict]))
    seen = examples(streams.read(files), wanted, name=name)
    start = start or Checkpoint.initial(seen.batch.space, seed)
    check_space(start, seen.batch.space.name, "--init")
    # A failed evaluation says nothing to learn from.
    usable = np.flatnonzero(np.isfinite(seen.y[:, :1] if weight_by else seen.y).any(axis=1))
    graphs, y = seen.batch.graphs.take(usable), seen.y[usable]
    started = time.perf_counter()
    with reporter.progress("train", settings.epochs) as update:

        def on_epoch(epoch: int, losses: Losses) -> None:
            facts = {"loss": losses.reconstruction} | ({"prediction_loss": losses.prediction} if predict else {})
            update(epoch, **{key: f"{value:.4f}" for key, value in facts.items()})
            write({"epoch": epoch, **facts})

        checkpoint = adapt(
            start,
            graphs,
            seed,
            rank_by=y[:, 0] if weight_by else None,
            maximize=not minimize if minimize is not None else direction(wanted[0]) == "maximize",
            metrics=predict,
            values=y[:, [wanted.index(metric) for metric in predict]] if predict else None,
            settings=settings,
            device=device,
            on_epoch=on_epoch,
        )
    failed = len(seen.y) - len(y)
    without = f", {failed:,} without a value left out" if failed else ""
    reporter.note(f"{len(y):,} architectures{without}, {settings.epochs} times, {time.perf_counter() - started:.1f} s")
    return checkpoint


def _condition(
    files: Sequence[str] | None,
    start: Checkpoint | None,
    metrics: Sequence[str],
    seed: Seed,
    device: str,
    write: Log,
    reporter: console.Reporter,
) -> Checkpoint:
    """Learn from evaluated architectures what can be asked for."""
    import numpy as np  # noqa: PLC0415

    from agnet import streams  # noqa: PLC0415
    from agnet.generator.autoregressive.adaptation import Settings, adapt  # noqa: PLC0415
    from agnet.generator.checkpoint import check_space, load  # noqa: PLC0415
    from agnet.surrogates.history import examples  # noqa: PLC0415

    metrics = list(dict.fromkeys(metrics))
    seen = examples(streams.read(files), metrics, name=", ".join(files) if files else "stdin")
    space = seen.batch.space
    start = start or load(space.name)
    check_space(start, space.name, "--init")
    if start.model != Model.autoregressive:
        raise InputError("--condition is for autoregressive generators, --init is AG-Net's")
    usable = np.flatnonzero(np.isfinite(seen.y).any(axis=1))
    graphs, y = seen.batch.graphs.take(usable), seen.y[usable]
    settings = Settings()
    started = time.perf_counter()
    with reporter.progress("train", settings.rounds) as update:

        def on_round(round_: int, loss: float) -> None:
            update(round_, loss=f"{loss:.4f}")
            write({"round": round_, "loss": loss})

        checkpoint = adapt(
            start, space, graphs, seed, metrics=metrics, values=y, settings=settings, device=device, on_round=on_round
        )
    failed = len(seen.y) - len(y)
    without = f", {failed:,} without a value left out" if failed else ""
    reporter.note(f"{len(y):,} architectures{without}, {time.perf_counter() - started:.1f} s")
    return checkpoint


def main(prog: str = "train-gen") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(train_gen, "train-gen"), prog)
