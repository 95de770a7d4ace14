"""What all commands share: options, error messages, progress, exit statuses.

Imported by every tool before it knows what it will do, so nothing heavy is imported at the top: ``--help`` answers in a
tenth of a second.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agnet import __version__
from agnet.errors import UNNAMEABLE, AgnetError
from agnet.names import nearest

if TYPE_CHECKING:
    from rich.progress import Progress

    from agnet.engines import Setup
    from agnet.seeds import Seed

# Matrices are small here: threads within one product would only wait for each other. Has to be said before NumPy comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TOOLS = ("encode", "train-gen", "generate", "predict", "query", "search", "benchmarks", "plot", "export")


class Format(StrEnum):
    """Formats that streams are written in."""

    jsonl = "jsonl"
    arrow = "arrow"
    parquet = "parquet"


class EngineKind(StrEnum):
    """Where evaluations run."""

    local = "local"
    ray = "ray"


class OnError(StrEnum):
    """What becomes of a record that is wrong."""

    fail = "fail"
    skip = "skip"
    keep = "keep"


def _seed(value: str | Seed) -> Seed:
    from agnet.seeds import parse_seed  # noqa: PLC0415 - NumPy

    # A default comes as the tuple that it is.
    return parse_seed(value) if isinstance(value, str) else value


# Options that several tools have, declared once so that they look and read the same everywhere.
Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="JSON lines, Arrow or Parquet, told apart by content; '-' or none: stdin."),
]
Output = Annotated[
    str,
    typer.Option("-o", "--output", metavar="FILE", help="Write here, whole or not at all; '-' is stdout."),
]
OutputFormat = Annotated[
    Format | None,
    typer.Option("--format", help="Output format; else by the ending of -o, else $AGNET_FORMAT, else JSON lines."),
]
OnErrorOption = Annotated[
    OnError,
    typer.Option(
        "--on-error", help="A wrong record: stop (fail), leave it out (skip), or pass it with an 'error' column."
    ),
]
SeedOption = Annotated[
    Any,  # a Seed; typer would take a tuple for an option of several values
    typer.Option(
        "--seed",
        parser=_seed,
        metavar="N[:M...]",
        show_default="0",
        help="Random seed: an integer, or several joined by colons.",
    ),
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="NAME=VALUE", help="An option of a benchmark such as cmd:PROGRAM; may be given often."
    ),
]
Retries = Annotated[
    int, typer.Option("--retries", metavar="N", min=0, help="Ask again so often where an evaluation failed.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="WHAT", help="Images of a benchmark such as train: digits, or a path; see its page."
    ),
]
EngineOption = Annotated[
    EngineKind | None,
    typer.Option("--engine", help="Evaluate in processes of this machine, or on a Ray cluster.  [default: local]"),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Evaluations at a time; by default one a core of the engine."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="HOST:PORT", help="Of the Ray cluster; by default $RAY_ADDRESS, else one is started here."
    ),
]
Gpus = Annotated[
    float | None, typer.Option("--gpus-per-eval", metavar="F", min=0, help="GPUs of an evaluation: 0.25, 1, 2, ...")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="S", min=0, help="End an evaluation that takes longer, in seconds.")
]
ProgressLines = Annotated[
    bool, typer.Option("--progress", help="Without a terminal, say once a minute how far it is (on stderr).")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No counts and no progress on stderr.")]


def setup(
    kind: EngineKind | None, workers: int | None, address: str | None, gpus: float | None, timeout: float | None
) -> Setup | None:
    """The engine that the options ask for, see :meth:`agnet.engines.Setup.of`."""
    from agnet.engines import Setup  # noqa: PLC0415 - few need it

    return Setup.of(kind.value if kind else None, workers, address, gpus, timeout)


class Reporter:
    """Counts, warnings and progress, all on stderr; a progress bar only on a terminal."""

    def __init__(self, tool: str, *, quiet: bool = False, lines: bool = False) -> None:
        """``lines``: without a terminal, a line of progress a minute."""
        self.tool = tool
        self.quiet = quiet
        self._lines = lines

    def note(self, message: str) -> None:
        """A line about what was done; silenced by ``--quiet``."""
        if not self.quiet:
            print(f"{self.tool}: {message}", file=sys.stderr, flush=True)

    def warn(self, message: str) -> None:
        """A line that the user should see even with ``--quiet``."""
        print(f"{self.tool}: warning: {message}", file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, description: str, total: float | None) -> Iterator[Callable[..., None]]:
        """Yield ``update(done, **facts)``: ``done`` of ``total``, facts such as ``loss="0.21"`` shown beside the bar.

        Without a terminal it shows nothing, or a line a minute if that was asked for.
        """
        if not sys.stderr.isatty() and self._lines:
            yield _Lines(self, description, total)
            return
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, **facts: None
            return
        from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        with Progress(
            *columns, TextColumn("{task.fields[facts]}"), console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task(description, total=total, facts="")
            yield lambda done, **facts: _update(bar, task, done, facts)


class _Lines:
    """Progress for logs: how far, how fast, how long still, a line a minute and one at the start."""

    def __init__(self, reporter: Reporter, description: str, total: float | None) -> None:
        self._reporter, self._description, self._total = reporter, description, total
        self._started = self._last = time.monotonic()
        self._first = True

    def __call__(self, done: float, **facts: object) -> None:
        now = time.monotonic()
        if not self._first and now - self._last < _LINE_EVERY:
            return
        self._first, self._last = False, now
        spent = now - self._started
        parts = [f"{done:g}" + (f" of {self._total:g}" if self._total else ""), f"{spent:.0f} s"]
        if done and spent:
            still = f", about {(self._total - done) * spent / done:.0f} s to go" if self._total else ""
            parts.append(f"{spent / done:.2g} s each{still}")
        parts += [f"{name} {value}" for name, value in facts.items() if name != "curve"]
        print(f"{self._reporter.tool}: {self._description}: {', '.join(parts)}", file=sys.stderr, flush=True)


_LINE_EVERY = 60.0
"""Seconds."""


def _update(bar: Progress, task: Any, done: float, facts: dict[str, object]) -> None:
    bar.update(
        task, completed=done, facts="  ".join(f"{name} {value}".removeprefix("curve ") for name, value in facts.items())
    )


def _print_version(value: bool) -> None:
    if value:
        print(f"agnet {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
]


def command(function: Callable[..., None], name: str) -> typer.Typer:
    """``function`` as the command ``name``; its docstring is the manual page."""
    app = _app(name)
    app.command(name=name)(_without_pandas(function))
    return app


def group(about: Callable[..., None], functions: Sequence[Callable[..., None]], name: str) -> typer.Typer:
    """The command ``name`` with a sub-command for each function; ``about`` has its manual page and own options."""
    app = _app(name)
    app.callback()(about)
    for function in functions:
        # A keyword or a built-in is a function with an underscore behind it: list_, import_.
        app.command(name=function.__name__.rstrip("_").replace("_", "-"))(_without_pandas(function))
    return app


def _app(name: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        add_completion=True,
        no_args_is_help=True,
        rich_markup_mode=None,  # rich costs a tenth of a second before the first character of --help
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _without_pandas(function: Callable[..., None]) -> Callable[..., None]:
    """``function``, but before it begins pyarrow is told that there is no pandas.

    It would load it at the first array that it makes, wherever it is installed: a third of a second for nothing. When
    something asks for pandas itself, as ``to_pandas`` does, it is still there.
    """

    class Hidden(MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname == "pandas":
                raise ModuleNotFoundError(fullname)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> None:
        if "pandas" not in sys.modules:
            import pyarrow as pa  # noqa: PLC0415 - heavy

            hidden = Hidden()
            sys.meta_path.insert(0, hidden)
            try:
                pa.array([])
            finally:
                sys.meta_path.remove(hidden)
        function(*args, **kwargs)

    return call


@contextmanager
def resumable(tool: str, how_far: Callable[[], str]) -> Iterator[None]:
    """After Ctrl-C or SIGTERM say how far it came, if that is on disk: ``how_far`` gives "" where there is nothing."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        interrupted = isinstance(stop, KeyboardInterrupt) or stop.code == 128 + signal.SIGTERM
        if interrupted and (told := how_far()):
            print(f"{tool}: interrupted after {told}; the same command with --resume goes on", file=sys.stderr)
        raise


def run(app: typer.Typer, tool: str) -> NoReturn:
    """Run ``app`` as a process: errors become one line and a status, a closed pipe ends quietly, Ctrl-C is 130."""
    # Ctrl-C and a polite kill unwind the stack, so temporary files go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not sys.warnoptions:  # a library's words to programmers, such as those of NumPy over a number out of range
        warnings.simplefilter("ignore")
    try:
        done = app(prog_name=tool, standalone_mode=False)  # what --version and --help end with, or nothing
        status: int | str | None = done if isinstance(done, int) else 0
    except SystemExit as stop:
        # Typer makes status 1 of a closed pipe before it can be seen here.
        status = 0 if isinstance(stop.__context__, BrokenPipeError) else stop.code
    except AgnetError as error:
        print(f"{tool}: {error}", file=sys.stderr)
        status = error.exit_status
    except BrokenPipeError:
        status = 0
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{tool}: {AgnetError(f'{where}{error.strerror or error}')}", file=sys.stderr)
        status = 2 if error.errno in UNNAMEABLE else 1
    except MemoryError:
        print(f"{tool}: out of memory; use smaller inputs or fewer candidates", file=sys.stderr)
        status = 1
    except Exception as error:
        # Typer's own errors, whose class is not at the same place in every release; everything else is a bug.
        if not hasattr(error, "format_message"):
            raise
        status = _wrong_usage(tool, error)
    try:
        if sys.stdout is not None:  # `tool >&-`
            sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter would flush again on exit and complain: give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{tool}: stdout: {error.strerror}", file=sys.stderr)
        status = 1
    sys.exit(status)


def _wrong_usage(tool: str, error: Any) -> int:
    """What is wrong with the command line, as one line; no arguments at all are answered with the manual page."""
    message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    context = getattr(error, "ctx", None)
    if not message or type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        path = context.command_path if context is not None else tool
        print(f"{tool}: {message[0].lower()}{message[1:]}; '{path} --help' tells more", file=sys.stderr)
    return int(error.exit_code)


def agnet() -> NoReturn:
    """``agnet TOOL ...``: the same commands as sub-commands."""
    tool = next(iter(sys.argv[1:]), "")
    if tool in TOOLS:
        del sys.argv[1]
        import_module(f"agnet_{tool.replace('-', '_')}.command").main(prog=f"agnet {tool}")
    if tool == "--version":
        print(f"agnet {__version__}")
        sys.exit(0)
    usage = f"Usage: agnet TOOL [OPTION]...\n\nTools: {', '.join(TOOLS)}. 'agnet TOOL --help' tells more."
    if tool in ("-h", "--help"):
        print(usage)
        sys.exit(0)
    print(f"agnet: no tool is called {tool!r}{nearest(tool, TOOLS)}" if tool else usage, file=sys.stderr)
    sys.exit(2)
