"""Arrays as text in a line of a journal."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs

Arrays = Mapping[str, NDArray]
_LARGEST = 1 << 28
"""Bytes; no state of a search is larger."""


def pack(arrays: Arrays) -> str:
    """Arrays by name as text that :func:`unpack` reads, bit for bit."""
    from safetensors.numpy import save  # noqa: PLC0415 - only a search with a journal needs it

    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return base64.b64encode(zlib.compress(content, 1)).decode()


def unpack(text: str) -> dict[str, NDArray]:
    """What :func:`pack` was given.

    Raises:
        ValueError: if the text is not of its making.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - as above
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        reader = zlib.decompressobj()
        content = reader.decompress(base64.b64decode(text, validate=True), _LARGEST)
        if not reader.eof:
            raise ValueError("arrays that are cut short, or too large")
        return load(content)
    except (zlib.error, SafetensorError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from None


def of_graphs(graphs: Graphs) -> dict[str, NDArray]:
    """The arrays of graphs, for :func:`pack`."""
    arrays = {"ops": graphs.ops, "adjacency": graphs.adjacency, "sizes": graphs.sizes}
    return arrays if graphs.operands is None else arrays | {"operands": graphs.operands}


def graphs_of(arrays: Arrays) -> Graphs:
    """Graphs of the arrays of :func:`of_graphs`, whatever else is among them.

    Raises:
        ValueError: if there are none in there.
    """
    kinds = {"ops": np.uint8, "adjacency": np.bool_, "sizes": np.uint8}
    if any(name not in arrays or arrays[name].dtype != kind for name, kind in kinds.items()):
        raise ValueError("no graphs")
    return Graphs(arrays["ops"], arrays["adjacency"], arrays["sizes"], arrays.get("operands"))
