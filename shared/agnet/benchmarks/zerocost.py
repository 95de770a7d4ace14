"""Scores of networks that have not been trained, as a benchmark of any space whose networks take images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from agnet import images, networks, spaces
from agnet.benchmarks.base import Answer
from agnet.benchmarks.open import Open, told
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.images import Images
from agnet.metrics import Metric, direction
from agnet.names import nearest
from agnet.networks.base import ImageSettings
from agnet.seeds import Seed, integer, numpy_stream

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_DESCRIPTIONS = {
    "ntk": "condition number of the neural tangent kernel (TE-NAS)",
    "regions": "number of linear regions that inputs fall into (TE-NAS)",
    "naswot": "log-determinant of how many rectifiers agree between images",
    "synflow": "logarithm of the flow through positive weights",
    "jacov": "correlation of the outputs' gradients between images",
    "grad_norm": "norm of the loss's gradient, summed over layers",
    "snip": "|weight × gradient of the loss|, summed",
    "fisher": "(activation × gradient of the loss)², summed",
    "grasp": "−weight × Hessian × gradient of the loss, summed",
}
_SIZES = {"params_m": ("million", "trainable parameters"), "flops_m": ("million", "multiply-adds of an inference")}
_SALIENCY = ("grad_norm", "snip", "fisher")

_PRESETS = {"nb301": "cifar10-naslib"}
"""Networks that the published scores are of, where that is not a space's first preset."""
_NARROWEST = {"nb101": 5, "nb201": 1, "nb301": 2}
"""Fewest channels that a network can have."""
_CENTRED = ("nb301",)
"""Whose networks end in batch normalisation, see :func:`agnet.proxies.kernel.condition`."""
_CHUNK = 8
"""Gradients of single images that are held at a time, in a network of full width; of a thin one all are."""
_PATCH, _POINTS, _PARTS = 4, 3000, 3
"""Pixels of the inputs that regions are counted with, how many, in how many batches: TE-NAS takes 3, 3000, 3; here
networks halve an image twice."""


@dataclass(frozen=True, slots=True)
class _Settings:
    proxies: str = ",".join(name for name in (*_DESCRIPTIONS, *_SIZES) if name not in ("fisher", "grasp"))
    """Which to compute."""
    data: str = "noise"
    """Images, see :func:`agnet.images.load`."""
    image: int = 0
    """Height and width of the images of a folder and of noise; 0: as they are, and what the network is made for."""
    batch: int = 32
    """Images that a score is computed with."""
    seeds: int = 3
    """Networks with weights and images of their own, over which each score is the mean."""
    seed: int = 0
    """Decides all weights and which images are taken."""
    network: str = ""
    """Preset and settings, see :func:`agnet.networks.parse`; empty: what the published scores are of."""
    ntk_batch: int = 24
    """Images of the neural tangent kernel."""
    thin: bool = True
    """Whether the neural tangent kernel is that of a network with the fewest channels, as in TE-NAS."""
    dims: int = 1
    """Dimensions of the space that regions are counted in; 0: patches of the images."""
    device: str = "cpu"


class ZeroCost(Open):
    """Zero-cost proxies.

    All architectures get weights by the same seeds and the same images, so what an architecture is answered does not
    depend on what else is asked.
    """

    title = "scores of the untrained network"
    source = "computed"
    metrics: tuple[Metric, ...] = ()
    at_once = 1

    def __init__(self, name: str, space: str, options: Mapping[str, str]) -> None:
        super().__init__(name, space, options)
        self._settings = told(_Settings(), options, name)
        known = [*_DESCRIPTIONS, *_SIZES]
        wanted = [proxy.strip() for proxy in self._settings.proxies.split(",")]
        for proxy in wanted:
            if proxy not in known:
                raise InputError(f"{name} has no proxy {proxy!r}{nearest(proxy, known)}")
        chosen = tuple(dict.fromkeys(wanted))
        self.metrics, self.details = _metrics(chosen), _metrics([proxy for proxy in known if proxy not in chosen])
        for field in ("batch", "seeds", "ntk_batch"):
            if getattr(self._settings, field) < 1:
                raise InputError(f"{name}: {field} must be at least 1")
        for field in ("dims", "image", "seed"):
            if getattr(self._settings, field) < 0:
                raise InputError(f"{name}: {field} must not be negative")
        if self.space and self.space not in _NARROWEST:
            raise InputError(f"{name} scores networks that take images, of {', '.join(_NARROWEST)}; not of {space}")

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Score each network; see :meth:`Benchmark.query`.

        Raises:
            InputError: if the images or the network are impossible, or ``draw`` is given.
        """
        if draw is not None:
            raise InputError(f"{self.name}: scores are means over seeds; ask for one with --with seeds=1 --with seed=N")
        names = self.select(metrics)
        readable = np.flatnonzero(self.has(graphs))
        columns = {name: np.full(len(graphs), np.nan) for name in names}
        known, space = graphs.take(readable), spaces.get(self.space)
        for name, count in (("params_m", networks.params), ("flops_m", networks.flops)):
            if name in names:
                columns[name][readable] = count(space, known, self._network) / 1e6
        proxies = [name for name in names if name in _DESCRIPTIONS]
        if proxies and len(readable):
            scorer = _Scorer(self.name, self._settings, self._network, self._images)
            for row in readable.tolist():
                for name, value in scorer(graphs.take(slice(row, row + 1)), space, proxies).items():
                    columns[name][row] = value
        return Answer(columns, {int(row): "not an architecture" for row in np.flatnonzero(~self.has(graphs))})

    @cached_property
    def _images(self) -> Images:
        given = self._settings
        size, classes = given.image, 0
        if given.data == "noise":
            size, classes = size or self._preset.image, self._preset.classes
        loaded = images.load(given.data, size=size, classes=classes)
        if loaded.shape[0] != loaded.shape[1]:
            raise InputError(f"data {given.data}: images of {'×'.join(map(str, loaded.shape))}: they must be square")
        return loaded

    @cached_property
    def _preset(self) -> ImageSettings:
        # an auxiliary classifier scores nothing, and dropping paths would make every pass another one
        text, space = self._settings.network, spaces.get(self.space)
        default = _PRESETS.get(self.space, networks.presets(space)[0])
        if not text or "=" in text.partition(",")[0]:
            text = f"{default},{text}".rstrip(",")
        chosen = networks.parse(space, text)
        names = [field.name for field in fields(chosen)]
        off = {name: value for name, value in (("auxiliary", False), ("drop_path", 0.0)) if name in names}
        made: ImageSettings = replace(chosen, **off)  # type: ignore[assignment]
        return made

    @cached_property
    def _network(self) -> ImageSettings:
        found = self._images
        return replace(self._preset, image=found.shape[0], image_channels=found.channels, classes=len(found.classes))


def _metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    about = {name: ("", text) for name, text in _DESCRIPTIONS.items()} | _SIZES
    return tuple(Metric(name, about[name][0], direction(name), about[name][1]) for name in names)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What the networks of one seed are shown."""

    weights: int
    """Seed of their weights."""
    x: Tensor
    y: Tensor
    few: Tensor
    """Images of the neural tangent kernel, float64."""
    points: list[Tensor]
    """Inputs that regions are counted with."""


class _Scorer:
    """Scores one architecture after the other."""

    def __init__(self, name: str, settings: _Settings, network: ImageSettings, data: Images) -> None:
        self._settings, self._whole = settings, network
        self._device = _device(name, settings.device)
        self._inputs = [self._draw(data, number) for number in range(settings.seeds)]

    def __call__(self, graphs: Graphs, space: spaces.Space, proxies: Sequence[str]) -> dict[str, float]:
        """Proxies of one architecture, the mean over the seeds."""
        scores = [self._scores(graphs, space, proxies, inputs) for inputs in self._inputs]
        return {name: float(np.mean([score[name] for score in scores])) for name in proxies}

    def _draw(self, data: Images, number: int) -> _Inputs:
        from agnet.proxies import prepare  # noqa: PLC0415 - torch is heavy

        seed: Seed = (self._settings.seed,)
        rng = numpy_stream(seed, "zerocost images", number)
        x, y = prepare.batch(data, self._settings.batch, rng)
        few, _ = prepare.batch(data, self._settings.ntk_batch, rng)
        dims = self._settings.dims
        points = prepare.patches(data, dims or _POINTS, _PATCH, rng)
        if dims:
            points = prepare.mixtures(points, _POINTS, rng)
        parts = [part.to(self._device) for part in points.chunk(_PARTS)]
        weights = integer(seed, "zerocost weights", number)
        return _Inputs(weights, x.to(self._device), y.to(self._device), few.double().to(self._device), parts)

    def _scores(self, graphs: Graphs, space: spaces.Space, proxies: Sequence[str], inputs: _Inputs) -> dict[str, float]:
        from agnet.proxies import activations, gradients, jacobian, kernel, prepare, synflow  # noqa: PLC0415

        def made(settings: ImageSettings) -> nn.Module:
            return prepare.ready(space, graphs, settings, inputs.weights).to(self._device)

        narrow = {"channels": _NARROWEST[space.name]}
        scores: dict[str, float] = {}
        if {"naswot", "jacov", "grasp", *_SALIENCY}.intersection(proxies):
            network = made(self._whole)
            if "naswot" in proxies:
                scores["naswot"] = activations.naswot(network, inputs.x)
            if "jacov" in proxies:
                scores["jacov"] = jacobian.jacov(network, inputs.x)
            if set(_SALIENCY).intersection(proxies):
                scores |= gradients.saliency(network, inputs.x, inputs.y)
            if "grasp" in proxies:
                scores["grasp"] = gradients.grasp(network, inputs.x, inputs.y)
        if "synflow" in proxies:
            scores["synflow"] = synflow.synflow(made(self._whole), inputs.x[0])
        if "ntk" in proxies:
            settings = replace(self._whole, **narrow) if self._settings.thin else self._whole
            scores["ntk"] = kernel.condition(
                made(settings).double(),
                inputs.few,
                chunk=None if self._settings.thin else _CHUNK,
                centred=space.name in _CENTRED,
            )
        if "regions" in proxies:
            small: dict[str, Any] = {**narrow, "image": _PATCH, "image_channels": 1}
            if "stem" in {field.name for field in fields(self._whole)}:
                small["stem"] = "cifar"
            scores["regions"] = activations.regions(made(replace(self._whole, **small)), inputs.points)
        return scores


def _device(name: str, text: str) -> torch.device:
    import torch  # noqa: PLC0415 - heavy

    try:
        device = torch.device(text)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):  # the latter where PyTorch was built without it
        raise InputError(f"{name}: device={text}: there is none; cpu always works") from None
    return device
