from __future__ import annotations

import json
from pathlib import Path

import orjson
import pyarrow as pa

from agnet.networks import flops, params, settings
from agnet.spaces.nbnlp import NBNLP

space = NBNLP()


def test_the_parameters_of_the_logs(data: Path) -> None:
    runs = json.loads((data / "nbnlp" / "nbnlp_wikitext2_345.json").read_text())
    parsed = space.parse(pa.array([orjson.dumps(run["recepie"]).decode() for run in runs]))
    assert len(runs) == 345
    assert not parsed.problems
    found = params(space, parsed.graphs, settings(space, "wikitext-2"))
    assert found.tolist() == [run["num_params"] for run in runs]


def test_the_smallest_cell() -> None:
    graphs = space.parse(pa.array([space.example])).graphs
    chosen = settings(space, tokens=7, embedding=2, hidden=3, layers=3)
    weights = 3 * (2 + 3) + 3 + 3 * (3 + 3) + 3 + 2 * (3 + 2) + 2
    assert params(space, graphs, chosen).tolist() == [weights + 7 * 2 + 7]
    assert flops(space, graphs, chosen).tolist() == [weights + 7 * 2 + 7]
