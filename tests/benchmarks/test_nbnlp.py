"""NAS-Bench-NLP: the official archive for WikiText-2, and the other layouts made from the same runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agnet import arrow, benchmarks, spaces
from agnet.benchmarks import sources, store
from agnet.errors import InputError

from ..layouts import NBNLP_RECIPE, nbnlp_archive, nbnlp_log, nbnlp_naslib

_SPACE = spaces.get("nbnlp")


def _query(*metrics: str, name: str = "nbnlp", recipe: str = NBNLP_RECIPE) -> list[float]:
    benchmark = benchmarks.load(name)
    answer = benchmark.query(_SPACE.parse(arrow.strings([recipe])).graphs, metrics)
    assert not answer.problems
    return [float(answer.columns[metric][0]) for metric in metrics]


def test_the_official_archive(data: Path, fresh: Path) -> None:
    imported = sources.bring_in("nbnlp/wikitext-2", data / "nbnlp" / "logs.zip")
    assert sources.official(imported.originals[0], sources.get("nbnlp/wikitext-2").files) is not None
    logs = json.loads((data / "nbnlp" / "nbnlp_wikitext2_345.json").read_text())
    by_id: dict[str, list[dict[str, Any]]] = {}
    parsed = _SPACE.parse(arrow.strings([json.dumps(log["recepie"]) for log in logs]))
    for name, log in zip(_SPACE.ids(parsed.graphs).to_pylist(), logs, strict=True):
        by_id.setdefault(name, []).append(log)
    benchmark = benchmarks.load("nbnlp/wikitext-2")
    assert imported.rows == benchmark.size == len(by_id)
    metrics = ["val_loss", "test_loss", "val_perplexity", "train_time_s", "params_m", "trained", "val_loss@1"]
    answer = benchmark.query(parsed.graphs, metrics).columns
    for row, name in enumerate(_SPACE.ids(parsed.graphs).to_pylist()):
        runs = by_id[name]
        ended = [run for run in runs if run["status"] == "OK"]
        assert answer["trained"][row] == len(ended) / len(runs)
        best = [int(np.argmin(run["val_losses"])) for run in ended]
        losses = [run["val_losses"][at] for run, at in zip(ended, best, strict=True)]
        expected = [
            np.mean(losses) if ended else np.nan,
            np.mean([run["test_losses"][at] for run, at in zip(ended, best, strict=True)]) if ended else np.nan,
            np.exp(np.mean(losses)) if ended else np.nan,
            np.mean([sum(run["wall_times"]) for run in ended]) if ended else np.nan,
        ]
        np.testing.assert_allclose([answer[metric][row] for metric in metrics[:4]], expected, rtol=1e-12)
        assert answer["params_m"][row] * 1e6 == pytest.approx(runs[0]["num_params"])
    failed = {name for name, runs in by_id.items() if all(run["status"] != "OK" for run in runs)}
    assert 0 < np.isnan(benchmark.table.columns["val_loss"]).sum() == len(failed)


def test_runs_of_one_cell(fresh: Path, tmp_path: Path) -> None:
    """Written in another order, the same cell; the run that did not end counts for nothing but ``trained``."""
    other = '{"a": {"op": "linear", "input": ["h_prev_0", "x"]}, "h_new_0": {"op": "activation_sigm", "input": ["a"]}}'
    logs = [
        nbnlp_log(init_time="2", recepie=other, val_losses=[6.0, 5.0, 4.0], test_losses=[3.0, 2.0, 1.0]),
        nbnlp_log(init_time="1"),
        nbnlp_log(init_time="3", status="loss is nan!", val_losses=[1.0, float("nan")]),
    ]
    sources.bring_in("nbnlp", nbnlp_archive(tmp_path / "logs.zip", *logs))
    assert _query("val_loss", "val_loss_s0", "val_loss_s1", "test_loss", "trained", "train_time_s") == [
        (7 + 4) / 2,
        7,
        4,
        (6 + 1) / 2,
        2 / 3,
        7,
    ]
    assert _query("val_loss@1", "train_loss@2", recipe=other) == [(6 + 8 + 1) / 3, 8]
    assert np.isnan(_query("val_loss_s2", "val_loss@50")).all()


def test_single_and_multiple_runs(fresh: Path, tmp_path: Path) -> None:
    """The archives of Penn Treebank alone, and both in one folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    single = nbnlp_archive(folder / "nbnlp-single_run-logs.zip", nbnlp_log())
    runs = [nbnlp_log(init_time=str(run), val_losses=[5.0 + run], test_losses=[4.0]) for run in (2, 3)]
    multiple = nbnlp_archive(folder / "nbnlp-multi_runs-logs.zip", *runs)
    for path, expected in ((single, 7), (multiple, (7 + 8) / 2), (folder, (7 + 7 + 8) / 3)):
        benchmarks.get.cache_clear()
        sources.bring_in("nbnlp", path)
        assert _query("val_loss") == [expected]
    assert _query("val_loss_s0", "val_loss_s1", "val_loss_s2") == [7, 7, 8]


def test_naslibs_pickle(fresh: Path, tmp_path: Path) -> None:
    path = tmp_path / "nb_nlp.pickle"
    curve = nbnlp_naslib(path)
    sources.bring_in("nbnlp", path)
    assert _query("val_loss", "val_loss@3", "train_time_s", "trained") == pytest.approx([curve[-1], curve[2], 100, 1])


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ([], "no .json file in the archive"),
        (
            [nbnlp_log(data="data/wikitext-2")],
            "log_stats_model_0.json: a training on data/wikitext-2; that is imported as",
        ),
        ([nbnlp_log(), "{"], "log_stats_model_1.json: "),
        ([nbnlp_log(), "[]"], "log_stats_model_1.json: "),
        ([{"data": "x"}], "log_stats_model_0.json: it has no 'val_losses'"),
        ([nbnlp_log(val_losses=[1.0] * 51)], "51 epochs; there are 50"),
        ([nbnlp_log(val_losses=["a"])], "log_stats_model_0.json: could not convert"),
        ([nbnlp_log(recepie="{}")], "no cell in it can be read"),
        (['{"a": "' + "x" * (5 << 20) + '"}'], "too large for a log"),
    ],
)
def test_wrong_archives(fresh: Path, tmp_path: Path, logs: list[object], reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        sources.bring_in("nbnlp", nbnlp_archive(tmp_path / "logs.zip", *logs))
    assert "\n" not in str(error.value)
    assert store.find("nbnlp") is None


def test_damage(data: Path, fresh: Path, tmp_path: Path) -> None:
    content = bytearray((data / "nbnlp" / "logs.zip").read_bytes())
    path = tmp_path / "logs.zip"
    path.write_bytes(content[:-1000])
    with pytest.raises(InputError, match="neither a whole archive"):
        sources.bring_in("nbnlp/wikitext-2", path)
    content[100_000] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"the archive is damaged|log_stats_model"):
        sources.bring_in("nbnlp/wikitext-2", path)
    with pytest.raises(InputError, match="neither a whole archive"):
        sources.bring_in("nbnlp/wikitext-2", data / "README.md")
