"""Values of other kinds and sizes in pickles: refused or taken, in the memory and time that the file's size allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_READERS = (
    "nb201-cell",
    "nb201-pth",
    "hw",
    "nbnlp-pickle",
    "nb301-xgb",
    "nb301-lgb",
    "nb301-gin",
    "published",
    "cifar-pickle",
)
_SCRIPT = """
import resource, sys, time
from pathlib import Path
from tests.fuzz.evil import VALUES, replaced
from tests.fuzz.target import check
from tests.fuzz.targets import TARGETS
target = TARGETS[sys.argv[1]]
corpus = [data for data in target.corpus() if data[:1] == b"\\x80" or data[:4] == b"PK\\x03\\x04"]
for data in corpus:
    check(target, data)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
tried = 0
for name, value in VALUES.items():
    for content in corpus:
        made = list(replaced(content, value))
        for data in made[:: max(len(made) // int(sys.argv[2]), 1)]:
            tried += 1
            print(name, tried, file=sys.stderr)
            began = time.process_time()
            check(target, data)
            if time.process_time() - began > 5:
                sys.exit(f"{name}: took {time.process_time() - began:.0f} s")
print(tried)
"""


@pytest.mark.parametrize("reader", _READERS)
def test_values_of_other_kinds(reader: str) -> None:
    words = [sys.executable, "-W", "ignore", "-c", _SCRIPT, reader, "4"]
    ended = subprocess.run(
        words, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert int(ended.stdout) > 50
