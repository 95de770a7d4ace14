"""NAS-Bench-301's surrogates, and the raw results that they were fitted to.

A model is a folder, ``nb_models_1.0/xgb_v1.0`` and the like, with one ``surrogate_model.model`` for each member of the
ensemble: a pickled booster (xgb, lgb), or the weights of a graph network (gnn_gin). See automl/nasbench301, ``api.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from agnet import pickles
from agnet.benchmarks.official import Progress, models
from agnet.errors import InputError

if TYPE_CHECKING:
    from agnet.benchmarks.official.boosters import Forest

KINDS = {"val_acc": ("xgb", "lgb", "gnn_gin"), "train_time_s": ("xgb_time", "lgb_time")}
"""The models that predict each metric."""


class _Record:
    """Stands in for boosters; unpickling fills its attributes."""


def _default(_: object = None) -> dict[Any, Any]:
    """Stands in for ``collections.defaultdict``."""
    return {}


BOOSTERS: Mapping[str, Any] = {
    **pickles.NUMPY,
    "xgboost.core.Booster": _Record,
    "lightgbm.basic.Booster": _Record,
    "collections.defaultdict": _default,
    "builtins.bytearray": pickles.changeable,
    "__builtin__.bytearray": pickles.changeable,
}


def read(path: Path, progress: Progress) -> pa.Table:
    """A model that predicts validation accuracy in percent."""
    return _read(path, progress, "val_acc")


def read_runtime(path: Path, progress: Progress) -> pa.Table:
    """A model that predicts the time of a training in seconds."""
    return _read(path, progress, "train_time_s")


def _read(path: Path, progress: Progress, metric: str) -> pa.Table:
    """The members of an ensemble, and what kind they are.

    Raises:
        InputError: if a model is damaged, of an unknown kind, or the folder predicts something else.
    """
    found = models.members(path)
    configs = [models.config(member) for member in found]
    kind = configs[0]["model"]
    if any(config["model"] != kind for config in configs):
        raise InputError(f"{path}: has models of several kinds; name the folder of one, such as {found[0].parents[1]}")
    if kind not in KINDS[metric]:
        other = next((name for name, kinds in KINDS.items() if kind in kinds), None)
        hint = f"; it is imported as {'nb301' if other == 'val_acc' else 'nb301/runtime'}" if other else ""
        raise InputError(f"{path}: a model of the kind {kind!r}, known are {', '.join(KINDS[metric])}{hint}")
    pieces: dict[str, bytes] = {}
    bases = []
    for number, (member, config) in enumerate(zip(found, configs, strict=True)):
        try:
            if kind == "gnn_gin":
                from agnet.benchmarks.official.nb301_gin import read as read_weights  # noqa: PLC0415 - torch

                pieces[f"member-{number}"] = read_weights(member, config)
            else:
                forest = booster(pickles.load(member, BOOSTERS))
                if forest.features != 56:
                    raise ValueError(f"it looks at {forest.features} features, not at the 56 of the space")
                pieces[f"member-{number}"] = forest.write()
                bases.append(forest.base)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise InputError(f"{member}: not a model of the kind {kind!r}: {error}") from None
        progress(number + 1, len(found))
    facts = {"kind": "gin" if kind == "gnn_gin" else "trees", "bases": bases, "config": configs[0]}
    return models.pack({"facts": orjson.dumps(facts), **pieces})


def booster(pickled: Any) -> Forest:
    """The trees of a pickled booster.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: if it is none.
    """
    from agnet.benchmarks.official import boosters  # noqa: PLC0415 - xgboost

    state = vars(pickled)
    handle = state.get("handle", state.get("_handle"))
    if isinstance(handle, str):
        return boosters.from_lightgbm(handle, int(state.get("best_iteration", 0)))
    if isinstance(handle, bytes | bytearray):
        return boosters.from_xgboost(handle)
    raise ValueError("no booster in it")
