"""Recipes of recurrent cells, and the same cells in disguise."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from agnet.graphs import Graphs
from agnet.spaces.nbnlp import NBNLP, cells

space = NBNLP()
Recipe = dict[str, dict[str, Any]]
COMPACT = ("in", *cells.OPERATIONS)

GRU = {
    "r": {"op": "linear", "input": ["x", "h_prev_0"]},
    "r_act": {"op": "activation_sigm", "input": ["r"]},
    "z": {"op": "linear", "input": ["x", "h_prev_0"]},
    "z_act": {"op": "activation_sigm", "input": ["z"]},
    "rh": {"op": "elementwise_prod", "input": ["r_act", "h_prev_0"]},
    "h_tilde": {"op": "linear", "input": ["x", "rh"]},
    "h_tilde_act": {"op": "activation_tanh", "input": ["h_tilde"]},
    "h_new_0": {"op": "blend", "input": ["z_act", "h_prev_0", "h_tilde_act"]},
}


def parse(*things: Recipe | str) -> Graphs:
    parsed = space.parse(pa.array([thing if isinstance(thing, str) else json.dumps(thing) for thing in things]))
    assert parsed.problems == {}
    assert space.valid(parsed.graphs).all()
    return parsed.graphs


def canonical(*things: Recipe | str) -> list[str]:
    return space.format(parse(*things)).to_pylist()


def random(n: int, seed: int = 0) -> Graphs:
    return space.sample(n, np.random.default_rng(seed))


def equal(left: Graphs, right: Graphs) -> bool:
    return (
        np.array_equal(left.ops, right.ops)
        and np.array_equal(left.adjacency, right.adjacency)
        and np.array_equal(left.sizes, right.sizes)
        and np.array_equal(left.ordered(), right.ordered())
    )


def is_state(name: str) -> bool:
    return name.startswith("h_new_") and name[6:].isdigit()


def swapped_states(recipe: Recipe) -> Recipe:
    """The recipe with the names of hidden states 1 and 2 exchanged."""
    other = {"h_prev_1": "h_prev_2", "h_prev_2": "h_prev_1", "h_new_1": "h_new_2", "h_new_2": "h_new_1"}
    return {
        other.get(name, name): {"op": node["op"], "input": [other.get(source, source) for source in node["input"]]}
        for name, node in recipe.items()
    }


def disguised(recipe: Recipe, rng: np.random.Generator) -> Recipe:
    """The same cell: other names, nodes in another order, inputs too where their order does not matter."""
    states = sum(map(is_state, recipe))
    if states == 3 and rng.random() < 0.5:
        recipe = swapped_states(recipe)
    numbers = rng.permutation(len(recipe))
    names = {name: name if is_state(name) else f"v{number}" for name, number in zip(recipe, numbers, strict=True)}
    nodes = []
    for name, node in recipe.items():
        inputs = [names.get(source, source) for source in node["input"]]
        if node["op"] != "blend":
            inputs = [inputs[place] for place in rng.permutation(len(inputs))]
        nodes.append((names[name], {"op": node["op"], "input": inputs}))
    return dict(nodes[place] for place in rng.permutation(len(nodes)))


def compact(recipe: Recipe) -> tuple[Any, ...]:
    """NASLib's converter for recipes whose nodes stand behind their inputs."""
    names = ["x", "h_prev_0", "h_prev_1", "h_prev_2", *recipe]
    edges = [(names.index(source), names.index(name)) for name, node in recipe.items() for source in node["input"]]
    ops = [0] * 4 + [COMPACT.index(node["op"]) for node in recipe.values()]
    return tuple(edges), tuple(ops), tuple(names.index(name) for name in recipe if is_state(name))


@cache
def pool() -> list[str]:
    texts: list[str] = space.format(random(1000, seed=9)).to_pylist()
    return texts


@st.composite
def some_recipes(draw: st.DrawFn) -> Recipe:
    recipe: Recipe = json.loads(pool()[draw(st.integers(0, 999))])
    return recipe
