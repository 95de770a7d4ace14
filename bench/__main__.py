"""Run the benchmarks and print the table; exit status 1 if a limit is missed."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

SUBJECTS = ("startup", "streams", "spaces", "throughput", "official", "learning", "predictions", "zerocost", "engines")


def main() -> int:
    """All subjects, or those named on the command line."""
    # the tools that belong to this interpreter come first on the PATH
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subjects = sys.argv[1:] or SUBJECTS
    if unknown := [name for name in subjects if name not in SUBJECTS]:
        print(f"bench: no subject {unknown[0]!r}; there are {', '.join(SUBJECTS)}", file=sys.stderr)
        return 2
    missed = 0
    for subject in subjects:
        print(f"== {subject}", flush=True)
        for row in import_module(f"bench.{subject}").rows():
            print(row, flush=True)
            missed += row.ratio > row.limit
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
