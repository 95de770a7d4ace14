"""``agnet.fit``: a surrogate that learns and predicts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from agnet import streams, surrogates
from agnet.errors import InputError
from agnet.frames import Records, Source, records, seed_of, several
from agnet.metrics import direction
from agnet.surrogates import files as models
from agnet.surrogates import predicting
from agnet.surrogates.fitted import Fitted
from agnet.surrogates.fitted import fit as learn
from agnet.surrogates.history import examples
from agnet.threads import one_thread


class Predictor:
    """A surrogate that has learned."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        """The surrogate as the library has it."""

    @one_thread
    def predict(self, architectures: Source, *, top: int | None = None, on_error: str = "fail") -> Records:
        """The architectures with ``pred_<metric>``, and ``pred_<metric>_std`` where it knows how sure it is.

        Args:
            architectures: see :func:`agnet.frames.records`.
            top: only so many, those with the best prediction of the first metric, best first.
            on_error: ``fail``, ``skip`` or ``keep``.

        Raises:
            InputError: if an architecture is wrong and ``on_error`` is ``fail``.
        """
        chunk, prediction = predicting.predict(self.fitted, records(architectures).chunk, on_error)
        if top is None:
            return Records(predicting.add(self.fitted, chunk, prediction))
        mean = prediction.mean[:, 0]
        best = streams.Top(top)
        best.add(chunk, -mean if direction(self.fitted.metrics[0]) == "minimize" else mean)
        chosen = best.best()
        if chosen is None:
            return records([])
        return Records(predicting.add(self.fitted, *predicting.predict(self.fitted, chosen, on_error)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned, for ``predict --model``."""
        models.save(self.fitted, os.fspath(path))

    def __repr__(self) -> str:
        return f"Predictor of {', '.join(self.fitted.metrics)} in {self.fitted.space}"


@one_thread
def fit(
    seen: Source,
    surrogate: str = "gp",
    metric: str | Sequence[str] = "val_acc",
    *,
    encoding: Sequence[str] | None = None,
    seed: int | Sequence[int] = 0,
) -> Predictor:
    """A surrogate that learned metrics of evaluated architectures: ``predict --fit``.

    Args:
        seen: evaluated architectures, see :func:`agnet.frames.records`.
        surrogate: ``gp``, ``bayes``, ``xgb``, ``xgb-rank``, ``mlp``, ``ensemble`` or ``gnn``.
        metric: one or several columns to learn.
        encoding: what it reads; by default ``features``.
        seed: decides every random choice.

    Raises:
        InputError: if there is nothing to learn from, or no surrogate of that name.
    """
    inputs = surrogates.Inputs(tuple(encoding)) if encoding else surrogates.Inputs()
    made = surrogates.make(surrogate, inputs)
    chunk = records(seen).chunk
    if not len(chunk):
        raise InputError("no records to learn from")
    history = examples(
        [chunk], list(several(metric)), name="records", latent_length=inputs.latent_length, columns=inputs.columns
    )
    return Predictor(learn(made, history.batch, history.metrics, history.y, seed=seed_of(seed)))
