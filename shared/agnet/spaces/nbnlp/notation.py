"""Every established notation of a NAS-Bench-NLP cell.

Besides the canonical recipe: recipes with any names and any order, as JSON; and NASLib's compact form (edges,
operations, hidden states), where the order of a node's edges is the order of its inputs.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from agnet import arrow
from agnet.spaces.nbnlp import recipes
from agnet.spaces.nbnlp.cells import (
    FEWEST_INPUTS,
    INPUT,
    INPUTS,
    MAX_HIDDEN,
    MAX_OPERATIONS,
    MOST_INPUTS,
    NODE_TYPES,
    OPERATIONS,
    Cells,
)

_LONGEST = 100_000
_FORM = (
    'write {"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {...}}, '
    "or NASLib's (edges, operations, hidden states)"
)
_HIDDEN = re.compile(r"h_new_(\d{1,9})", re.ASCII)
_Recipe = dict[str, tuple[str, list[str]]]
"""Operation and inputs of each node."""


class _NoCellError(Exception):
    """What is wrong with a text."""


def read(arch: pa.StringArray) -> tuple[Cells, dict[int, str]]:
    """Cells in the order of their text, size 0 in rows with a problem, and these problems by row."""
    cells, known = recipes.read(arch)
    problems: dict[int, str] = {}
    unknown = np.flatnonzero(~known)
    for array in (cells.ops, cells.operands, cells.sizes):
        array[unknown] = 0
    if not len(unknown):
        return cells, problems
    # Whatever is not written as recipes.write does is read once for each distinct string.
    rest = arch.take(arrow.numbers(unknown)).dictionary_encode()
    found = [_read(text) for text in rest.dictionary.to_pylist()]
    for row, code in zip(unknown.tolist(), rest.indices.to_pylist(), strict=True):
        result = "no architecture" if code is None else found[code]
        if isinstance(result, str):
            problems[row] = result
        else:
            _fill(cells, row, result)
    return cells, problems


def _fill(cells: Cells, row: int, recipe: _Recipe) -> None:
    """Write a checked recipe, its nodes in topological order, into a row of arrays."""
    places = {name: place for place, name in enumerate((*INPUTS, *recipe))}
    output = len(places)
    cells.sizes[row] = output + 1
    cells.ops[row, : len(INPUTS)] = INPUT
    for name, (op, inputs) in recipe.items():
        node = places[name]
        cells.ops[row, node] = NODE_TYPES.index(op)
        for number, source in enumerate(inputs, start=1):
            cells.operands[row, places[source], node] = number
        if match := _HIDDEN.fullmatch(name):
            cells.operands[row, node, output] = int(match[1]) + 1


def _read(text: str) -> _Recipe | str:
    """A recipe that keeps all rules, its nodes in topological order, or what is wrong."""
    try:
        value = _value(text)
        recipe = _from_compact(value) if isinstance(value, list) else _from_json(value)
        _check_inputs(recipe)
        _check_states(recipe)
        return _sorted(recipe)
    except _NoCellError as problem:
        return str(problem)


def _value(text: str) -> Any:
    json = text.strip()
    if not json:
        raise _NoCellError("no architecture")
    if len(json) > _LONGEST:
        raise _NoCellError(f"{_short(json)} is too long for a cell")
    if json[0] != "{":
        json = re.sub(r",\s*\]", "]", json.replace("(", "[").replace(")", "]"))
    try:
        value = orjson.loads(json)
    except orjson.JSONDecodeError:
        raise _NoCellError(f"{_short(text)} is not a cell: {_FORM}") from None
    if not isinstance(value, list | dict):
        raise _NoCellError(f"{_short(text)} is not a cell: {_FORM}")
    return value


def _from_json(value: dict[str, Any]) -> _Recipe:
    recipe: _Recipe = {}
    for name, node in value.items():
        if not isinstance(node, dict) or not isinstance(inputs := node.get("input"), list) or "op" not in node:
            raise _NoCellError(f"node {_short(name)} is not an object with 'op' and a list 'input': {_FORM}")
        if node["op"] not in OPERATIONS:
            raise _NoCellError(f"no operation is called {_short(str(node['op']))}; there are {', '.join(OPERATIONS)}")
        if name in INPUTS:
            raise _NoCellError(f"{name!r} is an input of the cell and cannot be a node")
        recipe[name] = (node["op"], [source if isinstance(source, str) else str(source) for source in inputs])
    return recipe


def _from_compact(value: list[Any]) -> _Recipe:
    if len(value) != 3 or not all(isinstance(part, list) for part in value):
        raise _NoCellError(f"three lists are needed: {_FORM}")
    edges, ops, hidden = value
    first = len(INPUTS)
    if ops[:first] != [0] * first:
        raise _NoCellError(f"the first {first} operations must be 0, the inputs {', '.join(INPUTS)}")
    known = range(1, len(OPERATIONS) + 1)
    for op in ops[first:]:
        if type(op) is not int or op not in known:
            raise _NoCellError(f"operation {_short(str(op))} is not 1 to {len(OPERATIONS)} ({', '.join(OPERATIONS)})")
    nodes = range(first, len(ops))
    if not all(type(node) is int and node in nodes for node in hidden) or len(set(hidden)) < len(hidden):
        raise _NoCellError(
            f"the hidden states {_short(str(hidden))} are not different nodes from {first} to {len(ops) - 1}"
        )
    names = [*INPUTS, *(f"node_{node}" for node in nodes)]
    for state, node in enumerate(sorted(hidden)):
        names[node] = f"h_new_{state}"
    recipe: _Recipe = {names[node]: (OPERATIONS[ops[node] - 1], []) for node in nodes}
    for edge in edges:
        if not isinstance(edge, list) or len(edge) != 2 or not all(type(end) is int for end in edge):
            raise _NoCellError(f"edge {_short(str(edge))} is not a pair of node numbers")
        if edge[0] not in range(len(ops)) or edge[1] not in nodes:
            raise _NoCellError(f"edge {_short(str(edge))} does not lead from one of {len(ops)} nodes to an operation")
        recipe[names[edge[1]]][1].append(names[edge[0]])
    return recipe


def _check_inputs(recipe: _Recipe) -> None:
    if len(recipe) > MAX_OPERATIONS:
        raise _NoCellError(f"{len(recipe)} nodes; this space has cells of up to {MAX_OPERATIONS}")
    for name, (op, inputs) in recipe.items():
        low, high = (int(limit[NODE_TYPES.index(op)]) for limit in (FEWEST_INPUTS, MOST_INPUTS))
        if not low <= len(inputs) <= high:
            needed = f"{low}" if low == high else f"{low} or {high}"
            raise _NoCellError(f"node {_short(name)}: {op} has {needed} inputs, not {len(inputs)}")
        for source in inputs:
            if source not in recipe and source not in INPUTS:
                raise _NoCellError(
                    f"node {_short(name)} has the input {_short(source)}, which is neither a node nor an input"
                )
        if len(set(inputs)) < len(inputs):
            raise _NoCellError(f"node {_short(name)} has one input twice; a graph cannot express that")
        if "x" in inputs and op != "linear":
            raise _NoCellError(f"node {_short(name)}: {op} cannot take x, whose width may not be that of the states")


def _check_states(recipe: _Recipe) -> None:
    states = sorted(int(match[1]) for name in recipe if (match := _HIDDEN.fullmatch(name)))
    names = ", ".join(recipes.HIDDEN)
    if not 1 <= len(states) <= MAX_HIDDEN or states != list(range(len(states))):
        raise _NoCellError(f"the new hidden states must be the first of {names}, at least one, each once")
    used = {source for _, inputs in recipe.values() for source in inputs}
    for number, name in enumerate(INPUTS[1:]):
        if name in used and number >= len(states):
            raise _NoCellError(f"{name} is used, but there is no h_new_{number}")
    for name in recipe:
        if name not in used and not _HIDDEN.fullmatch(name):
            raise _NoCellError(f"node {_short(name)} leads to no hidden state")


def _sorted(recipe: _Recipe) -> _Recipe:
    """The recipe with every node behind its inputs."""
    result: _Recipe = {}
    waiting = recipe
    while waiting:
        ready = {name: node for name, node in waiting.items() if all(s in result or s in INPUTS for s in node[1])}
        if not ready:
            raise _NoCellError(f"node {_short(next(iter(waiting)))} depends on itself")
        result |= ready
        waiting = {name: node for name, node in waiting.items() if name not in ready}
    return result


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
