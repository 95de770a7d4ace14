"""How long a tool takes to say anything at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from agnet.console import TOOLS
from bench.measure import Row, compare, shell, within

_CELL = '{"space":"nb201","arch":"|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"}'
_SECONDS = 0.6
"""What one record may take: it is waited for at a prompt."""


def rows() -> Iterator[Row]:
    """Help of every tool, and one record through the light and the heavy ones."""
    bare, arrow, torch = (shell(f"{sys.executable} -c '{code}'") for code in ("pass", "import pyarrow", "import torch"))
    for tool in TOOLS:
        # "export" alone is the shell's own
        command = "agnet export" if tool == "export" else tool
        yield compare(f"{command} --help", shell(f"{command} --help"), "import pyarrow", arrow, limit=1)
    yield compare("agnet --help", shell("agnet --help"), "python -c pass", bare, limit=10)
    one = f"echo '{_CELL}' |"
    for command in ("encode", "query nb201/cifar10"):
        work, run = f"{command}, one record", shell(f"{one} {command}")
        yield compare(work, run, "import pyarrow", arrow, limit=3)
        yield within(work, run, f"{_SECONDS:g} s a record", _SECONDS)
    yield compare("generate, one record", shell("generate nb201 -n 1"), "import torch", torch, limit=1.2)
