"""Networks as programs that run without this package: PyTorch's exported programs, and ONNX.

A program is for inference and takes batches of any size. That of a language model makes one step: it takes the tokens
of this step and the states, and gives scores and the new states.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_map

from agnet.errors import InputError
from agnet.networks import nb301
from agnet.networks.base import ImageSettings, Settings
from agnet.networks.modules.nbnlp import LanguageModel

FORMATS = ("pt2", "onnx")


def for_inference(settings: Settings) -> Settings:
    """Settings without what only training needs: the auxiliary classifier of DARTS networks."""
    return replace(settings, auxiliary=False) if isinstance(settings, nb301.Settings) else settings


def example(network: nn.Module, settings: Settings, batch: int = 2) -> tuple[Any, ...]:
    """Arguments that a network can be called with: random images; or tokens of one step, and states."""
    if isinstance(settings, ImageSettings):
        return (torch.rand(batch, settings.image_channels, settings.image, settings.image),)
    assert isinstance(network, LanguageModel)
    return torch.randint(network.settings.tokens, (1, batch)), network.start(batch)


def program(network: nn.Module, settings: Settings) -> ExportedProgram:
    """The program of a network, in evaluation mode."""
    arguments = example(network, settings)
    # The batch is the second dimension of tokens and states.
    shapes = tree_map(lambda value: {1 if len(arguments) > 1 else 0: Dim("batch", min=1)}, arguments)
    return torch.export.export(network.eval(), arguments, dynamic_shapes=shapes)


def serialise(network: nn.Module, settings: Settings, kind: str) -> bytes:
    """The content of a file.

    Args:
        network: built with ``settings``.
        settings: its settings.
        kind: one of :data:`FORMATS`. A ``pt2`` file is read by ``torch.export.load``.

    Raises:
        InputError: if there is no such format, or a package for it is missing.
    """
    if kind not in FORMATS:
        raise InputError(f"no format is called {kind!r}; there are {', '.join(FORMATS)}")
    if kind == "onnx" and not (find_spec("onnx") and find_spec("onnxscript")):
        raise InputError("ONNX needs the packages onnx and onnxscript: pip install 'agnet[onnx]'")
    made = program(network, settings)
    if kind == "pt2":
        buffer = io.BytesIO()
        torch.export.save(made, buffer)
        return buffer.getvalue()
    states = (
        [f"states_{layer}" for layer in range(network.settings.layers)] if isinstance(network, LanguageModel) else []
    )
    with _quiet():
        translated = torch.onnx.export(
            made,
            input_names=["tokens", *states] if states else ["images"],
            output_names=["scores", *(f"new_{name}" for name in states)],
            dynamo=True,
            verbose=False,
        )
    assert translated is not None
    content: bytes = translated.model_proto.SerializeToString()
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter has to say about itself to itself; it raises what matters."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
