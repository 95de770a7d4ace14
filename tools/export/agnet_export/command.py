"""The command ``agnet export``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agnet import console
from agnet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agnet.graphs import Graphs
    from agnet.spaces import Space


class Kind(StrEnum):
    """What kind of program."""

    pt2 = "pt2"
    onnx = "onnx"


def export(
    files: console.Inputs = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Write here, whole or not at all.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--format", help="Kind of program; else by the ending of -o.")] = None,
    space: Annotated[
        str | None,
        typer.Option("--space", metavar="NAME", help="Search space; may be left out when the record says it."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network", metavar="NAME,...", help="Which network around the cells, such as cifar100,classes=7."
        ),
    ] = None,
    seed: console.SeedOption = (0,),
    quiet: console.Quiet = False,
    version: console.Version = False,
) -> None:
    """Write the network of the first architecture that is read as a program.

    The program is PyTorch's (torch.export, .pt2) or ONNX (.onnx). It takes batches of images and gives scores, in
    evaluation mode; its weights are untrained, drawn by --seed as the benchmark of the space draws them. A recurrent
    cell becomes one step of its language model: tokens and states to scores and new states.

    \b
    Examples:
      encode --space nb201 --random 1 | agnet export -o cell.pt2
      echo '(4, 3, 3, 0, 0, 0)' | agnet export --space nb201 --network cifar10,classes=7,image=64 -o cell.onnx
      agnet export best.jsonl --network imagenet -o best.pt2
    """
    if output is None:
        raise InputError("say with -o where the program goes, such as -o network.pt2")
    chosen = kind or Path(output).suffix.removeprefix(".").lower()
    if chosen not in list(Kind):
        raise InputError(f"{output}: its ending is not .pt2 or .onnx; say with --format which of the two it shall be")
    space_, graphs = _first(files, space)

    from agnet import networks  # noqa: PLC0415

    settings = networks.parse(space_, network or "")  # before PyTorch is loaded, for what may be wrong with it

    import torch  # noqa: PLC0415

    from agnet.files import write_whole  # noqa: PLC0415
    from agnet.networks.export import for_inference, serialise  # noqa: PLC0415
    from agnet.seeds import integer  # noqa: PLC0415

    settings = for_inference(settings)
    torch.manual_seed(integer(seed, "export"))
    content = serialise(networks.build(space_, graphs, settings), settings, str(chosen))
    write_whole(output, content)
    sizes = [f(space_, graphs, settings)[0] / 1e6 for f in (networks.params, networks.flops)]
    console.Reporter("agnet export", quiet=quiet).note(
        f"{sizes[0]:,.2f} million parameters, {sizes[1]:,.2f} million multiply-adds, {len(content) / 1e6:,.1f} MB"
    )


def _first(files: Sequence[str] | None, name: str | None) -> tuple[Space, Graphs]:
    """The first architecture of a stream."""
    from agnet import records, spaces, streams  # noqa: PLC0415

    chunk = next(iter(streams.read(files, columns=records.COLUMNS, plain="arch", rows=1)), None)
    if chunk is None or not len(chunk):
        raise InputError("nothing to export: the input has no architecture")
    space = records.space_of(chunk) if name is None else spaces.get(name)
    parsed = records.read(space, chunk)
    streams.settle(chunk, parsed.problems, "arch", "fail")
    return space, parsed.graphs.take(slice(0, 1))


def main(prog: str = "agnet export") -> NoReturn:
    """Run the command as a process."""
    console.run(console.command(export, "export"), prog)
