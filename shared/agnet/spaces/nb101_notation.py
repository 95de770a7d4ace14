"""NAS-Bench-101 cells as text, see :mod:`agnet.spaces.nb101`."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.names import nearest
from agnet.spaces import dag
from agnet.spaces import nb101_cells as cells

_VERTICES = cells.MAX_VERTICES
_INPUT = cells.NODE_TYPES.index("input")
_OUTPUT = cells.NODE_TYPES.index("output")
_DIGITS = "0123456"[: _VERTICES - 1]  # vertices that an edge can come from
_SOURCE_SETS = 1 << len(_DIGITS)
_TARGETS = np.arange(1, _VERTICES)
_SOURCES_AT = _TARGETS * (_TARGETS - 1) // 2  # where a vertex's sources begin in a code's edges
_TOKEN_TYPES = ("output", *cells.OPERATIONS)  # what a vertex of the notation is called
_TYPES = {
    **{name: type_ for type_, name in enumerate(cells.NODE_TYPES)},
    **{f"{name}-bn-relu": cells.NODE_TYPES.index(name) for name in ("conv3x3", "conv1x1")},
}
_UNKNOWN = arrow.numbers(np.array([-1], np.int32))[0]

_COLUMNS = re.compile(r"([01]+)[\s,;|]+(\D.*)", re.DOTALL)
_HASH = re.compile(r"[0-9a-fA-F]{32}")
_TOKEN = re.compile(r"\s*([^\s:]+)\s*:\s*(\S*)\s*")
_MATRIX_KEYS = ("matrix", "module_adjacency")
_OPS_KEYS = ("ops", "module_operations")
_ROW_LENGTH = 5
_FORM = "write each vertex with the vertices it takes its input from: conv3x3:0,maxpool3x3:01,output:12"


def write(codes: NDArray[np.int64]) -> pa.StringArray:
    """[n] the notation of canonical codes; null for :data:`~agnet.spaces.nb101_cells.NO_CELL`."""
    sizes = cells.sizes_of(codes).astype(np.int64)
    tokens = np.zeros((len(codes), _VERTICES - 1), np.int32)
    tokens[:, :-1] = cells.labels_of(codes) + 1
    tokens[sizes[:, None] - 1 == _TARGETS] = 0
    tokens *= _SOURCE_SETS
    tokens += ((cells.edges_of(codes)[:, None] >> _SOURCES_AT) & ((1 << _TARGETS) - 1)).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(sizes - 1, 0))]).astype(np.int32)
    used = arrow.numbers(tokens[sizes[:, None] > _TARGETS])
    unknown = sizes == 0
    mask = arrow.numbers(unknown) if unknown.any() else None
    lists = pa.ListArray.from_arrays(arrow.numbers(offsets), _tokens().take(used), mask=mask)
    return pc.binary_join(lists, arrow.text(","))


def read(arch: pa.StringArray) -> tuple[NDArray[np.int64], dict[int, str]]:
    """[n] codes of the cells as they are numbered in the text, and what is wrong with the rows that have none."""
    codes = _read_plain(arch)
    problems: dict[int, str] = {}
    rest = np.flatnonzero(codes == cells.NO_CELL)
    if not len(rest):
        return codes, problems
    # What is not plainly a cell without useless vertices is read once for each distinct string.
    odd = arch.take(arrow.numbers(rest)).dictionary_encode()
    found = [_read(text) for text in odd.dictionary.to_pylist()]
    drawings = [drawing for drawing in found if isinstance(drawing, _Drawing)]
    pruned = iter(_prune(drawings))
    outcomes = [next(pruned) if isinstance(drawing, _Drawing) else drawing for drawing in found]
    for row, index in zip(rest.tolist(), odd.indices.to_pylist(), strict=True):
        outcome = "no architecture" if index is None else outcomes[index]
        if isinstance(outcome, str):
            problems[row] = outcome
        else:
            codes[row] = outcome
    return codes, problems


def _read_plain(arch: pa.StringArray) -> NDArray[np.int64]:
    """[n] codes where every vertex is a token as :func:`write` writes it; NO_CELL for any other row."""
    parts = pc.split_pattern(arch, ",")
    tokens = arrow.to_numpy(pc.index_in(parts.values, value_set=_tokens()).fill_null(_UNKNOWN))
    offsets = arrow.to_numpy(parts.offsets)
    counts = np.diff(offsets)
    good = (counts >= 1) & (counts < _VERTICES)
    edges = np.zeros(len(arch), np.int64)
    labels = np.zeros((len(arch), len(_TARGETS)), np.int64)
    for target, shift in zip(_TARGETS.tolist(), _SOURCES_AT.tolist(), strict=True):
        rows = np.flatnonzero(good & (counts >= target))
        kind, sources = np.divmod(tokens[offsets[rows] + (target - 1)], _SOURCE_SETS)
        last = counts[rows] == target
        good[rows] = (kind >= 0) & (sources < 1 << target) & ((kind == 0) == last)
        edges[rows] |= sources.astype(np.int64) << shift
        labels[rows, target - 1] = np.where(last, 0, kind - 1)
    codes = np.where(good, cells.join(edges, labels[:, :-1]), cells.NO_CELL)
    return np.where(cells.sizes_of(codes) == counts + 1, codes, cells.NO_CELL)


class _Drawing(NamedTuple):
    """A graph as somebody drew it, perhaps with useless vertices."""

    ops: list[int]
    """Type of each vertex."""
    edges: int
    """As in a code."""


def _prune(drawings: list[_Drawing]) -> list[int | str]:
    """For each drawing its code, or why it is not a cell of the space."""
    n = len(drawings)
    sizes = np.array([len(drawing.ops) for drawing in drawings], np.uint8)
    ops = np.zeros((n, 1, _VERTICES), np.uint8)
    for row, drawing in enumerate(drawings):
        ops[row, 0, : len(drawing.ops)] = drawing.ops
    adjacency = cells.adjacency_of(np.array([drawing.edges for drawing in drawings], np.int64))
    graphs = dag.prune(Graphs(ops, adjacency[:, None], sizes[:, None]))
    edges = graphs.adjacency.sum(axis=(1, 2, 3))
    return [
        code
        if code != cells.NO_CELL
        else f"{count} edges are too many, a cell has at most {cells.MAX_EDGES}"
        if count
        else "no path leads from the input to the output"
        for code, count in zip(cells.pack(graphs).tolist(), edges.tolist(), strict=True)
    ]


def _read(text: str) -> _Drawing | str:
    """One cell in any notation, or what is wrong with it."""
    text = text.strip()
    if not text:
        return "no architecture"
    if text[0] in "[{":
        return _read_json(text)
    if match := _COLUMNS.fullmatch(text):
        return _read_columns(match[1], match[2])
    if _HASH.fullmatch(text):
        return f"{text} looks like a module hash, which no cell can be read from; {_FORM}"
    return _read_tokens(text)


def _read_tokens(text: str) -> _Drawing | str:
    types = [_INPUT]
    edges = 0
    for target, part in enumerate(text.split(","), start=1):
        match = _TOKEN.fullmatch(part)
        if match is None:
            return f"{_short(part)} is not a vertex: {_FORM}"
        name, sources = match.groups()
        type_ = _TYPES.get(name)
        if type_ is None or type_ == _INPUT:
            return f"no operation is called {_short(name)}{nearest(name, _TOKEN_TYPES)}"
        for source in sources:
            if source not in _DIGITS[:target]:
                possible = ", ".join(_DIGITS[:target])
                return f"vertex {target}, {_short(part)}, can only take input from {possible}"
            edges |= 1 << (target * (target - 1) // 2 + int(source))
        if target >= _VERTICES:
            return f"more than {_VERTICES} vertices, with the input"
        types.append(type_)
    return _drawing(types, edges)


def _read_json(text: str) -> _Drawing | str:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}; {_FORM}"
    if isinstance(value, dict):
        matrix = next((value[key] for key in _MATRIX_KEYS if key in value), None)
        ops = next((value[key] for key in _OPS_KEYS if key in value), None)
    elif len(value) == _ROW_LENGTH:  # a row of the official files: hash, epochs, adjacency, operations, metrics
        matrix, ops = value[2:4]
    else:
        matrix = ops = None
    if isinstance(matrix, str) and isinstance(ops, str):
        return _read_columns(matrix, ops)
    if isinstance(matrix, list) and isinstance(ops, list):
        return _read_matrix(matrix, ops)
    return 'JSON of a cell is an object with "matrix" and "ops", or a row of NAS-Bench-101\'s files'


def _read_columns(bits: str, names: str) -> _Drawing | str:
    size = math.isqrt(len(bits))
    if size * size != len(bits):
        return f"an adjacency of {len(bits)} digits is not square"
    return _read_matrix([list(map(int, bits[row : row + size])) for row in range(0, len(bits), size)], names.split(","))


def _read_matrix(matrix: list[Any], names: list[Any]) -> _Drawing | str:
    size = len(names)
    if not 2 <= size <= _VERTICES:
        return f"{size} vertices; a cell has 2 to {_VERTICES}, with input and output"
    if len(matrix) != size or not all(isinstance(row, list) and len(row) == size for row in matrix):
        return f"the matrix is not {size} × {size}, as the number of operations asks"
    edges = 0
    for source, row in enumerate(matrix):
        for target, entry in enumerate(row):
            if entry not in (0, 1) or (entry and source >= target):
                at = f"row {source + 1}, column {target + 1}"
                return f"{_short(str(entry))} in {at} of the matrix; there can only be 0 and, above the diagonal, 1"
            edges |= int(entry) << (target * (target - 1) // 2 + source)
    types = [_TYPES.get(name.strip(), -1) if isinstance(name, str) else -1 for name in names]
    if -1 in types:
        name = str(names[types.index(-1)])
        return f"no operation is called {_short(name)}{nearest(name, _TYPES)}"
    return _drawing(types, edges)


def _drawing(types: list[int], edges: int) -> _Drawing | str:
    if types[0] != _INPUT or types[-1] != _OUTPUT or {_INPUT, _OUTPUT} & set(types[1:-1]):
        return "the first vertex, and no other, must be the input, and the last the output"
    return _Drawing(types, edges)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


@cache
def _tokens() -> pa.StringArray:
    """Every token: by operation, then by the set of sources as a binary number."""
    digits = [
        "".join(digit for source, digit in enumerate(_DIGITS) if sources >> source & 1)
        for sources in range(_SOURCE_SETS)
    ]
    return arrow.strings([f"{name}:{sources}" for name in _TOKEN_TYPES for sources in digits])
