"""One self-contained page about a search: no script, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import html
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import numpy as np

from agnet import __version__, records, spaces
from agnet.report.inline import inline
from agnet.report.pictures import pictures
from agnet.search import pareto, plan, strategies
from agnet.search.history import History
from agnet.search.study import Outcome, Study
from agnet.streams import Chunk, concat

_ROWS = 20
"""Architectures in the table."""
_LIBRARIES = ("numpy", "scipy", "torch", "xgboost", "xgboost-cpu", "pyarrow", "matplotlib")


def page(study: Study, outcomes: Sequence[Outcome], seed: Sequence[int], command: str) -> bytes:
    """The page, in UTF-8; the same search gives the same bytes.

    Args:
        study: what was asked for.
        outcomes: what each trial left, at least one.
        seed: of the first trial.
        command: the command line, which says how to do it again.

    Raises:
        InputError: if matplotlib is not installed.
    """
    history = concat(plan.histories(study, outcomes))
    best = history.take(np.array(_best(study, history), np.int64))
    goal = study.objective.name if study.objective else f"{'max' if study.maximize else 'min'} {study.metric}"
    title = f"Search of {study.benchmark}: {goal}"
    drawn = "".join(
        f"<h2>{_text(shown.title)}</h2>\n<figure>{inline(shown.svg, shown.words, f'p{number}')}"
        f"<figcaption>{_text(shown.words)}</figcaption></figure>\n"
        for number, shown in enumerate(pictures(study, history, outcomes, best))
    )
    body = (
        f"<header><h1>{_text(title)}</h1>\n<p class=lead>{_text(_result(study, outcomes))}</p></header>\n<main>\n"
        f"<h2>What was asked for</h2>\n{_facts(_asked(study, outcomes, seed, goal))}"
        f"{drawn}{_table(study, best)}"
        f"<h2>How to do it again</h2>\n<pre>{_text(command)}</pre>\n{_facts(_origin(study, history))}"
        "</main>"
    )
    style = files(__package__).joinpath("style.css").read_text()
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def _best(study: Study, history: Chunk) -> list[int]:
    """Rows of the architectures to show, best first, each once: the front, or the best that keep all limits."""
    known = History(spaces.get(study.oracle().space), study.metric, maximize=study.maximize, objective=study.objective)
    known.extend(records.read(known.space, history).graphs, history)
    feasible = np.flatnonzero(known.measured.feasible)
    goals = known.measured.goals[feasible]
    if known.objective.several and len(feasible):
        front = pareto.nondominated(goals)
        feasible, goals = feasible[front], goals[front]
        order = feasible[np.argsort(-goals[:, 0], kind="stable")]
    else:
        order = feasible[np.argsort(-known.scores[feasible], kind="stable")]
    keys = known.keys.to_pylist()
    first = {keys[row]: int(row) for row in order[::-1]}  # several trials may have found the same
    return [int(row) for row in order if first[keys[row]] == row][:_ROWS]


def _result(study: Study, outcomes: Sequence[Outcome]) -> str:
    queries = sum(len(outcome.best_so_far) for outcome in outcomes)
    searches = "One search" if len(outcomes) == 1 else f"{len(outcomes)} searches"
    bests = [outcome.best_so_far[-1] for outcome in outcomes if outcome.best is not None]
    if not bests:
        return f"{searches}, {queries:,} queries; none keeps all limits."
    if study.objective and study.objective.several:
        sizes = " and ".join(str(len(outcome.results)) for outcome in outcomes[:3])
        return f"{searches}, {queries:,} queries; a front of {sizes}{' …' if len(outcomes) > 3 else ''} architectures."
    optimum = study.optimum()
    known = "" if optimum is None else f" The best there is has {optimum:.6g}."
    average = " on average" if len(bests) > 1 else ""
    return f"{searches}, {queries:,} queries; the best has {np.mean(bests):.6g}{average}.{known}"


def _asked(study: Study, outcomes: Sequence[Outcome], seed: Sequence[int], goal: str) -> dict[str, str]:
    benchmark = study.oracle()
    budget = study.budget
    begins = strategies.get(study.strategy).begins
    rounds = f"{budget.batch} a round"
    if budget.init < budget.singly:
        rounds = "one by one" + (f" until {budget.singly}, then {rounds}" if budget.singly < budget.queries else "")
    options = ", ".join(f"{name} {value}" for name, value in {**study.options, **study.given}.items())
    return {
        "benchmark": f"{study.benchmark}: {benchmark.title}",
        "space": benchmark.space,
        "goal": goal,
        "strategy": study.strategy + (f" ({options})" if options else ""),
        "queries": f"{budget.queries:,}, the first {min(budget.init, budget.queries)} {begins}, then {rounds}",
        "trials": str(len(outcomes)),
        "seed": ":".join(map(str, seed)),
    }


def _origin(study: Study, history: Chunk) -> dict[str, str]:
    facts = {"agnet": __version__, "Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    facts["data"] = study.oracle().source
    for value in {**study.options, **study.given}.values():
        if isinstance(value, str) and Path(value).is_file():
            with Path(value).open("rb") as file:
                facts[f"SHA-256 of {value}"] = hashlib.file_digest(file, "sha256").hexdigest()
    facts["SHA-256 of the history"] = hashlib.sha256(history.json_lines().to_pybytes()).hexdigest()
    return facts


def _facts(facts: dict[str, str]) -> str:
    return "<dl>\n" + "".join(f"<dt>{_text(k)}</dt><dd>{_text(v)}</dd>\n" for k, v in facts.items()) + "</dl>\n"


def _table(study: Study, best: Chunk) -> str:
    """The best architectures with all numbers that are known of them."""
    if not len(best):
        return ""
    table = best.table()
    wanted = study.objective.metrics if study.objective else (study.metric,)
    numeric = [field.name for field in table.schema if str(field.type) in ("double", "int64")]
    others = [name for name in numeric if name not in wanted and not name.startswith(("pred_", "hypervolume"))]
    names = [*(name for name in wanted if name in table.column_names), *others]
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in ("#", *names, "architecture"))
    columns = [table[name].to_pylist() for name in names]
    rows = ""
    for row, arch in enumerate(table["arch"].to_pylist()):
        numbers = "".join(f"<td>{'' if column[row] is None else f'{column[row]:.6g}'}</td>" for column in columns)
        rows += f'<tr><th scope="row">{row + 1}</th>{numbers}<td><code>{_text(arch)}</code></td></tr>\n'
    several = study.objective is not None and study.objective.several
    caption = "The front, the best by the first goal on top" if several else "Best first"
    return (
        "<h2>Table</h2>\n<div class=wide role=region aria-label=Table tabindex=0>"
        f"<table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table></div>\n"
    )


def _text(value: str) -> str:
    return html.escape(value, quote=False)
