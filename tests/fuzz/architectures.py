"""Architectures in the notations of all spaces."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
from tests.fuzz.mutations import mutations
from tests.fuzz.target import Target

from agnet import spaces

_EACH = 64
"""Strings of a call. The readers are made for many at a time: one alone takes nearly as long."""


def _arch(name: str) -> Target:
    def feed(data: bytes) -> None:
        space = spaces.get(name)
        parts = [*mutations([data], _EACH - 1, zlib.crc32(data)), data]
        texts = [part.decode("utf-8", "replace") for part in parts]
        parsed = space.parse(pa.array(texts, pa.string()))
        for problem in parsed.problems.values():
            if "\n" in problem or not problem or len(problem) > 2000:
                raise AssertionError(f"not one line of error: {problem!r}")
        good = np.flatnonzero((parsed.graphs.sizes > 0).all(axis=1))
        if set(good) & set(parsed.problems) or len(good) + len(parsed.problems) != len(texts):
            raise AssertionError("neither read nor refused")
        if len(good):
            graphs = parsed.graphs.take(good)
            again = space.parse(space.format(graphs))
            if again.problems or again.graphs.take(np.arange(len(good))).sizes.tolist() != graphs.sizes.tolist():
                raise AssertionError("what is written is not read as the same")
            if space.ids(again.graphs) != space.ids(graphs):
                raise AssertionError("an id that depends on how the architecture is written")

    def corpus() -> list[bytes]:
        from agnet.spaces.sampling import distinct_blocks

        space = spaces.get(name)
        made = [text.encode() for block in distinct_blocks(space, 12, (0,)) for text in space.format(block).to_pylist()]
        return [*made, *(text.encode() for text in NOTATIONS.get(name, ()))]

    return Target(feed, corpus, each=_EACH)


NOTATIONS = {
    "nb101": (
        '{"matrix":[[0,1,0],[0,0,1],[0,0,0]],"ops":["input","conv3x3-bn-relu","output"]}',
        '[[[0,1,0],[0,0,1],[0,0,0]],["input","maxpool3x3","output"]]',
    ),
    "nb201": ("(4, 3, 3, 0, 0, 0)", "[4,3,3,0,0,0]", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
    "nb301": (
        "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), "
        "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), "
        "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], "
        "reduce_concat=[2, 3, 4, 5])",
        "[[[0,1],[1,2],[0,3],[1,0],[0,4],[2,5],[0,6],[1,0]],[[0,1],[1,2],[0,3],[1,0],[0,4],[2,5],[0,6],[1,0]]]",
    ),
    "nbnlp": (
        '{"a":{"op":"linear","input":["x","h_prev_0"]},"h_new_0":{"op":"activation_sigm","input":["a"]}}',
        "(((0, 2), (1, 2), (2, 3)), (0, 1, 5, 6), ())",
    ),
}

ARCHITECTURES: dict[str, Target] = {f"arch-{name}": _arch(name) for name in ("nb101", "nb201", "nb301", "nbnlp")}
