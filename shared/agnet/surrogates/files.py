"""Fitted surrogates on disk: one safetensors file each, whose header says as JSON what the arrays are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from agnet import __version__, spaces, surrogates
from agnet.errors import InputError
from agnet.files import write_whole
from agnet.generator import checkpoint
from agnet.surrogates.base import Batch, Surrogate
from agnet.surrogates.fitted import Fitted
from agnet.surrogates.inputs import Inputs

_KEY = "agnet-surrogate"
_VERSION = 3
_GENERATOR = "generator"


def save(fitted: Fitted, output: str) -> None:
    """Write a surrogate to a file, whole or not at all; a generator that it reads is in the same file.

    Raises:
        InputError, AgnetError: as :func:`agnet.files.write_whole`.
    """
    surrogate = fitted.surrogate
    assert isinstance(surrogate, Surrogate)
    arrays, settings = surrogate.state()
    about = {
        "version": _VERSION,
        "agnet": __version__,
        "surrogate": surrogate.name,
        "space": fitted.space,
        "metrics": list(fitted.learned),
        "encodings": list(surrogate.inputs.kinds),
        "columns": list(surrogate.inputs.columns),
        "ranges": fitted.ranges,
        "settings": settings,
    }
    if surrogate.inputs.generator:
        arrays[_GENERATOR] = np.frombuffer(surrogate.inputs.generator.to_bytes(), dtype=np.uint8)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_whole(output, to_bytes(contiguous, {_KEY: json.dumps(about, sort_keys=True)}))


def load(name: str) -> Fitted:
    """The surrogate in a file that :func:`save` wrote, or the predictor in a generator's checkpoint.

    Nothing in the file is run.

    Raises:
        InputError: if the file is not there, damaged, or holds neither.
    """
    try:
        with safe_open(Path(name), framework="numpy") as file:
            header = (file.metadata() or {}).get(_KEY)
            arrays = {key: file.get_tensor(key) for key in file.keys()} if header else {}  # noqa: SIM118
    except SafetensorError as error:
        reason = f"{name}: cannot be read: {error}; 'predict --save' writes surrogates, train-gen generators"
        raise InputError(reason) from None
    except OSError:  # the name of a generator that comes with agnet
        header = None
    if header is None:
        from agnet.surrogates.joint import of_generator  # noqa: PLC0415 - 0.15 s, which other surrogates need not spend

        return of_generator(checkpoint.load(name), name)
    try:
        with np.errstate(all="ignore"):  # a damaged file may hold any numbers
            return _read(json.loads(header), arrays, name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: not a surrogate that can be read: {error}") from None


def _read(about: dict[str, Any], arrays: dict[str, NDArray[Any]], name: str) -> Fitted:
    if about["version"] != _VERSION:
        raise InputError(
            f"{name}: a surrogate in version {about['version']!r} of the format, this agnet reads {_VERSION}; "
            "fit it again"
        )
    generator = checkpoint.parse(arrays[_GENERATOR].tobytes(), name) if _GENERATOR in arrays else None
    inputs = Inputs(tuple(about["encodings"]), generator, tuple(map(str, about["columns"])))
    surrogate = surrogates.make(about["surrogate"], inputs)
    surrogate.restore(arrays, about["settings"])
    metrics = tuple(map(str, about["metrics"]))
    ranges = {metric: (float(about["ranges"][metric][0]), float(about["ranges"][metric][1])) for metric in metrics}
    fitted = Fitted(spaces.get(about["space"]).name, metrics, surrogate, ranges=ranges)
    _try(fitted)
    return fitted


def _try(fitted: Fitted) -> None:
    """Raise ValueError if a surrogate does not predict what it says it does."""
    space = spaces.get(fitted.space)
    graphs = space.sample(1, np.random.default_rng(0))
    length = fitted.surrogate.inputs.latent_length
    latent = None if length is None else np.zeros((1, length), dtype=np.float32)
    columns = np.zeros((1, len(fitted.surrogate.inputs.columns))) if fitted.surrogate.inputs.columns else None
    mean = fitted.surrogate.predict(Batch(space, graphs, latent, columns)).mean
    if mean.shape != (1, len(fitted.learned)):
        raise ValueError("its arrays are not for its metrics")
    if not np.isfinite(mean).all():
        raise ValueError("what it predicts are no numbers")
