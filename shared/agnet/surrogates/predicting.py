"""Records with what a surrogate predicts about them."""

from __future__ import annotations

import numpy as np

from agnet import arrow, records, spaces, streams
from agnet.streams import Chunk
from agnet.surrogates.base import Batch, Prediction
from agnet.surrogates.fitted import Fitted
from agnet.surrogates.history import latents, numeric


def predict(fitted: Fitted, chunk: Chunk, on_error: str) -> tuple[Chunk, Prediction]:
    """The records that go on, and what is predicted for them; NaN for wrong ones.

    Raises:
        RecordError: if a record is wrong and ``on_error`` is ``fail``.
    """
    space = spaces.get(fitted.space)
    parsed = records.read(space, chunk)
    chunk, rows = streams.settle(chunk, parsed.problems, "arch", on_error)
    batch = Batch(space, parsed.graphs.take(rows))
    length = fitted.surrogate.inputs.latent_length
    if length is not None:
        latent, problems = latents(chunk, length)
        chunk, rows = streams.settle(chunk, problems, "latent", on_error)
        batch = Batch(space, batch.graphs, latent).take(rows)
    if fitted.surrogate.inputs.columns:
        values, problems = numeric(chunk, fitted.surrogate.inputs.columns)
        chunk, rows = streams.settle(chunk, problems, "feature", on_error)
        batch = Batch(space, batch.graphs, batch.latent, values).take(rows)
    return chunk, fitted.predict(batch)


def add(fitted: Fitted, chunk: Chunk, prediction: Prediction) -> Chunk:
    """The records with columns ``pred_<metric>``, and ``pred_<metric>_std`` where the surrogate has a spread."""
    columns = {}
    for i, metric in enumerate(fitted.metrics):
        columns[f"pred_{metric}"] = prediction.mean[:, i]
        if prediction.std is not None:
            columns[f"pred_{metric}_std"] = prediction.std[:, i]
    return chunk.set({name: arrow.numbers(values, null=np.isnan(values)) for name, values in columns.items()})
