"""A training in the middle, as it can be continued from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.files import write_whole
from agnet.generator.adam import Adam
from agnet.generator.network import Network

_FORMAT = "agnet-training"
_VECTORS = ("parameters", "mean", "square")


@dataclass(frozen=True, slots=True)
class State:
    """Parameters, and what the optimiser remembers."""

    steps: int
    parameters: NDArray[np.float32]
    mean: NDArray[np.float32]
    square: NDArray[np.float32]

    @classmethod
    def of(cls, network: Network, adam: Adam) -> State:
        """A copy."""
        vectors = (network.vector, adam.mean, adam.square)
        return cls(adam.steps, *(np.array(network.xp.numpy(vector), np.float32) for vector in vectors))

    def restore(self, network: Network, adam: Adam) -> None:
        """Continue from it."""
        adam.steps = self.steps
        network.vector[...] = network.xp.array(self.parameters)
        adam.mean[...] = network.xp.array(self.mean)
        adam.square[...] = network.xp.array(self.square)

    def save(self, output: str, purpose: dict[str, Any]) -> None:
        """Write it to a file, whole or not at all.

        Args:
            output: the file.
            purpose: what decides the training, as JSON can hold it.
        """
        from safetensors.numpy import save  # noqa: PLC0415

        header = json.dumps({"steps": self.steps, "purpose": purpose}, sort_keys=True)
        write_whole(output, save({name: getattr(self, name) for name in _VECTORS}, metadata={_FORMAT: header}))


def load_state(path: str, purpose: dict[str, Any], length: int) -> State:
    """The state in a file.

    Args:
        path: what :meth:`State.save` wrote.
        purpose: what decides the training that is to be continued.
        length: parameters of its generator.

    Raises:
        InputError: if there is none, or it belongs to another training.
    """
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        if Path(path).is_char_device():
            raise InputError(f"{path}: is a device")
        content = Path(path).read_bytes()
        vectors = load(content)
        header_length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + header_length])["__metadata__"][_FORMAT])
        steps, made_for = int(header["steps"]), header["purpose"]
        arrays = [np.asarray(vectors[name], np.float32) for name in _VECTORS]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}: is not the state of a training, or damaged; start without --resume") from None
    differing = sorted(key for key in {*purpose, *made_for} if purpose.get(key) != made_for.get(key))
    if differing or any(array.shape != (length,) for array in arrays):
        what = ", ".join(differing) or "generator"
        raise InputError(f"{path}: belongs to another training ({what} differ); start without --resume")
    return State(steps, *arrays)
