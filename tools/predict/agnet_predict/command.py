"""The command ``predict``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from agnet.search.acquisition import Acquisition
    from agnet.seeds import Seed
    from agnet.streams import Chunk
    from agnet.surrogates import Inputs, Prediction, Surrogate
    from agnet.surrogates.fitted import Fitted
    from agnet.surrogates.history import Examples


def predict(
    files: console.Inputs = None,
    seen: Annotated[
        str | None, typer.Option("--fit", metavar="SEEN", help="Learn from these evaluated architectures.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FILE", help="Use what --save wrote, or the predictor in a generator's file."),
    ] = None,
    surrogate: Annotated[
        str | None,
        typer.Option(
            "--surrogate",
            metavar="NAME",
            help="What learns: gp, bayes, xgb, xgb-rank, mlp, ensemble or gnn.  [default: gp]",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Metric to predict; may be given often.  [default: val_acc]"),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="NAME,...",
            help="What it reads: onehot, adjacency, paths, features.  [default: features]",
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option("--generator", metavar="CKPT", help="What it reads: this generator's scores for the latent."),
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="COLUMN",
            help="Numeric column that it reads besides, such as a zero-cost score; may be given often.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option("--top", min=1, metavar="K", help="Keep the K best by the first metric's prediction, best first."),
    ] = None,
    acquisition: Annotated[
        str | None,
        typer.Option(
            "--acquisition", metavar="NAME", help="What --top goes by: mean, ei, ucb or thompson.  [default: mean]"
        ),
    ] = None,
    minimize: Annotated[
        bool | None,
        typer.Option("--minimize/--maximize", help="What is better for --top; by default as the metric's name says."),
    ] = None,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Write what was learned, for --model.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Say on stderr how well it predicts, by cross-validation on SEEN.")
    ] = False,
    seed: console.SeedOption = (0,),
    output: console.Output = "-",
    output_format: console.OutputFormat = None,
    on_error: console.OnErrorOption = console.OnError.fail,
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Add cheap predictions of metrics, learned from evaluated architectures.

    Learns from the records of SEEN (those that have the metric; failed evaluations are ignored), then reads
    architectures and writes them on with a column pred_<metric>, and pred_<metric>_std where the surrogate knows how
    sure it is. With --top only the K most promising go on, however long the stream is: those with the best prediction,
    or with the largest expected improvement over the best of SEEN (--acquisition ei), upper confidence bound (ucb) or
    draw from the prediction (thompson).

    With --save or --report and no FILE, nothing is read from a terminal: there need be nothing to predict.

    \b
    Examples:
      encode --space nb201 --all | predict --fit seen.jsonl --top 16 | query nb201/cifar10
      predict --fit seen.jsonl --surrogate mlp --report
      predict scored.jsonl --fit seen.jsonl --feature synflow --top 16 --acquisition ei
      predict --fit seen.jsonl --metric val_acc --metric latency_ms --save both.safetensors
      predict --model both.safetensors candidates.parquet -o predicted.parquet
    """
    from agnet import records, streams  # noqa: PLC0415
    from agnet.metrics import direction  # noqa: PLC0415
    from agnet.surrogates import predicting  # noqa: PLC0415

    reporter = console.Reporter("predict", quiet=quiet)
    if (seen is None) == (model is None):
        raise InputError("give either --fit SEEN to learn from or --model FILE to use")
    if seen is not None:
        inputs = _inputs(encoding, generator, feature)
        fitted = _learn(seen, surrogate or "gp", inputs, metric or ["val_acc"], seed, report, reporter)
    else:
        if surrogate or encoding or generator or feature or save or report:
            raise InputError(
                "--surrogate, --encoding, --generator, --feature, --save and --report go with --fit, not with --model"
            )
        fitted = _load(str(model), metric)
    kind = _acquisition(acquisition, top, fitted)
    if save is not None:
        _save(fitted, save)
    if not files and (report or save is not None) and (sys.stdin is None or sys.stdin.isatty()):
        return
    if minimize is None:
        minimize = direction(fitted.metrics[0]) == "minimize"
    best = None if top is None else streams.Top(top)
    started = time.perf_counter()
    reader = streams.read(files, columns=records.COLUMNS, on_error=on_error)
    with streams.open_writer(output, output_format) as writer:
        for chunk in reader:
            known, prediction = predicting.predict(fitted, chunk, on_error)
            if best is None:
                writer.write(predicting.add(fitted, known, prediction))
            else:
                best.add(known, _worth(fitted, known, prediction, kind, minimize, seed))
        if best is not None and (chosen := best.best()) is not None:
            # Predicted once more, instead of written into every record that does not get here.
            writer.write(predicting.add(fitted, *predicting.predict(fitted, chosen, on_error)))
    reporter.note(f"{reader.records:,} records, {time.perf_counter() - started:.2f} s")


def _acquisition(name: str | None, top: int | None, fitted: Fitted) -> Acquisition:
    if name is None:
        return "mean"
    from agnet.search import acquisition  # noqa: PLC0415
    from agnet.surrogates import Surrogate  # noqa: PLC0415

    if top is None:
        raise InputError("--acquisition says what --top goes by; give --top K")
    kind = acquisition.of(name)
    if kind != "mean" and not isinstance(fitted.surrogate, Surrogate):
        raise InputError(f"--acquisition {name} needs a spread, which a generator's predictor does not give")
    return kind


def _worth(
    fitted: Fitted, chunk: Chunk, prediction: Prediction, acquisition: Acquisition, minimize: bool, seed: Seed
) -> NDArray[np.floating]:
    """[n] how much each record is worth a query by the first metric."""
    mean = prediction.mean[:, 0]
    if minimize:
        mean = -mean
    if acquisition == "mean":
        return mean
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    from agnet.search.acquisition import independent  # noqa: PLC0415
    from agnet.seen import hashes  # noqa: PLC0415

    assert prediction.std is not None
    least, most = fitted.ranges[fitted.metrics[0]]
    keys = hashes(chunk.column("arch", pa.string()).fill_null(""))
    std = prediction.std[:, 0].astype(np.float64)
    return independent(acquisition, mean.astype(np.float64), std, -least if minimize else most, keys, seed)


def _inputs(encoding: str | None, generator: str | None, columns: list[str] | None) -> Inputs:
    from agnet.surrogates import Inputs  # noqa: PLC0415

    names = tuple(dict.fromkeys(columns or ()))
    if generator is None:
        return Inputs(tuple(encoding.split(",")), columns=names) if encoding else Inputs(columns=names)
    from agnet.generator import checkpoint  # noqa: PLC0415

    return Inputs(tuple(encoding.split(",")) if encoding else (), checkpoint.load(generator), names)


def _learn(
    path: str, name: str, inputs: Inputs, metrics: list[str], seed: Seed, report: bool, reporter: console.Reporter
) -> Fitted:
    from functools import partial  # noqa: PLC0415

    from agnet import streams, surrogates  # noqa: PLC0415
    from agnet.surrogates.fitted import fit  # noqa: PLC0415
    from agnet.surrogates.history import examples  # noqa: PLC0415

    make = partial(surrogates.make, name, inputs)
    surrogate = make()
    started = time.perf_counter()
    history = examples(
        streams.read([path]),
        metrics,
        name="stdin" if path == "-" else path,
        latent_length=inputs.latent_length,
        columns=inputs.columns,
    )
    if report:
        _report(make, history, seed)
    fitted = fit(surrogate, history.batch, history.metrics, history.y, seed=seed)
    learned = f"{name} learned {', '.join(fitted.metrics)} from {len(history.batch):,} records"
    reporter.note(f"{learned}, {time.perf_counter() - started:.2f} s")
    return fitted


def _report(make: Callable[[], Surrogate], history: Examples, seed: Seed) -> None:
    """Print how well a surrogate predicts, a line a metric."""
    from agnet.surrogates.validation import cross_validate  # noqa: PLC0415

    for metric, quality in zip(history.metrics, cross_validate(make, history.batch, history.y, seed=seed), strict=True):
        facts = {
            "Kendall tau": quality.kendall,
            "Spearman": quality.spearman,
            "R2": quality.r2,
            "RMSE": quality.rmse,
        }
        numbers = ", ".join(f"{name} {fact[0]:.3g} ± {fact[1]:.1g}" for name, fact in facts.items() if fact)
        splits = f"{quality.records} records, {quality.folds} folds, {quality.repeats} times"
        console.Reporter("predict").note(f"{metric}: {numbers} ({splits})")  # asked for, so not silenced


def _load(model: str, metrics: list[str] | None) -> Fitted:
    from agnet.surrogates.files import load  # noqa: PLC0415

    return load(model).select(metrics)


def _save(fitted: Fitted, path: str) -> None:
    from agnet.surrogates.files import save  # noqa: PLC0415

    save(fitted, path)


def main(prog: str = "predict") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(predict, "predict"), prog)
