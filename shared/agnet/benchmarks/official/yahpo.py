"""YAHPO Gym's surrogate of NAS-Bench-301, an ONNX network (slds-lmu/yahpo_data, ``nb301``).

The file declares inputs of one row, though nothing in the network depends on that. What is kept has the declaration
changed, so that it takes as many rows as it is given.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from agnet.benchmarks.official import Progress, models, protobuf
from agnet.errors import InputError

_LARGEST = 64 << 20
_GRAPH, _INPUT, _OUTPUT = 7, 11, 12  # fields of ModelProto and GraphProto
_ONE_ROW = b"\x12\x08\n\x02\x08\x01\n\x02\x08"  # a shape whose first dimension is 1
_ANY_ROWS = b"\x12\x08\n\x02\x12\x00\n\x02\x08"  # whose first dimension has an empty name


def read(path: Path, progress: Progress) -> pa.Table:
    """The network, as one piece.

    Raises:
        InputError: if the file is none, or has other inputs.
    """
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: too large for YAHPO Gym's network")
    model = path.read_bytes()
    try:
        graph = next(value for field, value in protobuf.fields(model) if field == _GRAPH and isinstance(value, bytes))
        declared = [bytes(v) for f, v in protobuf.fields(graph) if f in (_INPUT, _OUTPUT) and isinstance(v, bytes)]
    except (ValueError, StopIteration) as error:
        raise InputError(f"{path}: not an ONNX file, or damaged: {str(error) or 'no graph'}; get it again") from None
    if not {b"x_cat", b"x_cont"} <= {value[2 : 2 + value[1]] for value in declared if len(value) > 2}:
        raise InputError(f"{path}: not YAHPO Gym's network for NAS-Bench-301; it has no inputs x_cat and x_cont")
    for value in declared:
        model = model.replace(value, value.replace(_ONE_ROW, _ANY_ROWS))
    progress(1, 1)
    return models.pack({"onnx": model})
