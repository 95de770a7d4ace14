"""Every established notation of a DARTS architecture.

Besides genotypes: NASLib's compact form, two lists of eight (input, operation number); and NAS-Bench-301's
configuration, a JSON object with keys such as ``NetworkSelectorDatasetInfo:darts:edge_normal_3`` (YAHPO Gym writes
``_COLON_`` for the colon), or a whole result file that contains one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.spaces.nb301 import genotypes
from agnet.spaces.nb301.darts import CELLS, CONCAT, FIRST_EDGE, INPUTS, NODES, NUM_CODES, OPERATIONS, OPS

_LONGEST = 100_000
_FORM = (
    "write Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5], reduce=[...], "
    "reduce_concat=[2, 3, 4, 5]), NASLib's two lists of eight (input, operation), or a NAS-Bench-301 configuration"
)
_KEY = re.compile(r"NetworkSelectorDatasetInfo(?::|_COLON_)darts(?::|_COLON_)(edge|inputs_node)_(normal|reduce)_(\d+)")
_Cell = list[tuple[str, int]]
"""(operation, input) of a cell's eight operations, two a node."""


_KEYWORD = re.compile(r"(normal|reduce)(_concat)?\s*=")


class _NoArchitectureError(Exception):
    """What is wrong with a text."""


@cache
def _code_tables() -> list[dict[tuple[tuple[str, int], ...], int]]:
    """For each node its code by its two (operation, input), in any order."""
    pairs = [
        ((OPERATIONS[i], a), (OPERATIONS[j], b)) for (a, b), (i, j) in zip(INPUTS.tolist(), OPS.tolist(), strict=True)
    ]
    return [
        {ordered: code for code, pair in enumerate(pairs[:codes]) for ordered in (pair, pair[::-1])}
        for codes in NUM_CODES
    ]


def read(arch: pa.StringArray) -> tuple[NDArray[np.int64], dict[int, str]]:
    """[n, 2, 4] codes of architectures, -1 in rows with a problem, and these problems by row."""
    codes = genotypes.read(arch)
    unknown = np.flatnonzero(codes[:, 0, 0] < 0)
    problems: dict[int, str] = {}
    if not len(unknown):
        return codes, problems
    # Whatever is not written in the canonical way is read once for each distinct string.
    rest = arch.take(arrow.numbers(unknown)).dictionary_encode()
    found = [_read(text) for text in rest.dictionary.to_pylist()]
    for row, code in zip(unknown.tolist(), rest.indices.to_pylist(), strict=True):
        result = "no architecture" if code is None else found[code]
        if isinstance(result, str):
            problems[row] = result
        else:
            codes[row] = result
    return codes, problems


def _read(text: str) -> list[list[int]] | str:
    """Codes of one architecture, or what is wrong with it."""
    try:
        cells = _cells(_value(text))
        return [_codes(cell, operations) for cell, operations in zip(CELLS, cells, strict=True)]
    except _NoArchitectureError as problem:
        return str(problem)


def _value(text: str) -> Any:
    """What a text says, brackets as lists and keywords as a dictionary."""
    json = text.strip()
    if not json:
        raise _NoArchitectureError("no architecture")
    if len(json) > _LONGEST:
        raise _NoArchitectureError(f"{_short(json)} is too long for an architecture")
    if json[0] != "{":
        json = json.replace("'", '"').replace("(", "[").replace(")", "]")
    if match := re.fullmatch(r"Genotype\s*\[(.*)\]", json, re.DOTALL):
        inside = re.sub(r"range\[\s*2\s*,\s*6\s*\]", str(CONCAT), match[1])
        json = "{" + _KEYWORD.sub(r'"\1\2":', inside) + "}"
    try:
        return orjson.loads(re.sub(r",\s*([\]}])", r"\1", json))
    except orjson.JSONDecodeError:
        raise _NoArchitectureError(f"{_short(text)} is not an architecture: {_FORM}") from None


def _cells(value: Any) -> list[_Cell]:
    """The normal and the reduction cell of an architecture in any notation."""
    if isinstance(value, list):
        return _from_compact(value)
    if isinstance(value, dict):
        return _from_genotype(value) if set(CELLS) <= set(value) else _from_configuration(value)
    raise _NoArchitectureError(f"{_short(str(value))} is not an architecture: {_FORM}")


def _from_genotype(genotype: dict[str, Any]) -> list[_Cell]:
    for cell in CELLS:
        if genotype.get(f"{cell}_concat", CONCAT) != CONCAT:
            raise _NoArchitectureError(
                f"{cell}_concat must be {CONCAT}: a cell of this space joins all of its four nodes"
            )
    return [_pairs(cell, genotype[cell]) for cell in CELLS]


def _from_compact(compact: list[Any]) -> list[_Cell]:
    if len(compact) != len(CELLS):
        raise _NoArchitectureError(f"{len(compact)} cells where a normal and a reduction cell are needed: {_FORM}")
    cells = []
    for name, cell in zip(CELLS, compact, strict=True):
        numbered = [(number, source) for source, number in _pairs(name, cell)]
        for number, _ in numbered:
            if type(number) is not int or not 0 <= number < len(OPERATIONS):
                raise _NoArchitectureError(f"operation {_short(str(number))} is not 0 to 6 ({', '.join(OPERATIONS)})")
        cells.append([(OPERATIONS[number], source) for number, source in numbered])
    return cells


def _from_configuration(configuration: dict[str, Any]) -> list[_Cell]:
    # NAS-Bench-301's result files have this misspelt key.
    configuration = configuration.get("optimized_hyperparamater_config", configuration)
    keys = configuration if isinstance(configuration, dict) else {}
    found = {match.groups(): keys[key] for key in keys if (match := _KEY.fullmatch(key))}
    if not found:
        raise _NoArchitectureError(f"an object without 'normal' and 'reduce' or NAS-Bench-301's keys: {_FORM}")
    cells = []
    for cell in CELLS:
        operations: _Cell = []
        for node in range(NODES):
            edges = [found.get(("edge", cell, str(FIRST_EDGE[node] + source))) for source in range(node + 2)]
            inputs = [source for source, operation in enumerate(edges) if operation is not None]
            named = found.get(("inputs_node", cell, str(node + 2)))
            if len(inputs) != 2 or named not in (None, "_".join(map(str, inputs))):
                against = "two are needed" if named is None else f"inputs_node says {_short(str(named))}"
                raise _NoArchitectureError(
                    f"node {node + 2} of the {cell} cell has operations on the inputs {inputs}, but {against}"
                )
            operations += [(str(edges[source]), source) for source in inputs]
        cells.append(operations)
    return cells


def _pairs(cell: str, pairs: Any) -> list[tuple[Any, Any]]:
    if not isinstance(pairs, list) or len(pairs) != 2 * NODES or any(type(p) is not list or len(p) != 2 for p in pairs):
        raise _NoArchitectureError(f"the {cell} cell is not a list of eight pairs: {_FORM}")
    return [(first, second) for first, second in pairs]


def _codes(cell: str, operations: _Cell) -> list[int]:
    """The four node codes of a cell."""
    codes = []
    for node in range(NODES):
        pair = tuple(operations[2 * node : 2 * node + 2])
        try:
            codes.append(_code_tables()[node][pair])
        except (KeyError, TypeError):
            raise _NoArchitectureError(_problem(f"node {node + 2} of the {cell} cell", node, pair)) from None
    return codes


def _problem(where: str, node: int, pair: tuple[tuple[str, int], ...]) -> str:
    """Why a node cannot have these two (operation, input)."""
    for op, source in pair:
        if op not in OPERATIONS:
            return f"{where}: no operation is called {_short(str(op))}; there are {', '.join(OPERATIONS)}"
        if source not in range(node + 2):
            return f"{where} has the input {_short(str(source))}, which is not 0 to {node + 1}"
    return f"{where} has the input {pair[0][1]} twice; two different ones are needed"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
