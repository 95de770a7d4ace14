"""Surrogates by name: cheap predictions of metrics, learned from evaluated architectures.

:mod:`~agnet.surrogates.history` reads what to learn from, :mod:`~agnet.surrogates.fitted` is what has learned,
:mod:`~agnet.surrogates.files` keeps it, :mod:`~agnet.surrogates.validation` says how good the predictions are.
"""

from __future__ import annotations

from importlib import import_module

from agnet.errors import InputError
from agnet.names import nearest
from agnet.surrogates.base import Batch, Prediction, Surrogate
from agnet.surrogates.inputs import Inputs

__all__ = ["Batch", "Inputs", "Prediction", "Surrogate", "get", "make", "names"]

# One line a surrogate: name -> module, class. Modules are imported when first asked for.
_SURROGATES = {
    "gp": ("agnet.surrogates.gp", "GP"),
    "bayes": ("agnet.surrogates.bayes", "Bayes"),
    "xgb": ("agnet.surrogates.xgb", "XGB"),
    "xgb-rank": ("agnet.surrogates.xgb", "XGBRank"),
    "mlp": ("agnet.surrogates.mlp", "MLP"),
    "ensemble": ("agnet.surrogates.ensemble", "Ensemble"),
    "gnn": ("agnet.surrogates.gnn", "GNN"),
}


def names() -> list[str]:
    """Names of all surrogates."""
    return list(_SURROGATES)


def get(name: str) -> type[Surrogate]:
    """The class of the surrogate called ``name``.

    Raises:
        InputError: if there is none.
    """
    if name not in _SURROGATES:
        raise InputError(f"no surrogate is called {name!r}{nearest(name, _SURROGATES)}")
    module, cls = _SURROGATES[name]
    surrogate: type[Surrogate] = getattr(import_module(module), cls)
    return surrogate


def make(name: str, inputs: Inputs | None = None) -> Surrogate:
    """A surrogate that has learned nothing yet.

    Args:
        name: which one.
        inputs: what it reads of an architecture; structural features by default.

    Raises:
        InputError: if there is none called ``name``.
    """
    return get(name)(inputs or Inputs())
