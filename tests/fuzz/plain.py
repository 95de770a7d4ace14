"""One reader over damage to valid inputs and to those that the guided fuzzer found, in a process of its own.

Nothing is instrumented here, and a mutation takes microseconds: most of a million inputs are tried this way. Half of
them are made of the valid inputs, which reach furthest, and half of what guidance has found.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.guided import LONGEST, MEMORY, counted, mapped, write
from tests.fuzz.mutations import mutations
from tests.fuzz.structure import of_pickle
from tests.fuzz.target import Target, check
from tests.fuzz.targets import TARGETS

_AT_ONCE = 1000


def fuzz(name: str, folder: Path, runs: int, seconds: float) -> None:
    """Go on until there have been ``runs`` inputs altogether, or the CPU seconds are over (0: as long as it takes).

    Raises:
        AssertionError: if the reader broke; the input is kept.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # to hand work to a thread on another core takes longer
    target = TARGETS[name]
    corpus = target.corpus()
    for data in corpus:
        check(target, data)  # what is imported late is there now
    longest = 2 * max(map(len, corpus)) + 64
    found = [path.read_bytes() for path in sorted((folder / "corpus").glob("*"))]
    folder.mkdir(parents=True, exist_ok=True)
    done = counted(folder)
    resource.setrlimit(resource.RLIMIT_AS, (mapped() + MEMORY,) * 2)
    began = time.process_time()
    while done < runs and not (seconds and time.process_time() - began > seconds):
        for made in _inputs(target, corpus, found or corpus, done):
            data = made[:longest]
            start = time.process_time()
            try:
                check(target, data)
                if (took := time.process_time() - start) > LONGEST:
                    raise AssertionError(f"took {took:.1f} s")
            except BaseException:
                Path(f"crash-{name}-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}").write_bytes(data)
                raise
            done += target.each
            if done >= runs:
                break
        write(folder / "count", str(done))


def _inputs(target: Target, corpus: list[bytes], found: list[bytes], seed: int) -> Iterator[bytes]:
    """Some inputs: three of four times changed as pickles, if they are."""
    bases = (corpus, found)
    made = (mutations(base, _AT_ONCE, seed + half) for half, base in enumerate(bases))
    chance = random.Random(seed)
    for pair in zip(*made, strict=True):
        for half, data in enumerate(pair):
            changed = None
            if target.pickled and chance.random() < 0.75:
                changed = of_pickle(chance.choice(bases[half]), chance.getrandbits(32))
            yield data if changed is None else changed
