"""How long a new generator learns until its samples are as valid as AG-Net's, in CPU seconds.

As ``train-gen`` learns by default, with a look at 1,000 samples every eight steps. AG-Net's published loop takes about
90 seconds of CPU for NAS-Bench-201, of which a tenth is allowed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from agnet import spaces
from agnet.generator.autoregressive.training import AutoregressiveLearner
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.training import Schedule
from bench.measure import Row

_ALLOWED = 9.0
_LEARNED, _SAMPLES, _STEPS = 15_000, 1000, 8
_LONGEST = 1000
"""Steps after which it is given up."""
_GOALS = {"nb201": ("95 % of NAS-Bench-201", 0.95), "nb101": ("AG-Net's 71.8 % of NAS-Bench-101", 0.718)}


def rows() -> Iterator[Row]:
    """Spaces with a goal."""
    for name, (title, goal) in _GOALS.items():
        taken = statistics.median(_seconds(name, goal, seed) for seed in range(3))
        yield Row(
            f"train-gen until {title} are valid", taken, "a tenth of AG-Net's loop", _ALLOWED, taken / _ALLOWED, 1.0
        )


def _seconds(name: str, goal: float, seed: int) -> float:
    """CPU seconds; infinite if the goal is not reached."""
    space, rng = spaces.get(name), np.random.default_rng(seed)
    graphs = space.sample(_LEARNED, rng)
    start = Checkpoint.initial(space, (seed,), "autoregressive")
    schedule = Schedule.of(len(graphs), start.model)
    started = time.process_time()
    learner = AutoregressiveLearner(start, space, graphs, "cpu")
    while learner.steps < _LONGEST:
        learner.learn(rng.integers(len(graphs), size=schedule.batch), None, schedule.rate)
        if learner.steps % _STEPS == 0:
            latent = rng.standard_normal((_SAMPLES, start.config.latent_length), np.float32)
            if space.valid(learner.sampler().graphs(latent, rng, 1.0)).mean() >= goal:
                return time.process_time() - started
    return float("inf")
