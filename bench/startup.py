"""How long a tool takes to say anything at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from agnet.console import TOOLS
from bench.measure import Row, compare, shell

_CELL = '{"space":"nb201","arch":"|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"}'


def rows() -> Iterator[Row]:
    """Help of every tool, and one record through the light and the heavy ones."""
    bare, arrow, torch = (shell(f"{sys.executable} -c '{code}'") for code in ("pass", "import pyarrow", "import torch"))
    for tool in TOOLS:
        yield compare(f"{tool} --help", shell(f"{tool} --help"), "import pyarrow", arrow, limit=1)
    yield compare("agnet --help", shell("agnet --help"), "python -c pass", bare, limit=10)
    one = f"echo '{_CELL}' |"
    yield compare("encode, one record", shell(f"{one} encode"), "import pyarrow", arrow, limit=3)
    yield compare("query, one record", shell(f"{one} query nb201/cifar10"), "import pyarrow", arrow, limit=3)
    yield compare("generate, one record", shell("generate nb201 -n 1"), "import torch", torch, limit=1.2)
