"""Every way in which a recurrent cell is written, and what is none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet.spaces.nbnlp import cells, recipes

from .nbnlp_recipes import GRU, Recipe, canonical, compact, equal, is_state, parse, random, some_recipes, space


def problem(text: str | None) -> str:
    parsed = space.parse(pa.array([space.example, text, space.example], pa.string()))
    assert list(parsed.problems) == [1]
    assert parsed.graphs.sizes.tolist() == [[7], [0], [7]]
    assert not parsed.graphs.adjacency[1].any()
    assert "\n" not in parsed.problems[1]
    assert len(parsed.problems[1]) < 400
    return parsed.problems[1]


@given(some_recipes())
@settings(max_examples=20)
def test_every_notation_is_the_same_cell(recipe: Recipe) -> None:
    tuples = compact(recipe)
    # The compact form numbers hidden states by the order of their nodes.
    states = [name for name in recipe if is_state(name)]
    numbered = {name: f"h_new_{number}" for number, name in enumerate(states)}
    renamed = {
        numbered.get(name, name): {
            "op": node["op"],
            "input": [numbered.get(source, source) for source in node["input"]],
        }
        for name, node in recipe.items()
    }
    expected = canonical(renamed)
    assert canonical(str(tuples)) == canonical(json.dumps(tuples)) == expected
    assert canonical(json.dumps(renamed, indent=2)) == expected
    assert canonical(json.dumps(renamed, separators=(",", ":"))) == expected


def test_slices_nulls_and_mixtures() -> None:
    graphs = random(8)
    column = space.format(graphs)
    mixed = pa.array([None, "", *column.to_pylist(), json.dumps(GRU), "x"], pa.string())
    parsed = space.parse(mixed)
    assert sorted(parsed.problems) == [0, 1, 11]
    assert equal(parsed.graphs.take(slice(2, 10)), graphs)
    assert equal(parsed.graphs.take([10]), parse(GRU))
    assert equal(space.parse(mixed.slice(3, 5)).graphs, graphs.take(slice(1, 6)))
    empty = space.parse(pa.array([], pa.string())).graphs
    assert (
        len(empty)
        == len(space.format(empty))
        == len(space.ids(empty))
        == len(space.sample(0, np.random.default_rng(0)))
    )
    assert len(space.neighbours(empty)[0]) == 0


def changed(**nodes: Any) -> str:
    recipe = {name: node for name, node in (GRU | nodes).items() if node is not None}
    return json.dumps(recipe)


def test_problems() -> None:
    assert problem(None) == problem(" ") == "no architecture"
    assert "'relu'" in problem(changed(r_act={"op": "relu", "input": ["r"]}))
    assert "node 'r_act': activation_sigm has 1 inputs, not 2" in problem(
        changed(r_act={"op": "activation_sigm", "input": ["r", "z"]})
    )
    assert "linear has 2 or 3 inputs, not 1" in problem(changed(r={"op": "linear", "input": ["x"]}))
    assert "input 'y'" in problem(changed(r={"op": "linear", "input": ["x", "y"]}))
    assert "one input twice" in problem(changed(r={"op": "linear", "input": ["x", "x"]}))
    assert "cannot take x" in problem(changed(rh={"op": "elementwise_prod", "input": ["r_act", "x"]}))
    assert "depends on itself" in problem(changed(r={"op": "linear", "input": ["x", "h_tilde"]}))
    assert "h_prev_1 is used, but there is no h_new_1" in problem(
        changed(r={"op": "linear", "input": ["x", "h_prev_1"]})
    )
    assert "leads to no hidden state" in problem(changed(spare={"op": "linear", "input": ["x", "r"]}))
    assert "at least one" in problem(changed(h_new_0=None, h={"op": "activation_tanh", "input": ["h_tilde"]}))
    assert "h_new_0, h_new_1, h_new_2" in problem(changed(h_new_2={"op": "activation_tanh", "input": ["h_tilde"]}))
    assert "'x' is an input" in problem(changed(x={"op": "linear", "input": ["h_prev_0", "r"]}))
    assert "is not an object with 'op'" in problem(changed(r=["x"]))
    chain = {f"n{k}": {"op": "activation_tanh", "input": [f"n{k - 1}" if k else "h_prev_0"]} for k in range(21)}
    assert "22 nodes; this space has cells of up to 21" in problem(
        json.dumps(chain | {"h_new_0": {"op": "linear", "input": ["x", "n20"]}})
    )
    assert "the first 4 operations must be 0" in problem("(((0, 4),), (1, 0, 0, 0, 2), (4,))")
    assert "operation '8' is not 1 to 7" in problem("(((0, 4),), (0, 0, 0, 0, 8), (4,))")
    assert "hidden states '[3]'" in problem("(((0, 4),), (0, 0, 0, 0, 2), (3,))")
    assert "edge '[0, 5]'" in problem("(((0, 5),), (0, 0, 0, 0, 2), (4,))")
    assert "three lists" in problem("[1, 2]")


@pytest.mark.parametrize(
    "text",
    ["x", "[", "{}", "[]", "1", "null", '"a"', "(" * 5000, "[" * 90_000, '{"a":' * 50_000, "x" * 200_000, "\0",
     '{"a": {"op": [], "input": []}}', '{"a": {"op": "linear", "input": [1, {}]}}',
     '{"": {"op": "linear", "input": ["", ""]}}',
     "[[[[], []]], [0, 0, 0, 0, 1], [4]]", "[[[0, 1e9]], [0, 0, 0, 0, 1], [4]]", "[[], [0, 0, 0, 0], []]",
     '"op" "op" "op" "op" "input" "x"', '{"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"'],
)  # fmt: skip
def test_rubbish_has_a_reason(text: str) -> None:
    assert problem(text)


WORDS = [*recipes.NAMES, *cells.OPERATIONS, "op", "input", "{", "}", "[", "]", ", ", ": ", '"']


@given(st.lists(st.sampled_from(WORDS), max_size=60), st.booleans())
def test_any_words_are_read_or_refused(words: list[str], quoted: bool) -> None:
    parsed = space.parse(pa.array(['"'.join(words) if quoted else "".join(words)]))
    assert space.valid(parsed.graphs)[0] == (not parsed.problems)


@given(some_recipes(), st.data())
@settings(max_examples=60)
def test_one_wrong_word(recipe: Recipe, data: st.DataObject) -> None:
    words = json.dumps(recipe).split('"')
    place = data.draw(st.integers(0, len(words) - 1))
    words[place] = data.draw(st.sampled_from(WORDS))
    parsed = space.parse(pa.array(['"'.join(words)]))
    assert space.valid(parsed.graphs)[0] == (not parsed.problems)


def test_published_log_files(data: Path) -> None:
    with zipfile.ZipFile(data / "nbnlp" / "logs.zip") as archive:
        logs = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    assert len(logs) == 345
    parse(*(log["recepie"] for log in logs))
