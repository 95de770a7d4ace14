"""NAS-Bench-x11's models: learning curves predicted through their principal components.

A model is a folder with ``surrogate_model.model``, a joblib file of a list: a chain of regressors (LightGBM or XGBoost)
or a :mod:`network <agnet.benchmarks.official.x11_network>` that predicts the scores of the first components, the scaler
of these scores, the singular values and right singular vectors of the curves, the number of components, and often a
kernel density of the residuals for noise (automl/nas-bench-x11, ``models/svd_lgb.py``). The objects are read through
stand-ins: what counts is their numbers.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import pickles
from agnet.benchmarks.official import Progress, models, x11_network
from agnet.benchmarks.official.nb301 import BOOSTERS, booster
from agnet.errors import InputError
from agnet.unpickling import ERRORS, Machine

EPOCHS = {"nb111": 108, "nb211": 200, "nb311": 98, "nbnlp": 50}
FEATURES = {"nb111": (26, 30), "nb211": (6,), "nb311": (56,), "nbnlp": (185, 188)}
"""How many features a model of each name reads: without and with those of the first epochs."""
_KINDS = ("svd_lgb", "svd_xgb", "svd_nn")


class _Object:
    """Stands in for everything that has attributes."""


class _Wrapper:
    """Stands in for joblib's mark of an array whose bytes follow in the file."""


def _nothing(*_: object) -> None:
    """Stands in for functions that are of no use here: nothing is called."""


_OBJECTS = (
    "sklearn.multioutput.RegressorChain",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing.data.StandardScaler",
    "scipy.stats._kde.gaussian_kde",
    "scipy.stats.kde.gaussian_kde",
    "lightgbm.sklearn.LGBMRegressor",
    "xgboost.sklearn.XGBRegressor",
)
_CLASSES: Mapping[str, Callable[..., Any]] = {
    **BOOSTERS,
    **x11_network.CLASSES,
    "joblib.numpy_pickle.NumpyArrayWrapper": _Wrapper,
    **dict.fromkeys(_OBJECTS, _Object),
    **{f"{module}.getattr": _nothing for module in ("builtins", "__builtin__")},
}


def read(name: str, path: Path, progress: Progress) -> pa.Table:
    """The members of the model ``name`` (nb111, nb211, nb311 or nbnlp).

    Raises:
        InputError: if one is damaged, of an unknown kind, or of another name.
    """
    found = models.members(path)
    pieces: dict[str, bytes] = {}
    facts: dict[str, Any] = {"members": []}
    for number, member in enumerate(found):
        kind = models.config(member)["model"]
        if kind not in _KINDS:
            raise InputError(f"{path}: a model of the kind {kind!r}, known are {', '.join(_KINDS)}")
        try:
            more, about = _member(_load(member), kind)
            if about["features"] not in FEATURES[name] or about["epochs"] != EPOCHS[name]:
                raise ValueError(
                    f"it predicts {about['epochs']} epochs from {about['features']} features, {name} predicts "
                    f"{EPOCHS[name]} from {' or '.join(map(str, FEATURES[name]))}"
                )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise InputError(f"{member}: not a model of NAS-Bench-x11: {error}") from None
        pieces |= {f"{number}/{key}": value for key, value in more.items()}
        facts["members"].append(about)
        progress(number + 1, len(found))
    return models.pack({"facts": orjson.dumps(facts), **pieces})


def read_nb111(path: Path, progress: Progress) -> pa.Table:
    """See :func:`read`."""
    return read("nb111", path, progress)


def read_nb211(path: Path, progress: Progress) -> pa.Table:
    """See :func:`read`."""
    return read("nb211", path, progress)


def read_nb311(path: Path, progress: Progress) -> pa.Table:
    """See :func:`read`."""
    return read("nb311", path, progress)


def read_nbnlp(path: Path, progress: Progress) -> pa.Table:
    """See :func:`read`."""
    return read("nbnlp", path, progress)


def _load(path: Path) -> list[Any]:
    """The list in a joblib file, with stand-ins for its objects."""
    with path.open("rb") as file:
        machine = Machine(
            file, _CLASSES, built=lambda made: _array(made, machine) if isinstance(made, _Wrapper) else made
        )
        try:
            content = machine.load()
        except (*ERRORS, OSError) as error:
            raise ValueError(f"not read as an uncompressed joblib file: {error or type(error).__name__}") from None
    if not isinstance(content, list) or len(content) not in (5, 6):
        raise ValueError("not a list of 5 or 6 objects")
    return content


def _array(wrapper: _Wrapper, machine: Machine) -> NDArray[Any]:
    """The array whose bytes come next in the file."""
    state = vars(wrapper)
    dtype = state["dtype"]
    if not isinstance(dtype, pickles.Dtype):
        raise pickle.UnpicklingError("it has an array of something else than numbers")
    if state.get("numpy_array_alignment_bytes") is not None:
        machine.read(machine.read(1)[0])
    shape = tuple(int(side) for side in state["shape"])
    if any(side < 0 for side in shape):
        raise pickle.UnpicklingError("it has an array of a negative size")
    data = machine.read(math.prod(shape) * dtype.value.itemsize)
    return np.frombuffer(data, dtype.value).reshape(shape, order="F" if state["order"] == "F" else "C")


def _member(content: list[Any], kind: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The pieces that are kept of a model, and what else is known about it."""
    model, scaler, values, vectors, count = content[:5]
    k = int(count)
    arrays = {
        "mean": np.asarray(vars(scaler)["mean_"], np.float64),
        "scale": np.asarray(vars(scaler)["scale_"], np.float64),
        "values": np.asarray(values, np.float64)[:k],
        "vectors": np.asarray(vectors, np.float64)[:k],
    }
    epochs = arrays["vectors"].shape[1] if arrays["vectors"].ndim == 2 else 0
    if any(len(array) != k for array in arrays.values()) or not all(np.isfinite(a).all() for a in arrays.values()):
        raise ValueError(f"its parts do not fit {k} components")
    pieces, about = (_network if kind == "svd_nn" else _chain)(model, k)
    if len(content) == 6:
        kernel = vars(content[5])
        residuals = np.asarray(kernel["dataset"], np.float64)
        covariance = np.asarray(kernel["covariance"], np.float64)
        if residuals.ndim != 2 or len(residuals) != epochs or covariance.shape != (epochs, epochs):
            raise ValueError("its noise is not that of its curves")
        # A square root of the covariance, which rounding can leave with small negative eigenvalues.
        size, direction = np.linalg.eigh(covariance)
        arrays |= {"residuals": residuals.T, "spread": direction * np.sqrt(np.maximum(size, 0))}
    pieces |= {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}
    return pieces, about | {"epochs": epochs, "components": k, "noise": len(content) == 6}


def _chain(chain: object, k: int) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The trees of a chain of regressors, and the order in which they predict the components."""
    regressors = vars(chain)["estimators_"]
    order = np.asarray(vars(chain).get("order_", range(k))).astype(int).tolist()
    if not sorted(order) == list(range(k)) == list(range(len(regressors))):
        raise ValueError(f"its parts do not fit {k} components")
    forests = [booster(vars(regressor)["_Booster"]) for regressor in regressors]
    features = forests[0].features
    if any(forest.features != features + position for position, forest in enumerate(forests)):
        raise ValueError("its regressors are no chain")
    pieces = {f"booster-{position}": forest.write() for position, forest in enumerate(forests)}
    return pieces, {"features": features, "order": order, "bases": [forest.base for forest in forests]}


def _network(module: object, k: int) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The layers of a network."""
    layers = x11_network.layers(module)
    if len(layers[-1][1]) != k:
        raise ValueError(f"its parts do not fit {k} components")
    pieces = {
        f"{name}-{number}": np.ascontiguousarray(array).tobytes()
        for number, layer in enumerate(layers)
        for name, array in zip(("weight", "bias"), layer, strict=True)
    }
    widths = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
    return pieces, {"features": widths[0], "widths": widths}
