"""A space of the user's own, as docs/adding-a-space.md defines it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import arrow
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.free import FreeCell

_PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-space.md").read_text()
(_MODULE,) = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)


def _space() -> FreeCell:
    names: dict[str, Any] = {}
    exec(_MODULE, names)  # the page's own module
    space: FreeCell = names["Kws"]()
    return space


_KWS = _space()
_DRAWN = _KWS.sample(400, np.random.default_rng(0))


def _cells(*texts: str) -> Graphs:
    parsed = _KWS.parse(arrow.strings(texts))
    assert not parsed.problems
    return parsed.graphs


def test_what_is_written_can_be_read() -> None:
    text = _KWS.format(_DRAWN)
    again = _KWS.parse(text)
    assert not again.problems
    assert _KWS.format(again.graphs).equals(text)
    assert _KWS.ids(again.graphs).equals(_KWS.ids(_DRAWN))
    assert _KWS.format(_cells(_KWS.example)).to_pylist() == [_KWS.example]


def test_samples_keep_limits_and_rule_and_are_of_every_size() -> None:
    pools = (_DRAWN.ops[:, 0] == _KWS.node_types.index("pool")).sum(axis=1)
    assert pools.max() == 1
    assert _DRAWN.adjacency.sum(axis=(1, 2, 3)).max() == _KWS.max_edges
    assert np.bincount(_DRAWN.sizes[:, 0], minlength=8)[3:].min() > 5
    assert len(_KWS.ids(_DRAWN).unique()) > 200
    assert _KWS.valid(_DRAWN).all()


@given(st.integers(0, len(_DRAWN) - 1), st.randoms(use_true_random=False))
def test_numbering_does_not_matter(row: int, random: Any) -> None:
    graphs = _DRAWN.take(np.array([row]))
    size = int(graphs.sizes[0, 0])
    order = list(range(1, size - 1))
    random.shuffle(order)
    place = {0: 0, size - 1: size - 1} | {node: number for number, node in enumerate(order, start=1)}
    names = [_KWS.node_types[graphs.ops[0, 0, node]] for node in order]
    edges = [f"{place[a]}{place[b]}" for a, b in np.argwhere(graphs.adjacency[0, 0]).tolist()]
    random.shuffle(edges)
    assert _KWS.ids(_cells(",".join(names) + "/" + ",".join(edges))).equals(_KWS.ids(graphs))


def _brute(text: str) -> tuple[Any, ...]:
    """The smallest of all drawings of a cell: equal for two cells if and only if they are isomorphic."""
    names, _, pairs = text.partition("/")
    operations = names.split(",") if names else []
    edges = [(int(a), int(b)) for a, b in pairs.split(",")]
    k = len(operations)
    drawings = []
    for order in itertools.permutations(range(k)):
        place = {0: 0, k + 1: k + 1} | {old + 1: new + 1 for new, old in enumerate(order)}
        drawings.append(([operations[old] for old in order], sorted((place[a], place[b]) for a, b in edges)))
    return min((tuple(ops), tuple(pairs)) for ops, pairs in drawings)


def test_ids_are_those_of_isomorphism() -> None:
    text = _KWS.format(_DRAWN).to_pylist()
    ids = _KWS.ids(_DRAWN).to_pylist()
    brute = [_brute(cell) for cell in text]
    assert len(set(brute)) == len(set(ids)) == len(set(zip(brute, ids, strict=True)))


def test_useless_nodes_are_taken_off() -> None:
    assert _KWS.format(_cells("dw3,dw5,pool/01,14,02")).to_pylist() == ["dw3/01,12"]
    # Two poolings, but only one of them does anything.
    assert _KWS.format(_cells("pool,pool/01,13,02")).to_pylist() == ["pool/01,12"]
    assert _KWS.format(_cells("/01")).to_pylist() == ["/01"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dw3", "'dw3' is not of the form dw5,dw3,pool/01,02,14,23,34"),
        ("dw7/01,12", "no operation is called 'dw7'; there are dw3, dw5, pool"),
        ("dw3/01,13", "an edge from 1 to 3, but the nodes are 0 to 2"),
        ("dw3,dw3/01,12,21,23", "its edges make a cycle"),
        ("dw3/00,01,12", "its edges make a cycle"),
        ("dw3,dw3/01,23", "no path leads from the input to the output"),
        ("pool,pool/01,12,23", "it breaks the rule of kws"),
        ("dw3,dw3,dw3/01,02,03,04,12,13,14,23,24,34", "10 edges, at most 9 are allowed"),
        ("dw3,dw3,dw3,dw3,dw3,dw3/01,17", "6 operations, at most 5 are allowed"),
        (None, "no architecture"),
    ],
)
def test_wrong_cells(text: str | None, reason: str) -> None:
    import pyarrow as pa

    parsed = _KWS.parse(pa.array([_KWS.example, text, _KWS.example]))
    assert parsed.problems == {1: reason}
    assert parsed.graphs.sizes[:, 0].tolist() == [5, 0, 5]
    assert _KWS.format(parsed.graphs).to_pylist() == [_KWS.example, None, _KWS.example]


def test_neighbours() -> None:
    found, rows = _KWS.neighbours(_cells("/01", "dw3,dw5/01,12,23"))
    text = np.array(_KWS.format(found).to_pylist())
    assert sorted(text[rows == 0]) == ["dw3/01,12", "dw5/01,12", "pool/01,12"]
    change = {"dw5,dw5", "pool,dw5", "dw3,dw3", "dw3,pool"}
    expected = {f"{names}/01,12,23" for names in change} | {"dw3,dw5/01,02,12,23", "dw3,dw5/01,12,13,23"}
    expected |= {"dw3,dw5/01,03,12,23"}
    longer = {
        ",".join((*("dw3", "dw5")[:at], kind, *("dw3", "dw5")[at:])) for at in range(3) for kind in _KWS.operations
    }
    assert set(text[rows == 1]) == expected | {f"{names}/01,12,23,34" for names in longer}
    found, rows = _KWS.neighbours(_DRAWN)
    assert _KWS.valid(found).all()
    ids, own = _KWS.ids(found).to_pylist(), _KWS.ids(_DRAWN).to_pylist()
    assert all(there != own[row] for there, row in zip(ids, rows.tolist(), strict=True))
    assert len(set(zip(ids, rows.tolist(), strict=True))) == len(ids)


def test_a_rule_that_nothing_keeps() -> None:
    class Never(type(_KWS)):  # type: ignore[misc]
        def rule(self, graphs: Graphs) -> np.ndarray[Any, Any]:
            return np.zeros(len(graphs), np.bool_)

    with pytest.raises(InputError, match=r"kws: none of .* random cells is valid"):
        Never().sample(1, np.random.default_rng(0))
