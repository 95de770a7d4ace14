"""Any program as a benchmark: it reads records and writes them with what it measured.

``cmd:./evaluate.py --fast`` is split into words as a shell would and started without one; ``sh:a | b`` is given to
``/bin/sh``. The program gets one line of JSON an architecture (``space``, ``arch``, ``id``) and the end of the stream,
and answers with lines of JSON in any order, each with the ``arch`` that it is about; where none of its lines says so,
as many lines as it was given count in that order. So ``query``, ``jq`` or a script of ten lines will do.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from agnet import spaces
from agnet.benchmarks.base import Answer
from agnet.benchmarks.open import Open, told
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.records import records
from agnet.seeds import Seed

PREFIXES = ("cmd:", "sh:")
_SENT = frozenset({"space", "arch", "id"})
_NO_METRICS = _SENT | {"error", "latent"}
_TOLD = 200
"""Characters of the program's own words in a message."""


@dataclass(frozen=True, slots=True)
class _Settings:
    timeout: float = 0.0
    """Seconds that a run may take; 0: as long as it likes."""
    batch: int = 0
    """Records given to one run of the program; 0: all that are asked at a time."""


class Program(Open):
    """What a program answers.

    Options: ``timeout`` seconds for one run of the program, ``batch`` records for one run.
    """

    title = "whatever the program measures"
    source = "a program"
    metrics = ()

    def __init__(self, name: str, space: str, options: Mapping[str, str]) -> None:
        super().__init__(name, space, options)
        prefix, _, line = name.partition(":")
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise InputError(f"{name}: {str(error).lower()}") from None
        if not words:
            raise InputError(f"{name}: name the program, such as {prefix}:./evaluate.py")
        self._words = ["/bin/sh", "-c", line] if prefix == "sh" else words
        self._called = line if prefix == "sh" else words[0]
        self._settings = told(_Settings(), options, prefix)
        self.at_once = self._settings.batch or None
        if self._settings.timeout < 0 or self._settings.batch < 0:
            raise InputError(f"{prefix}: timeout and batch must not be negative")

    def select(self, names: Sequence[str] | None) -> list[str]:
        """``names`` as they are: what a program answers is known when it has."""
        return list(dict.fromkeys(names or ()))

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Run the program; see :meth:`Benchmark.query`.

        Besides ``metrics``, which every answer must have, the columns are all other numbers in its answers.
        An architecture that the program does not answer, or answers with what is no finite number, is a problem.

        Raises:
            InputError: if the program cannot be started, or ``draw`` is given.
        """
        if draw is not None:
            raise InputError(f"{self.name}: a program answers as it likes, there are no runs to draw from")
        required = self.select(metrics)
        readable = np.flatnonzero(self.has(graphs))
        space = spaces.get(self.space)
        table = records(space, graphs.take(readable))
        lines = [orjson.dumps(record) for record in table.to_pylist()]
        arch = table["arch"].to_pylist()
        answers: list[dict[str, Any]] = []
        problems = {int(row): "not an architecture" for row in np.flatnonzero(~self.has(graphs))}
        size = self._settings.batch or max(len(lines), 1)
        for start in range(0, len(lines), size):
            found, reason = self._run(lines[start : start + size], arch[start : start + size])
            for row, answer in zip(readable[start : start + size].tolist(), found, strict=True):
                problem = reason if answer is None else _problem(answer, required)
                if problem:
                    problems[row] = problem
            answers += [answer or {} for answer in found]
        names = list(
            dict.fromkeys([*required, *(name for answer in answers for name in answer if _is_metric(answer, name))])
        )
        columns = {name: np.full(len(graphs), np.nan) for name in names}
        for row, answer in zip(readable.tolist(), answers, strict=True):
            for name in names:
                columns[name][row] = _number(answer.get(name))
        return Answer(columns, problems)

    def _run(self, lines: list[bytes], arch: list[str]) -> tuple[list[dict[str, Any] | None], str]:
        """One run: for each line its answer, or None; and why there is none."""
        late = False
        with _guard() as guarded:
            try:
                # a session of its own, so that whatever it starts can be ended with it
                process = subprocess.Popen(
                    self._words,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise InputError(f"{self.name}: {self._called}: {error.strerror}") from None
            try:
                guarded(process.pid)
                given = b"\n".join([*lines, b""])
                said, complaints = process.communicate(given, timeout=self._settings.timeout or None)
            except subprocess.TimeoutExpired:
                late = True
                _end(process)
                said, complaints = process.communicate()
                said = said[: said.rfind(b"\n") + 1]  # a line may be half written
            finally:
                _end(process)
        answers, stray = _match(said, arch)
        last = complaints.decode(errors="replace").strip().rpartition("\n")[2][:_TOLD]
        if late:
            reason = f"no answer within {self._settings.timeout:g} s"
        elif process.returncode:
            reason = f"{_ending(process.returncode)}{f': {last}' if last else ''}"
        else:
            reason = stray or "no answer"
        return answers, f"{self._called}: {reason}"


_GUARD = """trap '' HUP INT TERM; read -r group && [ "$group" ] || exit; read -r ended || kill -s KILL -- "-$group" """
"""Ends a group of processes if the pipe that it reads closes before it was told that they have ended."""


@contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """What ends a program, once told its number, when we are killed and cannot; without ``/bin/sh`` nothing does."""
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
    except OSError:
        yield lambda group: None
        return
    assert guard.stdin is not None
    told = guard.stdin

    def tell(what: object) -> None:
        with suppress(BrokenPipeError):  # somebody ended it
            told.write(f"{what}\n".encode())

    try:
        yield tell
    finally:
        tell("")
        told.close()
        guard.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and everything it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _ending(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"ended by {signal.Signals(-status).name}"


def _match(said: bytes, arch: list[str]) -> tuple[list[dict[str, Any] | None], str]:
    """For each architecture the program's answer, and what was wrong with an answer that belongs to none."""
    stray = ""
    found: list[dict[str, Any] | None] = []
    for number, line in enumerate(said.splitlines(), 1):
        if not line.strip():
            continue
        record = _parse(line)
        if record is None:
            stray = (
                stray or f"line {number} of its output is not a JSON object: {line[:_TOLD].decode(errors='replace')}"
            )
        found.append(record)
    answers: list[dict[str, Any] | None] = [None] * len(arch)
    if not any(record and "arch" in record for record in found):
        if len(found) == len(arch):
            return found, stray
        if found and not stray:
            stray = f"{len(found)} records without 'arch' for {len(arch)} architectures: none can be told apart"
        return answers, stray
    rows: defaultdict[str, deque[int]] = defaultdict(deque)
    for row, name in enumerate(arch):
        rows[name].append(row)
    for record in found:
        if record is None:
            continue
        waiting = rows.get(str(record.get("arch")))
        if waiting:
            answers[waiting.popleft()] = record
        else:
            stray = stray or f"an answer about {str(record.get('arch'))[:_TOLD]!r}, which was not asked"
    return answers, stray


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            record = json.loads(line)  # takes NaN, which Python writes
        except (ValueError, RecursionError):
            return None
    return record if isinstance(record, dict) else None


def _problem(answer: dict[str, Any], required: list[str]) -> str:
    if answer.get("error"):
        return str(answer["error"])[:_TOLD]
    for name in required or [name for name in answer if _is_metric(answer, name)]:
        if name not in answer:
            return f"the answer has no {name!r}"
        value = answer[name]
        # a metric that nobody asked for may be null
        if not math.isfinite(_number(value)) and (required or value is not None):
            return f"{name} is {value!r}"
    return ""


def _is_metric(answer: dict[str, Any], name: str) -> bool:
    return name not in _NO_METRICS and (answer[name] is None or type(answer[name]) in (int, float))


def _number(value: object) -> float:
    """``value`` as a finite number; NaN if it is none."""
    if type(value) not in (int, float):
        return math.nan
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan
