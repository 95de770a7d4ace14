from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agnet import networks, spaces
from agnet.errors import InputError, RecordError
from agnet.graphs import Graphs
from agnet.search.loop import Budget
from agnet.search.prior import Prior
from agnet.search.study import Study


def all_params() -> np.ndarray:
    space = spaces.get("nb201")
    return networks.params(space, Graphs.concat(list(space.enumerate())))


@pytest.mark.parametrize("text", ["params", "params,flops"])
@pytest.mark.parametrize("name", ["nb101", "nb201", "nb301", "nbnlp"])
def test_sizes_begin_with_large_networks(name: str, text: str) -> None:
    space = spaces.get(name)
    if name == "nbnlp" and "flops" in text:
        text = "params"
    start = Prior(space, text).promising((1,))
    usual = networks.params(space, space.sample(500, np.random.default_rng(0)))
    assert len(start) == len(space.keys(start).unique()) >= 20
    assert np.quantile(usual, 0.9) < networks.params(space, start).min()


def test_a_minus_turns_the_order() -> None:
    params = all_params()
    space = spaces.get("nb201")
    start = Prior(space, "-params").promising((1,))
    assert networks.params(space, start).max() <= np.quantile(params, 0.01)


def test_scores_of_a_file_decide_and_what_has_none_is_left_out(tmp_path: Path) -> None:
    space = spaces.get("nb201")
    graphs = space.sample(40, np.random.default_rng(0))
    arch = space.format(graphs).to_pylist()
    file = tmp_path / "scores.jsonl"
    # small is good in a, and of two scores the mean rank counts; what has but one score does not
    lines = [f'{{"space":"nb201","arch":"{arch[i]}","a":{i},"b":{-2 * i}}}' for i in range(39)]
    file.write_text("\n".join([*lines, f'{{"space":"nb201","arch":"{arch[39]}","a":-5,"b":null}}', ""]))
    prior = Prior(space, f"{file}:-a, b")
    start = space.format(prior.promising((1,))).to_pylist()
    assert sorted(start) == sorted(arch[:20])
    assert start != space.format(prior.promising((2,))).to_pylist()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("params,", "give params, flops or FILE:COLUMN"),
        (":a", "give params, flops or FILE:COLUMN"),
        ("synflow", "'synflow' is not computed, only params and flops are; a column of a file is FILE:synflow"),
        ("missing.jsonl:a", "missing.jsonl: No such file"),
        ("{file}:c", "c"),
        ("{file}:a,b", "no record has a number in all of a, b"),
    ],
)
def test_what_is_no_prior(text: str, reason: str, tmp_path: Path) -> None:
    space = spaces.get("nb201")
    arch = space.format(space.sample(2, np.random.default_rng(0))).to_pylist()
    file = tmp_path / "scores.jsonl"
    file.write_text(f'{{"space":"nb201","arch":"{arch[0]}","a":1}}\n{{"space":"nb201","arch":"{arch[1]}","b":1}}\n')
    with pytest.raises(InputError, match=reason):
        Prior(space, text.format(file=file))


def test_another_space(tmp_path: Path) -> None:
    space = spaces.get("nb101")
    file = tmp_path / "scores.jsonl"
    arch = space.format(space.sample(1, np.random.default_rng(0)))[0].as_py()
    file.write_text(f'{{"space":"nb101","arch":"{arch}","a":1}}\n')
    with pytest.raises((InputError, RecordError), match="nb101"):
        Prior(spaces.get("nb201"), f"{file}:a")


def test_a_search_begins_where_the_prior_says() -> None:
    params = all_params()
    study = Study("nb201/cifar10", "val_acc", True, "bayesian", {"prior": "params"}, Budget(12, 2, 9))
    history = study.run((0,))
    assert len(history) == 12 == len(set(history.keys.to_pylist()))
    first = networks.params(spaces.get("nb201"), history.graphs)[:9]
    large = first >= np.quantile(params, 0.985)
    assert large[[0, 4, 8]].all()
    assert large.sum() < 6
