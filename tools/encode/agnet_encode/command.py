"""The command ``encode``."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from agnet.graphs import Graphs
    from agnet.seeds import Seed
    from agnet.spaces import Space
    from agnet.streams import Chunk

    Columns = Callable[[Space, Graphs], dict[str, pa.Array]]
    """What ``--as`` adds to architectures."""

_SIZES = ("params", "flops")
"""Kinds of columns that are one number, see :mod:`agnet.networks`; all others are encodings."""
_PARENTS = 4096
"""Architectures whose neighbours are made at once: there may be hundreds of each."""


def encode(
    files: console.Inputs = None,
    space: Annotated[
        str | None,
        typer.Option("--space", metavar="NAME", help="Search space; may be left out when records say theirs."),
    ] = None,
    encodings: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="KIND,...",
            help="Add encodings (onehot, adjacency, paths, features) or sizes (params, flops).",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option("--network", metavar="NAME,...", help="With --as params or flops: which network, see README."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Make all architectures of the space.")] = False,
    random: Annotated[
        int | None, typer.Option("--random", metavar="N", min=0, help="Make N random architectures, all different.")
    ] = None,
    replacement: Annotated[
        bool, typer.Option("--with-replacement", help="With --random: draw independently, so some may be equal.")
    ] = False,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Make those one edit away from each architecture that is read.")
    ] = False,
    seed: console.SeedOption = (0,),
    names: Annotated[
        bool, typer.Option("--names", help="With --as: print what each number of an encoding is, and stop.")
    ] = False,
    output: console.Output = "-",
    output_format: console.OutputFormat = None,
    on_error: console.OnErrorOption = console.OnError.fail,
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Make a stream of architectures, from any notation or from nothing.

    Reads architectures in any notation of their space, one a line - bare, as a JSON string or array, or as records
    with a column arch - and writes records with space, arch (in the canonical notation) and id (the same for cells
    that compute the same). Other columns pass through. With --all, --random or --neighbours it makes architectures
    instead; a neighbour says in parent where it comes from.

    Each encoding asked for with --as is one column, a list of numbers. params and flops are columns params_m and
    flops_m, millions of trainable parameters and of multiply-adds of the network that the architecture stands for.

    \b
    Examples:
      encode --space nb201 --all | wc -l
      encode --space nb201 --random 64 --seed 1 --as features -o start.parquet
      echo '(4, 3, 3, 0, 0, 0)' | encode --space nb201
      encode seen.jsonl --neighbours | query nb201/cifar10
      encode --space nb101 --all --as params,flops -o sizes.parquet
      encode --space nb301 --random 9 --as flops --network imagenet,channels=40
    """
    kinds = _kinds(encodings)
    if network is not None and not set(kinds) & set(_SIZES):
        raise InputError("--network goes with --as params or --as flops")
    if names:
        _print_names(_named(space), kinds)
        return
    adds = partial(_columns, kinds=kinds, network=network)
    reporter = console.Reporter("encode", quiet=quiet)
    if everything or random is not None:
        _reject(files, everything, random, neighbours)
        chunks = _made(_named(space), random, replacement, seed, adds)
    else:
        if replacement:
            raise InputError("--with-replacement goes with --random N")
        if neighbours and on_error is console.OnError.keep:
            raise InputError("--neighbours writes neighbours only, so it cannot keep wrong records: --on-error skip")
        if not files and sys.stdin is not None and sys.stdin.isatty():
            raise InputError("nothing to encode: pipe architectures in, name files, or use --all or --random N")
        chunks = _read(files, space, adds, neighbours, on_error, reporter)

    from agnet import streams  # noqa: PLC0415

    started = time.perf_counter()
    with streams.open_writer(output, output_format) as writer:
        for chunk in chunks:
            writer.write(chunk)
    reporter.note(f"{writer.rows:,} architectures, {time.perf_counter() - started:.2f} s")


def _kinds(text: str | None) -> list[str]:
    """The encodings and sizes that ``--as`` names."""
    if text is None:
        return []
    from agnet.encodings import KINDS  # noqa: PLC0415
    from agnet.names import nearest  # noqa: PLC0415

    known = (*KINDS, *_SIZES)
    kinds = list(dict.fromkeys(text.split(",")))
    for kind in kinds:
        if kind not in known:
            raise InputError(f"--as: no encoding is called {kind!r}{nearest(kind, known)}")
    return kinds


def _named(name: str | None) -> Space:
    from agnet import spaces  # noqa: PLC0415

    if name is None:
        raise InputError(f"name the space with --space; there are {', '.join(spaces.names())}")
    return spaces.get(name)


def _print_names(space: Space, kinds: Sequence[str]) -> None:
    from agnet.encodings import columns  # noqa: PLC0415

    if not kinds:
        raise InputError("--names goes with --as KIND")
    named = {kind: [_size_column(kind)] if kind in _SIZES else columns(space, kind) for kind in kinds}
    print("\n".join(f"{kind}\t{i}\t{name}" for kind, names in named.items() for i, name in enumerate(names)))


def _reject(files: Sequence[str] | None, everything: bool, random: int | None, neighbours: bool) -> None:
    """What cannot be asked for together."""
    making = "--all" if everything else "--random"
    other = next(
        (
            name
            for name, given in (
                ("--random", everything and random is not None),
                ("--neighbours", neighbours),
                (f"the file {next(iter(files or []), None)}", bool(files)),
            )
            if given
        ),
        None,
    )
    if other:
        raise InputError(f"{making} makes architectures by itself: leave out {other}")


def _made(space: Space, random: int | None, replacement: bool, seed: Seed, adds: Columns) -> Iterator[Chunk]:
    """All architectures of the space, or ``random`` of them."""
    from agnet import records, streams  # noqa: PLC0415
    from agnet.spaces import sampling  # noqa: PLC0415

    if random is None:
        if space.size is None:
            raise InputError(f"{space.name} is too large for --all; use --random N")
        graphs: Iterable[Graphs] = space.enumerate()
    elif replacement:
        graphs = _first(random, sampling.blocks(space, seed))
    else:
        graphs = sampling.distinct_blocks(space, random, seed)
    for block in graphs:
        yield streams.TableChunk(records.records(space, block)).set(adds(space, block))


def _first(n: int, blocks: Iterator[Graphs]) -> Iterator[Graphs]:
    """``n`` architectures of an endless supply."""
    while n:
        block = next(blocks)
        yield block.take(slice(0, n))
        n -= min(n, len(block))


def _columns(space: Space, graphs: Graphs, *, kinds: Sequence[str], network: str | None) -> dict[str, pa.Array]:
    """What ``kinds`` add to valid architectures, by column."""
    from agnet import arrow, encodings, networks  # noqa: PLC0415

    columns = {}
    for kind in kinds:
        if kind in _SIZES:
            size = getattr(networks, kind)(space, graphs, networks.parse(space, network or ""))
            columns[_size_column(kind)] = arrow.numbers(size / 1e6)
        else:
            columns[kind] = arrow.lists(encodings.encode(space, graphs, kind))
    return columns


def _size_column(kind: str) -> str:
    return f"{kind}_m"  # millions, as benchmarks have it


def _read(
    files: Sequence[str] | None,
    name: str | None,
    adds: Columns,
    neighbours: bool,
    on_error: str,
    reporter: console.Reporter,
) -> Iterator[Chunk]:
    """The architectures of a stream, or their neighbours."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    from agnet import records, spaces, streams  # noqa: PLC0415

    space = None if name is None else spaces.get(name)
    wrong = 0
    wanted = records.COLUMNS.append(pa.field("id", pa.string()))
    reader = streams.read(files, columns=wanted, on_error=on_error, plain="arch")
    for chunk in reader:
        chunk.columns(wanted)  # all at once: lines are parsed once
        if space is None:
            space = records.space_of(chunk)
        parsed = records.read(space, chunk)
        settled, rows = streams.settle(chunk, parsed.problems, "arch", on_error)
        good = ~np.isin(rows, list(parsed.problems))
        wrong += len(parsed.problems)
        graphs = parsed.graphs.take(rows[good])
        if neighbours:
            for start in range(0, len(graphs), _PARENTS):
                yield _neighbours(space, graphs.take(slice(start, start + _PARENTS)), adds)
        else:
            yield _canonical(space, settled, graphs, good, adds)
    if on_error == "skip" and wrong + reader.bad:
        reporter.note(f"{wrong + reader.bad:,} wrong records left out")
    elif wrong:
        reporter.note(f"{wrong:,} wrong records, see their column 'error'")


def _canonical(space: Space, chunk: Chunk, graphs: Graphs, good: NDArray[np.bool_], adds: Columns) -> Chunk:
    """The records with what belongs to their architectures, ``graphs``; only those that are ``good`` have one."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    from agnet import arrow, records  # noqa: PLC0415

    made = records.records(space, graphs)
    columns = {column: made[column].combine_chunks() for column in made.column_names} | adds(space, graphs)
    had = chunk.columns(pa.schema([made.schema.field(column) for column in made.column_names]))
    if not good.all():
        place = arrow.numbers(np.cumsum(good) - 1, null=~good)
        columns = {column: values.take(place) for column, values in columns.items()}
        for column in ("space", "arch"):  # what is wrong stays as it is written
            columns[column] = pc.coalesce(columns[column], had[column].combine_chunks())
    # What is right already is not written again: lines then stay as they are, byte for byte.
    same = [column for column in made.column_names if had[column].combine_chunks().equals(columns[column])]
    return chunk.set({column: values for column, values in columns.items() if column not in same})


def _neighbours(space: Space, graphs: Graphs, adds: Columns) -> Chunk:
    from agnet import arrow, records, streams  # noqa: PLC0415

    neighbours, rows = space.neighbours(graphs)
    parents = space.format(graphs).take(arrow.numbers(rows))
    return streams.TableChunk(records.records(space, neighbours)).set({"parent": parents} | adds(space, neighbours))


def main(prog: str = "encode") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(encode, "encode"), prog)
