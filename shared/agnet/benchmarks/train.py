"""``train``: makes the network of an architecture and trains it on images, see docs/training.md.

Every random number depends on the seed and on the architecture alone: an architecture is answered alike whatever else
is asked, on one machine with one number of threads. Nothing is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from agnet import networks, seeds, spaces
from agnet.benchmarks.base import Answer
from agnet.benchmarks.open import Open, told
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.names import nearest
from agnet.networks.base import ImageSettings
from agnet.records import records
from agnet.seeds import Seed
from agnet.training.recipe import Recipe, values

if TYPE_CHECKING:
    from agnet.images import Images
    from agnet.training.loop import Trainer

_SPACES = ("nb101", "nb201", "nb301")


@dataclass(frozen=True, slots=True)
class _Settings:
    data: str = ""
    """See :mod:`agnet.images`."""
    size: int = 0
    """Height and width that images of a folder are brought to."""
    recipe: str = "quick"
    """Name of a recipe, or a TOML file."""
    seed: int = 0
    runs: int = 1
    """Trainings of each network, with the seeds from ``seed`` on; the answer is their mean."""
    device: str = ""
    """As PyTorch names it; a GPU if there is one."""


class Train(Open):
    """What networks reach that are trained for it.

    Options: those of :class:`_Settings`, and every value of a :class:`~agnet.training.recipe.Recipe`.
    """

    title = "a training of the network on images of yours"
    source = "trained when asked, on the images of --data; nothing is stored"
    metrics = (
        Metric("val_acc", "fraction", "maximize", "right of the images that were set apart to choose by"),
        Metric("test_acc", "fraction", "maximize", "right of the images that nothing was chosen by"),
        Metric("train_time_s", "s", "minimize", "training, without the evaluation"),
        Metric("params_m", "million", "minimize", "trainable parameters"),
    )
    details = (
        Metric("val_loss", "nats", "minimize", "cross entropy on the images of val_acc"),
        Metric("test_loss", "nats", "minimize", "cross entropy on the images of test_acc"),
        Metric("train_loss", "nats", "minimize", "mean of the last epoch, with what the recipe adds to it"),
    )
    at_once = 1

    def __init__(self, name: str, space: str, options: Mapping[str, str]) -> None:
        super().__init__(name, space, options)
        if space and space not in _SPACES:
            what = "networks of nbnlp read text" if space == "nbnlp" else f"no network is known for those of {space}"
            raise InputError(f"{name} trains on images, architectures of {', '.join(_SPACES)}; {what}")
        mine, recipe = ([field.name for field in fields(kind)] for kind in (_Settings, Recipe))
        for option in options:
            if option not in (*mine, *recipe):
                raise InputError(f"{name} has no option {option!r}{nearest(option, [*mine, *recipe])}")
        self._settings = told(_Settings(), {key: text for key, text in options.items() if key in mine}, name)
        base = told(Recipe(), values(self._settings.recipe), f"recipe {self._settings.recipe}")
        self._recipe = told(base, {key: text for key, text in options.items() if key in recipe}, name)
        if self._settings.seed < 0:
            raise InputError(f"{name}: seed={self._settings.seed}: must not be negative")
        if self._settings.runs < 1:
            raise InputError(f"{name}: runs={self._settings.runs}: must be at least 1")

    def missing(self) -> str | None:
        """That it has not been told which images, or that there are none of that name."""
        if not self.space:
            return None
        if not self._settings.data:
            return f"{self.name}: say which images: --data digits, a folder or a .npz file, see docs/training.md"
        from agnet import images  # noqa: PLC0415 - only needed here

        try:
            images.check(self._settings.data, size=self._settings.size)
        except InputError as error:
            return str(error)
        return None

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Train one network after the other; see :meth:`Benchmark.query`.

        An architecture whose training diverges, or does not fit into the memory, is a problem.

        Raises:
            InputError: if the images cannot be read or do not suit the network, or ``draw`` is given.
        """
        names = self.select(metrics)
        if draw is not None:
            raise InputError(f"{self.name}: there are no runs to draw from; other numbers come from --with seed=1")
        readable = np.flatnonzero(self.has(graphs))
        problems = {int(row): "not an architecture" for row in np.flatnonzero(~self.has(graphs))}
        columns = {name: np.full(len(graphs), np.nan) for name in names}
        if len(readable):
            space, known = spaces.get(self.space), graphs.take(readable)
            keys = records(space, known)[space.identity].to_pylist()
            size = networks.params(space, known, _without_auxiliary(self._network)) / 1e6
            for at, row in enumerate(readable.tolist()):
                found = self._mean(known.take(slice(at, at + 1)), keys[at])
                if isinstance(found, str):
                    problems[row] = found
                    continue
                found["params_m"] = size[at]
                for name in names:
                    columns[name][row] = found[name]
        return Answer(columns, problems)

    def _mean(self, graph: Graphs, key: str) -> dict[str, float] | str:
        """What all trainings of an architecture gave, or why one gave nothing."""
        found: list[dict[str, float]] = []
        for run in range(self._settings.runs):
            one = self._train(graph, key, self._settings.seed + run)
            if isinstance(one, str):
                return one
            found.append(one)
        return {name: sum(one[name] for one in found) / len(found) for name in found[0]}

    def _train(self, graph: Graphs, key: str, number: int) -> dict[str, float] | str:
        """What one training gave, or why it gave nothing."""
        import torch  # noqa: PLC0415 - heavy

        from agnet.training.loop import Diverged  # noqa: PLC0415

        trainer = self._trainer
        # the identity of an architecture as a number
        seed = (number, int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
        devices = [trainer.device] if trainer.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.backends.cudnn.flags(deterministic=True):
            torch.manual_seed(seeds.integer(seed, "train"))
            try:
                network = networks.build(spaces.get(self.space), graph, self._network)
                outcome = trainer.train(network, seeds.torch_stream(seed, "train"))
            except Diverged as error:
                return str(error)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if "memory" not in str(error):
                    raise
                return "the network and its images do not fit into the memory; a smaller batch or width may"
        return {
            "val_acc": outcome.val.accuracy,
            "val_loss": outcome.val.loss,
            "test_acc": outcome.test.accuracy,
            "test_loss": outcome.test.loss,
            "train_time_s": outcome.seconds,
            "train_loss": outcome.train_loss,
        }

    @cached_property
    def _images(self) -> Images:
        """The images, some of them set apart."""
        from agnet import images  # noqa: PLC0415 - only needed here
        from agnet.images.base import set_apart  # noqa: PLC0415

        found = images.load(self._settings.data, size=self._settings.size)
        if found.val is not None:
            return found
        if not self._recipe.validation:
            raise InputError(f"{self.name}: validation=0: there are no other images to choose by in {found.name}")
        # the same ones for all architectures and seeds, so that they can be compared
        rest, val = set_apart(found.train, self._recipe.validation, seeds.numpy_stream((0,), "validation"))
        if not len(val):
            raise InputError(f"{self.name}: {found.name} has no two images of any class, none can be set apart")
        return replace(found, train=rest, val=val)

    @cached_property
    def _trainer(self) -> Trainer:
        import torch  # noqa: PLC0415 - heavy

        from agnet.training.loop import Trainer  # noqa: PLC0415

        device = self._settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"{self.name}: device={device}: {' '.join(str(error).split())[:200]}") from None
        return Trainer(self._images, self._recipe, device)

    @cached_property
    def _network(self) -> ImageSettings:
        """How large networks are."""
        recipe, images = self._recipe, self._images
        sizes = {name: value for name, value in (("channels", recipe.width), ("cells", recipe.depth)) if value}
        extra: dict[str, Any] = {}
        if self.space == "nb301":
            extra = {"auxiliary": recipe.auxiliary > 0, "drop_path": 0.0}
        elif recipe.auxiliary or recipe.drop_path:
            raise InputError(f"{self.name}: only networks of nb301 have an auxiliary classifier and drop paths")
        for image in images.shape:  # both have to suit
            settings = networks.settings(
                spaces.get(self.space),
                recipe.network or None,
                classes=len(images.classes),
                image=image,
                image_channels=images.channels,
                **sizes,
                **extra,
            )
        assert isinstance(settings, ImageSettings)
        return settings


def _without_auxiliary(settings: ImageSettings) -> ImageSettings:
    """Settings whose parameters are those that count in publications."""
    return replace(settings, auxiliary=False) if hasattr(settings, "auxiliary") else settings  # type: ignore[call-arg]
