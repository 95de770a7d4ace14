"""Running commands as a shell would, without starting a process for each."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import orjson
import pytest


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines."""
        return [orjson.loads(line) for line in self.stdout.splitlines()]


Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call ``cli("query", "nb201/cifar10", stdin=b"...", status=0)``; any other status is a failure."""

    def call(tool: str, *arguments: object, stdin: bytes = b"", status: int = 0) -> Result:
        stdout, stderr = io.BytesIO(), io.StringIO()
        handler = signal.getsignal(signal.SIGTERM)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [tool, *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
            patch.setattr(sys, "stdout", io.TextIOWrapper(stdout, write_through=True))
            patch.setattr(sys, "stderr", stderr)
            try:
                with pytest.raises(SystemExit) as end:
                    import_module(f"agnet_{tool.replace('-', '_')}.command").main()
                result = Result(int(end.value.code or 0), stdout.getvalue(), stderr.getvalue())
            finally:
                signal.signal(signal.SIGTERM, handler)
        assert result.status == status, result.stderr
        return result

    return call
