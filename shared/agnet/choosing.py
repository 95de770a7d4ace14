"""An architecture as independent choices, which is what Optuna, Syne Tune, Ray Tune and their like search.

A choice has a name and a few texts to choose from. Any choices make an architecture of NAS-Bench-201 or of DARTS, and
every architecture is made by some. In NAS-Bench-101 not all edges make a cell: at most nine (Ying et al., ICML 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

from agnet import spaces
from agnet.errors import InputError
from agnet.names import nearest
from agnet.spaces import nb101_cells
from agnet.spaces.nb301 import darts

_NB201_EDGES = [(source, target) for target in range(1, 4) for source in range(target)]
_NO, _YES = "no", "yes"


def choices(space: str) -> dict[str, list[str]]:
    """The choices of a space: name to what there is to choose from.

    Raises:
        InputError: if there is no such space, or its architectures are not independent choices.
    """
    if space not in _SPACES:
        spaces.get(space)  # complains about what does not exist
        raise InputError(f"an architecture of {space} is no fixed number of choices; one of {', '.join(_SPACES)} is")
    return _SPACES[space][0]()


def assemble(space: str, chosen: Mapping[str, str]) -> str:
    """The architecture that is chosen, in the space's notation.

    Args:
        space: which.
        chosen: one text for each name of :func:`choices`.

    Raises:
        InputError: if a choice is missing, unknown or not one of its texts, or if no cell of NAS-Bench-101 is chosen.
    """
    offered = choices(space)
    for name in chosen:
        if name not in offered:
            raise InputError(f"{space} has no choice {name!r}{nearest(name, offered)}")
    for name, texts in offered.items():
        if name not in chosen:
            raise InputError(f"{space}: the choice {name!r} is missing")
        if chosen[name] not in texts:
            raise InputError(f"{space}: {name}: {chosen[name]!r} is not offered{nearest(str(chosen[name]), texts)}")
    return _SPACES[space][1](chosen)


def _nb201_choices() -> dict[str, list[str]]:
    operations = ["none", *spaces.get("nb201").operations]
    return {f"edge_{source}_{target}": operations for source, target in _NB201_EDGES}


def _nb201(chosen: Mapping[str, str]) -> str:
    nodes = [[f"{chosen[f'edge_{a}_{b}']}~{a}" for a, b in _NB201_EDGES if b == target] for target in range(1, 4)]
    return "+".join(f"|{'|'.join(node)}|" for node in nodes)


def _nb101_choices() -> dict[str, list[str]]:
    last = nb101_cells.MAX_VERTICES - 1
    edges = {f"edge_{source}_{target}": [_NO, _YES] for target in range(1, last + 1) for source in range(target)}
    return {**edges, **{f"vertex_{vertex}": list(nb101_cells.OPERATIONS) for vertex in range(1, last)}}


def _nb101(chosen: Mapping[str, str]) -> str:
    last = nb101_cells.MAX_VERTICES - 1
    sources = {
        target: [source for source in range(target) if chosen[f"edge_{source}_{target}"] == _YES]
        for target in range(1, last + 1)
    }
    # vertices that are not on a way from the input to the output are no part of the cell
    reached = {0}
    for target in range(1, last + 1):
        if reached & set(sources[target]):
            reached.add(target)
    live = {last} if last in reached else set()
    for target in range(last, 0, -1):
        if target in live:
            live.update(reached & set(sources[target]))
    edges = sum(len(live & set(sources[target])) for target in live if target)
    if not live or edges > nb101_cells.MAX_EDGES:
        said = f"{edges} edges, more than {nb101_cells.MAX_EDGES}" if live else "no way from the input to the output"
        raise InputError(f"nb101: these choices are no cell: {said}")
    number = {vertex: at for at, vertex in enumerate(sorted(live))}
    parts = [
        f"{'output' if vertex == last else chosen[f'vertex_{vertex}']}:"
        + "".join(str(number[source]) for source in sources[vertex] if source in live)
        for vertex in sorted(live - {0})
    ]
    return ",".join(parts)


def _nb301_choices() -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for cell in darts.CELLS:
        for node in range(darts.NODES):
            if node:  # the first has no choice
                made[f"{cell}_{node + 2}_inputs"] = [f"{a},{b}" for a, b in combinations(range(node + 2), 2)]
            made[f"{cell}_{node + 2}_first"] = made[f"{cell}_{node + 2}_second"] = list(darts.OPERATIONS)
    return made


def _nb301(chosen: Mapping[str, str]) -> str:
    concat = list(range(2, 2 + darts.NODES))
    parts = []
    for cell in darts.CELLS:
        edges = []
        for node in concat:
            a, b = map(int, chosen.get(f"{cell}_{node}_inputs", "0,1").split(","))
            edges += [(chosen[f"{cell}_{node}_first"], a), (chosen[f"{cell}_{node}_second"], b)]
        parts.append(f"{cell}={edges!r}, {cell}_concat={concat!r}")
    return f"Genotype({', '.join(parts)})"


_SPACES: dict[str, tuple[Callable[[], dict[str, list[str]]], Callable[[Mapping[str, str]], str]]] = {
    "nb101": (_nb101_choices, _nb101),
    "nb201": (_nb201_choices, _nb201),
    "nb301": (_nb301_choices, _nb301),
}
