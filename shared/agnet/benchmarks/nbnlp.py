"""NAS-Bench-NLP: recurrent cells trained as language models (Klyuchnikov et al., 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.benchmarks import sources
from agnet.benchmarks.base import Curve
from agnet.benchmarks.official.nbnlp import EPOCHS, LOSSES, RUNS, keys
from agnet.benchmarks.tabular import Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric

_LONG = {"val": "validation", "test": "test", "train": "training"}


def _loss(part: str, text: str, suffix: str = "") -> Metric:
    return Metric(f"{part}_loss{suffix}", "nats", "minimize", f"{_LONG[part]} loss per token {text}")


class Logs(Tabular):
    """What the published trainings on one data set came to."""

    space = "nbnlp"
    source = "imported from NAS-Bench-NLP's logs (Apache-2.0)"
    metrics = (
        *(_loss(part, "at the epoch of the lowest validation loss, mean of the runs") for part in LOSSES[:2]),
        *(
            Metric(f"{part}_perplexity", "1", "minimize", f"exponential of {part}_loss, {_LONG[part]}")
            for part in LOSSES[:2]
        ),
        Metric("train_time_s", "s", "minimize", "time of training one run"),
        Metric("params_m", "10^6", "minimize", "trainable parameters of the whole model"),
    )
    details = (
        _loss("train", "at that epoch"),
        Metric(
            "trained", "fraction", "maximize", "share of the runs that came to their end; losses are those of these"
        ),
        *(_loss(part, f"of run {run}", f"_s{run}") for part in LOSSES for run in range(RUNS)),
    )
    curves = tuple(Curve(_loss(part, "after each epoch"), range(1, EPOCHS + 1)) for part in LOSSES)
    repeats: Mapping[str, Sequence[str]] = {
        f"{part}_loss": tuple(f"{part}_loss_s{run}" for run in range(RUNS)) for part in LOSSES
    }

    def __init__(self, name: str, data_set: str, size: int) -> None:
        self.name = name
        self.title = f"NAS-Bench-NLP: language models on {data_set}"
        self.size = size

    def missing(self) -> str | None:
        """How to import it."""
        todo = sources.missing(self.name)
        return f"{self.name} {todo}" if todo else None

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] hash of each cell."""
        return keys(graphs)

    def open(self) -> pa.Table:
        """The imported table, with perplexities."""
        table = sources.table(self.name)
        if table is None:
            raise InputError(self.missing())
        for part in LOSSES[:2]:
            loss = arrow.to_numpy(table[f"{part}_loss"].combine_chunks())
            table = table.append_column(f"{part}_perplexity", arrow.numbers(np.exp(loss)))
        return table


ptb = partial(Logs, "nbnlp", "Penn Treebank", 14_322)
wikitext2 = partial(Logs, "nbnlp/wikitext-2", "WikiText-2", 265)
