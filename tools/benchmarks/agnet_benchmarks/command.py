"""The command ``benchmarks``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError

if TYPE_CHECKING:
    from agnet.benchmarks.sources import File, Source

_TOOL = "benchmarks"
Name = Annotated[str, typer.Argument(metavar="NAME", help="What to import, such as nb101, or its benchmark.")]


def benchmarks(version: console.Version = False) -> None:
    """Get the data of benchmarks: what there is, official files, their import.

    Some benchmarks come with the installation. The others are imported once from the file that their project
    publishes: into one table in the cache folder ($AGNET_CACHE, or the user's), which 'query' and 'search' map into
    memory in milliseconds. The official file is not needed after that. Nothing in a file is run.

    \b
    Examples:
      benchmarks list
      benchmarks fetch nb101 && benchmarks import nb101 nasbench_only108.tfrecord
      encode --space nb101 --random 5 | query nb101
    """


def list_(output: console.Output = "-", output_format: console.OutputFormat = None) -> None:
    """Show all benchmarks: metrics, size, source, and how to get what is missing.

    The same as 'query --list'. With --format or -o one record for each metric.

    \b
    Examples:
      benchmarks list
      benchmarks list --format jsonl | jq -r 'select(.missing == null) | .benchmark' | uniq
    """
    from agnet.benchmarks import catalogue  # noqa: PLC0415

    if output == "-" and output_format is None:
        print(catalogue.text())
        return
    from agnet import streams  # noqa: PLC0415

    with streams.open_writer(output, output_format) as writer:
        writer.write(streams.TableChunk(catalogue.table()))


def info(name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark, or what is imported.")]) -> None:
    """Show everything about one benchmark: every metric, the official files, what was imported.

    \b
    Example:
      benchmarks info nb101
    """
    from agnet import benchmarks as known  # noqa: PLC0415
    from agnet.benchmarks import catalogue, sources  # noqa: PLC0415

    parts = []
    if name.startswith(known.FILE):
        parts.append(catalogue.describe(known.load(name)))
    elif name in (*known.names(), *known.open_names()):
        parts.append(catalogue.describe(known.get(name)))
    needed = [source for source in map(sources.get, sources.names()) if name == source.name or name in source.feeds]
    parts += [_describe(source) for source in needed]
    if not parts:
        known.get(name)  # says which names are near
    print("\n\n".join(parts))


def _describe(source: Source) -> str:
    from agnet.benchmarks import sources, store  # noqa: PLC0415

    lines = [
        f"import {source.name}: {source.title}",
        f"  page:   {source.page}",
        f"  takes:  {source.takes}",
        f"  for:    {', '.join(source.feeds)}",
    ]
    for file in source.files:
        lines.append(f"  file:   {file.name}{f', about {file.bytes / 1e6:,.0f} MB' if file.bytes else ''}")
        lines += [f"          {fact}" for fact in (file.address, file.sha256 and f"sha256 {file.sha256}") if fact]
    imported = store.describe(source.name)
    if imported is None:
        return "\n".join([*lines, "  state:  not imported"])
    lines.append(f"  state:  {imported.rows:,} rows, {imported.bytes / 1e6:,.1f} MB, {imported.path}")
    for original in imported.originals:
        known = sources.official(original, source.files)
        lines.append(
            f"          from {original.file}, sha256 {original.sha256}{', the official file' if known else ''}"
        )
    return "\n".join(lines)


def fetch(
    name: Name,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Which official file; by default the first.")
    ] = None,
    folder: Annotated[Path, typer.Option("-d", "--directory", metavar="DIR", help="Where it goes.")] = Path(),
    quiet: console.Quiet = False,
) -> None:
    """Download an official file and check its digest.

    A download that was interrupted goes on where it stopped (its part is FILE.part). A file that is there already is
    checked, not downloaded, and never overwritten.

    \b
    Examples:
      benchmarks fetch nb101
      benchmarks fetch nb101 --file nasbench_full.tfrecord -d /data
    """
    from agnet.benchmarks import download, sources  # noqa: PLC0415

    source = sources.get(name)
    chosen = _choose(source, file)
    reporter = console.Reporter(_TOOL, quiet=quiet)
    reporter.note(f"{chosen.name} from {chosen.address}")
    with reporter.progress(chosen.name, chosen.bytes) as update:
        path = download.fetch(chosen, folder, lambda done, total: update(done))
    checked = "its digest is right" if chosen.sha256 else "its project publishes no digest, so it was not checked"
    reporter.note(f"{path}: {path.stat().st_size:,} bytes, {checked}")
    print(path)


def _choose(source: Source, name: str | None) -> File:
    files = [file for file in source.files if file.address]
    if not files:
        raise InputError(f"{source.name} cannot be downloaded by a program: get it from {source.page} with a browser")
    found = next((file for file in files if name in (None, file.name)), None)
    if found is None:
        raise InputError(f"{source.name} has no file {name!r}; there are {', '.join(file.name for file in files)}")
    return found


def import_(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The official file or folder.", show_default=False)],
    quiet: console.Quiet = False,
) -> None:
    """Read an official file into the cache folder, in place of what was imported under this name before.

    The whole file is checked. If anything is wrong with it, nothing is imported and one line says what.

    \b
    Examples:
      benchmarks import nb101 nasbench_only108.tfrecord
      benchmarks import nb201 NAS-Bench-201-v1_1-096897.pth
    """
    from agnet.benchmarks import sources  # noqa: PLC0415

    if file.is_char_device() or file.is_block_device():  # which may have no end
        raise InputError(f"{file}: is a device")
    reporter = console.Reporter(_TOOL, quiet=quiet)
    started = time.perf_counter()
    with reporter.progress(f"reading {file.name}", None) as update:
        imported = sources.bring_in(name, file, lambda done, total: update(done, of=f"{total:,}"))
    official = sources.official(imported.originals[0], sources.get(name).files)
    reporter.note(
        f"{imported.name}: {imported.rows:,} rows in {imported.path}, {imported.bytes / 1e6:,.1f} MB, "
        f"{time.perf_counter() - started:.1f} s{f'; this is the official {official.name}' if official else ''}"
    )


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="What was imported; by default all of it.")
    ] = None,
) -> None:
    """Read imported tables and compare them with the digests that they were given.

    \b
    Example:
      benchmarks verify
    """
    from agnet.benchmarks import sources, store  # noqa: PLC0415

    wanted = [sources.get(name).name for name in names or []]
    for name in wanted or [name for name in sources.names() if store.find(name)]:
        imported = store.verify(name)
        print(f"{name}: {imported.rows:,} rows, unchanged since {imported.originals[0].file} was imported")


def remove(name: Name) -> None:
    """Delete what was imported under a name.

    \b
    Example:
      benchmarks remove nb101
    """
    from agnet.benchmarks import sources, store  # noqa: PLC0415

    source = sources.get(name)
    if not store.find(source.name):
        raise InputError(f"nothing was imported as {source.name}")
    freed = store.remove(source.name)
    console.Reporter(_TOOL).note(f"{source.name}: {freed / 1e6:,.1f} MB removed")


def main(prog: str = _TOOL) -> NoReturn:
    """Run the command as a process."""
    console.run(console.group(benchmarks, (list_, info, fetch, import_, verify, remove), _TOOL), prog)
