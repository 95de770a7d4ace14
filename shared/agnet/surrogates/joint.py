"""The predictor that was trained together with a generator, inside the generator's checkpoint."""

from __future__ import annotations

import numpy as np

from agnet.errors import InputError
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.sampling import predict_latents
from agnet.surrogates.base import Batch, Prediction, Predictor
from agnet.surrogates.fitted import Fitted
from agnet.surrogates.inputs import Inputs


class Joint(Predictor):
    """Metrics of what a generator decodes from a latent; train-gen trains both."""

    def __init__(self, generator: Checkpoint) -> None:
        super().__init__(Inputs((), generator))
        self._generator = generator
        self._network = generator.network(double=True)

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`."""
        assert batch.latent is not None
        made = predict_latents(self._generator, batch.latent, network=self._network)
        return Prediction(made.astype(np.float32))


def of_generator(generator: Checkpoint, name: str) -> Fitted:
    """The predictor in a generator's checkpoint, which messages call ``name``.

    Raises:
        InputError: if it has none.
    """
    if not generator.agnet.metrics:
        raise InputError(f"{name}: a generator without a predictor; train-gen --predict trains one with it")
    return Fitted(generator.space, generator.agnet.metrics, Joint(generator))
