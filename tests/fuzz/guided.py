"""One reader under the coverage-guided fuzzer, in a process of its own, until it has had its inputs or is told to stop.

What was tried is counted in ``count``, and inputs that reached something new are kept in ``corpus``, both in the
reader's folder: the next process goes on from there. One is not enough for long: the instrumentation leaks memory.
"""

from __future__ import annotations

import os
import re
import resource
import time
from pathlib import Path

MEMORY = 1 << 30
"""Bytes that a process may map beyond what it begins with."""
_LEAKED = 400 << 20
LONGEST = 5.0
"""CPU seconds for one call of a reader; many readers at a time on a busy machine take longer by the clock."""
_MODULES = ["agnet", "zipfile", "tarfile"]


def counted(folder: Path) -> int:
    """How many inputs a reader has had so far."""
    path = folder / "count"
    return int(path.read_text() or 0) if path.exists() else 0


def fuzz(name: str, folder: Path, runs: int, seconds: float) -> None:
    """Go on until there have been ``runs`` inputs altogether, or the CPU seconds are over (0: as long as it takes)."""
    import atheris

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # to hand work to a thread on another core takes longer
    with atheris.instrument_imports(include=_MODULES):
        from tests.fuzz.target import check
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = target.corpus()
    for data in corpus:
        check(target, data)  # what is imported late is there now
    begin = _begin(folder, corpus)
    before = counted(folder)
    used = _resident()
    resource.setrlimit(resource.RLIMIT_AS, (mapped() + MEMORY + _LEAKED,) * 2)
    done, began = 0, time.process_time()
    saved = began

    def once(data: bytes) -> None:
        nonlocal done, saved
        start = time.process_time()
        check(target, data)
        now = time.process_time()
        if now - start > LONGEST:
            raise AssertionError(f"took {now - start:.1f} s")
        done += target.each
        if now - saved > 1 or before + done >= runs:
            saved = now
            write(folder / "count", str(before + done))
            if before + done >= runs or _resident() - used > _LEAKED or (seconds and now - began > seconds):
                os._exit(0)

    longest = 2 * max(map(len, corpus)) + 64
    options = [f"-max_len={longest}", f"-artifact_prefix=crash-{name}-", f"-seed={before % (1 << 31) + 1}"]
    options += ["-timeout=600", "-rss_limit_mb=0", "-verbosity=0"]
    if (folder / "words").stat().st_size:  # an empty dictionary is an error
        options.append(f"-dict={folder / 'words'}")
    mutator = {"custom_mutator": _changed} if target.pickled else {}
    atheris.Setup(["fuzz", str(begin), *options], once, **mutator)
    atheris.Fuzz()


def _changed(data: bytes, longest: int, seed: int) -> bytes:
    """One input made of another: three of four times as a pickle, if it is one."""
    import atheris
    from tests.fuzz.structure import of_pickle

    made = of_pickle(bytes(data), seed) if seed & 3 else None
    return atheris.Mutate(data, longest) if made is None else made[:longest]  # type: ignore[no-any-return]


def _begin(folder: Path, corpus: list[bytes]) -> Path:
    """The folder of inputs to begin with, and beside it a dictionary of their words."""
    inputs = folder / "corpus"
    inputs.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(corpus):
        (inputs / f"{number}").write_bytes(data)
    words = sorted({word for data in corpus for word in re.findall(rb"[A-Za-z_@][\w.@-]{2,40}", data[:20000])})[:300]
    write(folder / "words", "".join(f'"{word.decode()}"\n' for word in words))
    return inputs


def write(path: Path, text: str) -> None:
    """Whole, whenever this ends."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
