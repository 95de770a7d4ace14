"""Running commands as a shell would, without starting a process for each."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
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


Shell = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run lines as a user would type them: in bash, in an empty folder, with the installed commands."""

    def call(script: str) -> subprocess.CompletedProcess[str]:
        # as it is now: another fixture may have changed it since this one was made
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        command = ["bash", "-c", script]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return call
