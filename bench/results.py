"""docs/results.md and docs/surrogates.md from what the measurements left: ``python -m bench.results``.

Searches are those of bench.sample_efficiency and bench.devices, predictions those of bench.surrogates. Only what stands
between the markers of a page is written anew; the words around it are a person's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from agnet.plots import curve, figure
from agnet.plots.chart import Page
from bench import devices, surrogates
from bench.sample_efficiency import AT, FILE, STRATEGIES, case_of, found, read
from bench.tables import KNOWN, METRIC, NB201, TITLES

Rows = list[dict[str, Any]]

_SIZE = (8.4, 10.5)
"""Of the picture, in inches."""
DOCS = Path(__file__).parents[1] / "docs"
FIGURES = DOCS / "figures"
# Queries until the best there is: what was aimed at, without and with scores known before training.
TARGETS = {NB201[0]: (30, 20), NB201[1]: (30, 18), NB201[2]: (55, 45), KNOWN: (45, 35)}


def sections(results: Rows) -> dict[str, list[str]]:
    """Name of each marked part to its lines."""
    exact = [r for r in results if not r["noise"]]
    noisy = [r for r in results if r["noise"]]
    return {
        "targets": list(_targets(exact)),
        "accuracies": list(_known_cells(exact)),
        "queries": list(_queries(exact)),
        "regret": list(_regrets(exact)),
        "noise": [*_queries(noisy), "", *_regrets(noisy)],
    }


def _groups(results: Rows) -> Iterator[tuple[str, str, Rows]]:
    """Benchmark, label and searches, in the order of the titles and strategies, what knows least first."""
    searches = sorted((STRATEGIES.index(r["strategy"]), r["batch"], r["prior"], case_of(r).name) for r in results)
    labels = dict.fromkeys(name for *_, name in searches)
    for name, label in product(TITLES, labels):
        if rows := [r for r in results if r["benchmark"] == name and case_of(r).name == label]:
            yield name, label, rows


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "-"


def _targets(results: Rows) -> Iterator[str]:
    lines = []
    for name, label, rows in _groups(results):
        if name in TARGETS and case_of(rows[0]).strategy == "bayesian":
            target = TARGETS[name][bool(rows[0]["prior"])]
            _, median, p90 = found(rows)
            reached = "no" if median > target else "yes" if p90 <= 2 * median else "the median, not the 90th percentile"
            lines.append([TITLES[name], label, str(len(rows)), str(target), _number(median), _number(p90), reached])
    return _table(["benchmark", "search", "seeds", "target", "median", "90th percentile", "reached"], lines)


def _known_cells(results: Rows) -> Iterator[str]:
    """Mean best accuracies on NAS-Bench-101 after 192 queries, in percent."""
    at = AT.index(192)
    lines = []
    for _, label, rows in _groups([r for r in results if r["benchmark"] == KNOWN]):
        means = [100 * np.mean([r[part][at] for r in rows]) for part in ("val", "test")]
        lines.append([label, str(len(rows)), *(f"{mean:.2f} %" for mean in means)])
    return _table(["search", "seeds", "validation", "test"], lines)


def _queries(results: Rows) -> Iterator[str]:
    def cell(rows: Rows) -> str:
        count, median, p90 = found(rows)
        return f"{_number(median)} ({_number(p90)}), {count} of {len(rows)}"

    return _by_benchmark([r for r in results if r["optimum"]], cell)


def _by_benchmark(results: Rows, cell: Callable[[Rows], str]) -> Iterator[str]:
    groups = list(_groups(results))
    names, labels = dict.fromkeys(g[0] for g in groups), dict.fromkeys(g[1] for g in groups)
    cells = {(name, label): cell(rows) for name, label, rows in groups}
    rows = ([label, *(cells.get((name, label), "") for name in names)] for label in labels)
    return _table(["search", *(TITLES[name] for name in names)], rows)


def _regrets(results: Rows) -> Iterator[str]:
    """Mean and standard error; where nobody knows the best there is, of the value."""
    lines = []
    for name, label, rows in _groups(results):
        values = 100 * np.array([r["val"] for r in rows])
        optimum = rows[0]["optimum"]
        mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
        if optimum:
            mean = np.maximum(100 * optimum - mean, 0)
        cells = [f"{m:.2f} ± {e:.2f}" for m, e in zip(mean, error, strict=True)]
        lines.append([TITLES[name], label, *cells, f"{np.mean([r['cpu_s'] for r in rows]):.1f} s"])
    return _table(["benchmark", "search", *(str(at) for at in AT), "CPU"], lines)


def picture(results: Rows) -> bytes:
    """The best so far against queries, a panel for each benchmark."""
    panels = []
    exact = [r for r in results if not r["noise"] and not r["prior"]]
    for name in TITLES:
        groups = [(label, rows) for other, label, rows in _groups(exact) if other == name]
        if groups:
            optimum = groups[0][1][0]["optimum"]
            runs = [_run(label, rows) for label, rows in groups]
            page = curve.curve(runs, METRIC, maximize=True, optimum=optimum, title=TITLES[name])
            panels += page.panels
    return figure.render(Page(panels, columns=2), "png", _SIZE)


def _run(label: str, rows: Rows) -> curve.Run:
    """The histories of searches, each as long as its budget: one that had found the best ended there."""
    values = np.full((len(rows), rows[0]["queries"]), np.nan)
    for row, result in zip(values, rows, strict=True):
        for place, value in zip(*result["curve"], strict=True):
            row[place - 1 :] = value
    return curve.Run(label, values.ravel(), np.repeat(np.arange(len(rows)), values.shape[1]))


def fill(page: str, parts: dict[str, list[str]]) -> None:
    """Put the lines between the markers of the same name."""
    path = DOCS / page
    text = path.read_text()
    for name, lines in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = "\n".join([before + begin, *lines, "", end + rest.partition(end)[2]])
    path.write_text(text)


def main() -> None:
    """Write the pages and the picture."""
    results = read(FILE)
    limited, ranked = read(devices.FILE), read(surrogates.FILE)
    fill("results.md", sections(results) | ({"limits": list(devices.table(limited))} if limited else {}))
    if ranked:
        fill("surrogates.md", {"ranking": list(surrogates.table(ranked))})
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / "queries.png").write_bytes(picture(results))


if __name__ == "__main__":
    main()
