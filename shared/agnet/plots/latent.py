"""A map of a generator's latent space, coloured by a metric: principal components, or UMAP."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.plots.chart import Axis, Chart, Page, Points
from agnet.plots.quantities import counted, quantity
from agnet.plots.ranges import fences


def principal(latents: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[n, 2] places along the two principal components of [n, d] latents, and the [2] shares of the variance.

    Signs are such that the largest loading of a component is positive.
    """
    centred = latents - latents.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, :-3:-1]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(2)])
    total = variances.sum()
    return centred @ directions, variances[:-3:-1] / (total if total > 0 else 1.0)


def neighbourly(latents: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2] places by UMAP (McInnes, Healy, Melville, 2018) of [n, d] latents: what was near stays near.

    Always the same: one random state, one thread.

    Raises:
        InputError: if umap-learn is not installed.
    """
    try:
        from umap import UMAP  # noqa: PLC0415 - half a minute, the first time, and an extra
    except ImportError:
        raise InputError("this map needs umap-learn: pip install 'agnet[umap]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one thread, and of few points
        neighbours = min(15, len(latents) - 1)
        made = UMAP(n_components=2, n_neighbors=neighbours, random_state=0, n_jobs=1, init="pca")
        return np.asarray(made.fit_transform(latents), np.float64)


def latent(
    latents: NDArray[np.float64], values: NDArray[np.float64], metric: str, *, umap: bool = False, title: str = ""
) -> Page:
    """A point for each architecture.

    Args:
        latents: [n, d] what the architectures were decoded from.
        values: [n] the metric of each, NaN for none; these are left out.
        metric: name of the column that the values are from.
        umap: places by :func:`neighbourly` instead of :func:`principal`.
        title: above the picture.

    Raises:
        InputError: if there are fewer than three architectures or two dimensions, or UMAP is not installed.
    """
    there = ~np.isnan(values)
    if there.sum() < 3 or latents.shape[1] < 2:
        raise InputError(
            f"a map needs 3 records with latent and {metric} and 2 dimensions; "
            f"there are {there.sum()} and {latents.shape[1]}"
        )
    if umap:
        places = neighbourly(latents[there])
        x, y = Axis("UMAP 1"), Axis("UMAP 2")
    else:
        places, shares = principal(latents[there])
        x, y = (
            Axis(f"Component {number} ({100 * share:.1f} % of variance)")
            for number, share in enumerate(shares.tolist(), start=1)
        )
    shown = quantity(metric)
    coloured = np.clip(shown.scale(values[there]), *fences(shown.scale(values[there])))
    n = len(places)
    points = Points(
        places[:, 0],
        places[:, 1],
        coloured,
        size=float(np.clip(60 / n**0.35, 2.0, 7.0)),
        alpha=0.85,
        values_label=shown.label,
    )
    return Page([Chart(x, y, [points], title, f"{counted(n)}, {latents.shape[1]} latent dimensions")])
