"""The same seed gives the same bytes, whatever the chunks, the format, the number of processes, or the day."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
_DRIP = (
    "import sys, time\n"
    "for number, line in enumerate(sys.stdin.buffer):\n"
    "    sys.stdout.buffer.write(line); sys.stdout.buffer.flush()\n"
    "    if number % 37 == 0: time.sleep(0.03)\n"
)
"""A pipe whose reader gets chunks of a few records."""
_TOOLS = {
    "encode": "encode --as features,params",
    "encode-neighbours": "encode --neighbours",
    "query": "query nb201/cifar10 --noise seed --seed 3",
    "predict": "predict --fit seen.jsonl --surrogate xgb",
    "predict-top": "predict --fit seen.jsonl --top 16 --acquisition thompson --seed 2",
    "predict-generator": "predict --model gen.safetensors",
    "train-gen": "{ train-gen - --init nb201-agnet --weight-by params_m --epochs 2 -o gen.out && cat gen.out; }",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    _bash(
        "encode --space nb201 --random 300 --seed 1 --as params -o cells.jsonl;"
        "encode cells.jsonl -o cells.parquet; encode cells.jsonl -o cells.arrow;"
        "head -30 cells.jsonl | query nb201/cifar10 > seen.jsonl;"
        "train-gen seen.jsonl --init nb201-agnet --predict val_acc --epochs 2 -o gen.safetensors;"
        "generate gen.safetensors -n 100 --seed 2 > generated.jsonl",
        folder,
    )
    return folder


def _bash(script: str, folder: Path, **environment: str) -> bytes:
    variables = os.environ | {"PATH": _PATH} | environment
    run = subprocess.run(
        ["bash", "-ec", f"set -o pipefail; {script}"], cwd=folder, env=variables, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("tool", _TOOLS)
def test_tools_that_read(tool: str, folder: Path) -> None:
    command = _TOOLS[tool]
    name = "generated" if tool == "predict-generator" else "cells"
    expected = _bash(f"{command} < {name}.jsonl", folder)
    assert len(expected) > 1000
    drip = f"python -c '{_DRIP}' < {name}.jsonl | {command}"
    assert _bash(drip, folder) == expected
    if name == "cells":
        for file in ("cells.parquet", "cells.arrow"):
            assert _bash(f"{command} < {file}", folder) == expected
    if tool != "train-gen":
        back = f"AGNET_FORMAT=arrow {command} < {name}.jsonl | encode"
        assert _bash(back, folder) == expected


@pytest.mark.parametrize("space", ["nb101", "nb201", "nb301", "nbnlp"])
def test_tools_that_make(space: str, folder: Path) -> None:
    for command in (
        f"encode --space {space} --random 50",
        f"generate {space} -n 50 --unique",
        f"generate {space}-agnet -n 20",
    ):
        first, again, other = (_bash(f"{command} --seed {seed}", folder) for seed in (5, 5, 6))
        assert first == again != other
        assert _bash(f"{command} --seed 5 --format arrow | encode", folder) == first


def test_searches_in_any_number_of_processes(folder: Path) -> None:
    for strategy in ("bayesian", "evolution"):
        options = f"-b nb201/cifar100 --strategy {strategy} --queries 16 --trials 3 --seed 7"
        one, two = (_bash(f"search {options} --jobs {jobs} -o - -q", folder) for jobs in (1, 2))
        assert one == two
        assert one.count(b"\n") == 48


def test_tools_that_make_files(folder: Path, tmp_path: Path) -> None:
    """Pictures, programs, reports and imported tables, of a stream in any format."""
    arch = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    made = []
    for ending in ("jsonl", "arrow"):
        here = tmp_path / ending
        here.mkdir()
        (here / "hw.csv").write_text(f"arch,edgegpu_latency\n{arch},1.5\n")
        _bash(
            f"encode '{folder}/seen.jsonl' -o seen.{ending}; head -1 '{folder}/cells.jsonl' |"
            f" encode -o one.{ending};"
            f"plot curve - < seen.{ending} -o curve.svg; plot cells one.{ending} -o cells.png;"
            f"agnet export one.{ending} -o net.pt2; benchmarks import hw hw.csv; rm seen.* one.*;"
            "search -b nb201/cifar10 --strategy random --queries 8 -q -o h.jsonl --report report.html > best.jsonl",
            here,
            AGNET_CACHE=str(here / "cache"),
        )
        made.append({str(path.relative_to(here)): path.read_bytes() for path in here.rglob("*") if path.is_file()})
    assert made[0].keys() == made[1].keys() >= {"curve.svg", "cells.png", "net.pt2", "report.html", "h.jsonl"}
    assert sum(name.startswith("cache/") for name in made[0]) > 0
    for name in made[0]:
        assert made[0][name] == made[1][name], name


def test_queries_in_any_number_of_processes(folder: Path, tmp_path: Path) -> None:
    """A program's answers stand in the order of the questions, whoever evaluates them."""
    program = tmp_path / "evaluate.sh"
    program.write_text("""#!/bin/sh\nwhile read -r line; do echo "${line%?},\\"val_acc\\":0.${#line}}"; done\n""")
    program.chmod(0o700)
    command = f"head -20 cells.jsonl | query cmd:{program} -q"
    one, again, two, three = (
        _bash(f"{command} {options}", folder) for options in ("", "--with batch=3", "--workers 2", "--workers 3")
    )
    assert one == again == two == three
    assert one.count(b"val_acc") == 20
