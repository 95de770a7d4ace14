"""Generators on disk: one safetensors file each, whose header says as JSON what it is and how it was made."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import spaces
from agnet.errors import AgnetError, InputError
from agnet.files import write_whole
from agnet.generator.arrays import backend
from agnet.generator.autoregressive.config import Config as AutoregressiveConfig
from agnet.generator.network import Config, Network
from agnet.names import nearest
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space

FORMAT = "agnet-generator"
VERSION = 1
MODELS: dict[str, type[Config] | type[AutoregressiveConfig]] = {"autoregressive": AutoregressiveConfig, "agnet": Config}
"""Kinds of generators, the default first, and what they are made of."""
_LARGEST = 1 << 30
"""Bytes; no generator is larger."""
_NAME = re.compile(r"[a-z0-9-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A generator."""

    space: str
    """Name of the space whose architectures it generates."""
    config: Config | AutoregressiveConfig
    parameters: Mapping[str, NDArray[np.float32]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, as JSON can hold it."""

    @property
    def model(self) -> str:
        """One of :data:`MODELS`."""
        return next(name for name, config in MODELS.items() if isinstance(self.config, config))

    @property
    def agnet(self) -> Config:
        """What AG-Net's generator is made of.

        Raises:
            InputError: if this is another kind of generator.
        """
        if not isinstance(self.config, Config):
            raise InputError(
                f"AG-Net's own generator is needed, such as {self.space}-agnet or one of train-gen --model agnet; "
                f"this one is {self.model}"
            )
        return self.config

    @classmethod
    def initial(cls, space: Space, seed: Seed, model: str = "agnet") -> Checkpoint:
        """An untrained generator with the sizes that suit a space."""
        config = MODELS[model].of(space)
        return cls(space.name, config, config.initial_parameters(numpy_stream(seed, "generator parameters")))

    def network(self, device: str = "cpu", *, double: bool = False) -> Network:
        """AG-Net's network with these parameters, ready to compute.

        Raises:
            InputError: if the device cannot be used, or this is another kind of generator.
        """
        return Network(self.agnet, self.parameters, backend(device, double=double))

    def to_bytes(self) -> bytes:
        """The file's content; the same generator gives the same bytes."""
        from safetensors.numpy import save  # noqa: PLC0415 - only those who write need it

        header = {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "space": self.space,
            "config": self.config.to_json(),
            "facts": dict(self.facts),
        }
        tensors = {name: np.ascontiguousarray(value, np.float32) for name, value in self.parameters.items()}
        return save(tensors, metadata={FORMAT: json.dumps(header, sort_keys=True)})

    def digest(self) -> str:
        """SHA-256 of the file's content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def save(self, output: str) -> None:
        """Write it to a file, whole or not at all.

        Raises:
            InputError, AgnetError: if that is not possible, or a training led to no numbers.
        """
        if not all(np.isfinite(value).all() for value in self.parameters.values()):
            raise AgnetError(
                f"{output}: not written: the training led to parameters that are not numbers; try --lr 1e-4"
            )
        write_whole(output, self.to_bytes())


def load(name: str, *, space: str | None = None) -> Checkpoint:
    """The generator in the file ``name``; a bare name of a space is the generator that comes with agnet.

    Args:
        name: a file, or for example ``nb201``.
        space: what it has to be for.

    Raises:
        InputError: if there is none, it is damaged, or it is for another space.
    """
    content = _read(name)
    checkpoint = parse(content, name)
    if space is not None:
        check_space(checkpoint, space, name)
    return checkpoint


def check_space(checkpoint: Checkpoint, space: str, name: str) -> None:
    """Raise InputError unless a generator, called ``name``, is for a space."""
    if checkpoint.space != space:
        raise InputError(f"{name}: generates architectures of {checkpoint.space}, not of {space}")


def shipped() -> list[str]:
    """Names of the generators that come with agnet."""
    return sorted(
        entry.name.removesuffix(".safetensors")
        for entry in (files("agnet.generator") / "weights").iterdir()
        if entry.name.endswith(".safetensors")
    )


def _read(name: str) -> bytes:
    path = Path(name)
    if _NAME.fullmatch(name) and not path.exists():
        if name in shipped():
            return (files("agnet.generator") / "weights" / f"{name}.safetensors").read_bytes()
        raise InputError(f"{name}: no such file, and no generator of that name comes along{nearest(name, shipped())}")
    try:
        if path.is_char_device():  # which may have no end
            raise InputError(f"{name}: is a device")
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{name}: is not a generator: larger than {_LARGEST >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None


def parse(content: bytes, name: str) -> Checkpoint:
    """The generator that a file consists of.

    Args:
        content: what :meth:`Checkpoint.to_bytes` gave.
        name: what to call it in messages.

    Raises:
        InputError: if it is none.
    """
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(len(content) - 8, 100_000_000):
        _refuse(content, name)
    try:
        outer = json.loads(content[8 : 8 + length])
        header = json.loads(outer["__metadata__"][FORMAT])
        version, model, space = header["version"], header["model"], header["space"]
    except (ValueError, KeyError, TypeError, RecursionError):
        _refuse(content, name)
    if version != VERSION:
        raise InputError(
            f"{name}: written in version {version!r} of the format, this agnet reads {VERSION}: upgrade it"
        )
    if model not in MODELS:
        raise InputError(f"{name}: a generator of the kind {model!r}, this agnet knows {', '.join(MODELS)}: upgrade it")
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.numpy import load as load_tensors  # noqa: PLC0415

    try:
        parameters = load_tensors(content)
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{name}: damaged or cut short: {str(error).splitlines()[0]}") from None
    try:
        config = MODELS[model].from_json(header["config"])
        facts = dict(header["facts"])
        expected = config.parameter_shapes()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{name}: its header makes no sense: {error}") from None
    found = {key: value.shape for key, value in parameters.items() if value.dtype == np.float32}
    if found != expected:
        raise InputError(f"{name}: its parameters are not those of its header")
    if not all(np.isfinite(value).all() for value in parameters.values()):
        raise InputError(f"{name}: has parameters that are not numbers")
    checkpoint = Checkpoint(space, config, parameters, facts)
    if space in spaces.names():
        fits(checkpoint, spaces.get(space), name)
    return checkpoint


def fits(checkpoint: Checkpoint, space: Space, name: str) -> None:
    """Raise InputError unless a generator has the sizes of a space."""
    config = checkpoint.config
    if (config.cells, config.nodes, config.types) != (
        len(space.cells),
        space.max_nodes,
        len(space.node_types),
    ):
        raise InputError(f"{name}: its sizes are not those of {space.name}")


def _refuse(content: bytes, name: str) -> Any:
    if content[:2] == b"PK" or content[:1] == b"\x80":
        raise InputError(f"{name}: is a PyTorch file; AG-Net's published generators are read by train-gen --import")
    raise InputError(f"{name}: is not a generator; train-gen writes them")
