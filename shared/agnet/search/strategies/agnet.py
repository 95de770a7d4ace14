"""AG-Net: retrain the generator and its predictor on what was evaluated, generate, take the best predictions.

Lukasik, Jung, Keuper: "Learning Where To Look - Generative NAS is Surprisingly Efficient", ECCV 2022, section 3.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agnet import arrow, surrogates
from agnet.generator import checkpoint
from agnet.generator.adaptation import Settings, adapt
from agnet.generator.network import Config
from agnet.generator.sampling import Generation, predict_latents
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search.history import History
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed
from agnet.seen import Seen, hashes
from agnet.spaces.base import Space
from agnet.surrogates.fitted import fit

_Predict = Callable[[Graphs, NDArray[np.float32]], NDArray[np.float32]]
"""Metrics [n, metrics] of [n] generated architectures and their latents."""


class AgnetStrategy(Strategy):
    """The published search.

    A round is what ``train-gen --init --weight-by --predict``, ``generate --unique --exclude --latent uniform`` and
    ``predict --model --top`` do with the same seed.
    """

    def __init__(
        self,
        space: Space,
        metric: str,
        *,
        maximize: bool,
        generator: str | None = None,
        candidates: int = 100,
        max_samples: int = 4500,
        epochs: int = 30,
        alpha: float = 0.9,
        predictor: str | None = None,
        without: str | None = None,
    ) -> None:
        """Start from a trained generator.

        Args:
            space: the space to search.
            metric: what the predictor learns.
            maximize: whether larger is better.
            generator: checkpoint; by default the one that comes with agnet.
            candidates: valid new architectures generated in a round, out of which the best predictions are queried.
            max_samples: samples after which a round makes do with the new architectures found so far, as published.
            epochs: passes over all evaluated architectures in a round.
            alpha: share of the predictor in the joint loss.
            predictor: a surrogate that reads the architectures generated and takes the place of the network's own
                predictor, the generator being retrained beside it (section 4.1, "XGB" and "XGB + ranking").
            without: ``lso``: the generator stays as it is and only the predictor learns; ``backprop``: the predictor's
                error does not reach the generator (section 4.5).

        Raises:
            InputError: if there is no such generator or surrogate, or the generator is for another space.
        """
        super().__init__(space, metric, maximize=maximize)
        self._generator = checkpoint.load(generator or f"{space.name}-agnet", space=space.name)
        self._candidates, self._max_samples = candidates, max_samples
        if predictor:
            surrogates.get(predictor)
        self._predictor = predictor
        self._settings = Settings(
            epochs=epochs,
            alpha=alpha,
            backpropagate=without != "backprop",
            learn_generator=without != "lso",
        )

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` generated architectures with the best predictions; now and then none.

        Rarely the last steps of a retraining lead to a generator of which hardly any sample is valid. The next
        retraining mends it.
        """
        done = np.isfinite(history.scores)
        predict = self._learn(history, done, seed)
        seen = Seen()
        seen.add(hashes(history.seen))
        blocks = list(
            Generation(
                self._generator,
                self.space,
                max(self._candidates, n),
                seed,
                latent="uniform",
                unique=self.space.identity,
                exclude=seen,
                max_samples=self._max_samples,
            )
        )
        if not blocks:
            none = Graphs.blank(0, len(self.space.cells), self.space.max_nodes)
            return Proposal(none, records(self.space, none))
        graphs = Graphs.concat([block.graphs for block in blocks])
        latent = np.concatenate([block.latent for block in blocks])
        objective = history.objective
        predicted = predict(graphs, latent)
        if objective.plain:
            scores = predicted[:, 0].astype(np.float64) * (1 if self.maximize else -1)
        else:  # what is predicted is judged as what is measured
            named = dict(zip(objective.metrics, predicted.T.astype(np.float64), strict=True))
            scores = objective.scores(objective.measure(named))
        best = np.argsort(-scores, kind="stable")[:n]
        graphs = graphs.take(best)
        table = records(self.space, graphs)
        table = table.append_column("latent", arrow.lists(latent[best]))
        for name, column in zip(objective.metrics, predicted[best].T, strict=True):
            table = table.append_column(f"pred_{name}", arrow.numbers(column))
        return Proposal(graphs, table)

    def state(self) -> dict[str, NDArray]:
        """See :meth:`Strategy.state`."""
        metrics = json.dumps(self._generator.agnet.metrics).encode()
        return {"metrics": np.frombuffer(metrics, np.uint8), **self._generator.parameters}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """See :meth:`Strategy.restore`."""
        before, parameters = self._generator.agnet, dict(state)
        metrics = tuple(json.loads(parameters.pop("metrics").tobytes()))
        config = Config(before.cells, before.shape, metrics)
        if {name: value.shape for name, value in parameters.items()} != config.parameter_shapes():
            raise ValueError("another generator's parameters")
        self._generator = replace(self._generator, config=config, parameters=parameters)

    def _learn(self, history: History, done: NDArray[np.bool_], seed: Seed) -> _Predict:
        """Retrain the generator and what predicts, on those evaluated architectures that are ``done``."""
        objective = history.objective
        columns, graphs = history.columns, history.graphs.take(done)
        learned = np.stack([columns[name][done] for name in objective.metrics], axis=1)
        # Squared errors of milliseconds would drown those of accuracies, and the generator with them.
        shift, unit = (0.0, 1.0) if objective.plain else _scale(learned)
        joint = self._predictor is None
        self._generator = adapt(
            self._generator,
            graphs,
            seed,
            rank_by=learned[:, 0] if objective.plain else history.scores[done],
            maximize=self.maximize if objective.plain else True,
            metrics=objective.metrics if joint else (),
            values=(learned - shift) / unit if joint else None,
            settings=self._settings,
        )
        if self._predictor is None:
            generator = self._generator
            return lambda graphs, latent: (predict_latents(generator, latent) * unit + shift).astype(np.float32)
        # On the flat encoding, as published.
        surrogate = surrogates.make(self._predictor, surrogates.Inputs(("onehot",)))
        fitted = fit(surrogate, surrogates.Batch(self.space, graphs), objective.metrics, learned, seed=seed)
        return lambda graphs, latent: fitted.predict(surrogates.Batch(self.space, graphs)).mean


def _scale(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What to subtract from, and then divide, each column of [n, metrics] by; accuracies vary by about a tenth."""
    present = np.isfinite(values)
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, values, 0).sum(axis=0) / count
    deviation = np.sqrt((np.where(present, values - mean, 0) ** 2).sum(axis=0) / count)
    return mean, np.where(deviation > 0, deviation, 1) * 10
