"""Arithmetic over metrics: ``val_acc``, ``val_acc - 0.01 * log(params_m)``, ``latency_ms@edgegpu <= 5``.

Numbers, metrics, ``+ - * / **``, parentheses and a few functions, read by a parser of its own: nothing in an expression
can do more than compute. A metric whose name has other characters than letters, digits, ``_`` and one ``@`` stands
between backquotes: ```latency_ms@ImageNet16-120```.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.names import nearest

_Numbers = NDArray[np.float64]
_Tree = tuple[Any, ...]

_LONGEST, _DEEPEST = 1000, 40
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*(?:@\w+)?)|`(?P<quoted>[^`]+)`"
    r"|(?P<sign>\*\*|<=|>=|[-+*/(),<>]))",
    re.ASCII,
)
_FUNCTIONS: dict[str, tuple[Callable[..., _Numbers], int]] = {
    "log": (np.log, 1),
    "exp": (np.exp, 1),
    "sqrt": (np.sqrt, 1),
    "abs": (np.abs, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
}
_OPERATORS: dict[str, Callable[[_Numbers, _Numbers], _Numbers]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A number computed from metrics."""

    text: str
    metrics: tuple[str, ...]
    """Those it needs, in order of appearance."""
    _tree: _Tree

    @property
    def plain(self) -> bool:
        """Whether it is one metric as it stands."""
        return self._tree[0] == "metric"

    def __call__(self, columns: Mapping[str, _Numbers]) -> _Numbers:
        """[n] values from [n] metrics; NaN where one is missing or the result is no finite number."""
        with np.errstate(all="ignore"):
            value = np.asarray(_evaluate(self._tree, columns), dtype=np.float64)
        n = len(columns[self.metrics[0]])
        return np.where(np.isfinite(value), value, np.nan) + np.zeros(n)


@dataclass(frozen=True, slots=True)
class Limit:
    """A comparison that has to hold, such as ``latency_ms <= 5``."""

    text: str
    margin: Expression
    """How far it is from being broken, in the unit of what is compared; negative where it is."""
    strict: bool
    """Whether equality breaks it."""

    def holds(self, margins: _Numbers) -> NDArray[np.bool_]:
        """[n] whether it holds with [n] margins; not where they are NaN."""
        return margins > 0 if self.strict else margins >= 0


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        InputError: if it is none, or has no metric in it.
    """
    parser = _Parser(text)
    tree = parser.sum()
    parser.end()
    return _expression(text, tree)


def parse_limit(text: str) -> Limit:
    """Read ``a <= b``, ``a < b``, ``a >= b`` or ``a > b``.

    Raises:
        InputError: if it is no comparison, or has no metric in it.
    """
    parser = _Parser(text)
    left = parser.sum()
    sign = parser.take("<=", ">=", "<", ">")
    if not sign:
        raise parser.error("a limit is a comparison such as latency_ms <= 5")
    right = parser.sum()
    parser.end()
    small, large = (left, right) if sign[0] == "<" else (right, left)
    return Limit(text, _expression(text, ("-", large, small)), len(sign) == 1)


def _expression(text: str, tree: _Tree) -> Expression:
    metrics = tuple(dict.fromkeys(_metrics(tree)))
    if not metrics:
        raise InputError(f"{text!r}: there is no metric in it")
    return Expression(text.strip(), metrics, tree)


def _metrics(tree: _Tree) -> list[str]:
    if tree[0] == "metric":
        return [tree[1]]
    return [name for part in tree[1:] if isinstance(part, tuple) for name in _metrics(part)]


def _evaluate(tree: _Tree, columns: Mapping[str, _Numbers]) -> Any:
    kind, *parts = tree
    if kind == "number":
        return np.float64(parts[0])
    if kind == "metric":
        return columns[parts[0]]
    values = [_evaluate(part, columns) for part in parts]
    if kind in _OPERATORS:
        return _OPERATORS[kind](*values)
    return _FUNCTIONS[kind][0](*values)


class _Parser:
    """Recursive descent; ``sum`` is the whole grammar's start."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.tokens: list[tuple[str, str, int]] = []
        if len(text) > _LONGEST:
            raise InputError(f"{text[:30]!r}...: longer than {_LONGEST} characters")
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if not match:
                raise InputError(f"{text!r}: {text[at:].strip()[0]!r} has no place in an expression over metrics")
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], match.start(kind)))
            at = match.end()
        self.at = 0

    def error(self, reason: str) -> InputError:
        if self.at < len(self.tokens):
            return InputError(f"{self.text!r}: at {self.text[self.tokens[self.at][2] :]!r}: {reason}")
        return InputError(f"{self.text!r}: at its end: {reason}")

    def take(self, *signs: str) -> str:
        """The next token if it is one of ``signs``, else nothing."""
        if self.at < len(self.tokens):
            kind, value, _ = self.tokens[self.at]
            if kind == "sign" and value in signs:
                self.at += 1
                return value
        return ""

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise self.error(f"{sign!r} is missing")

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.error("an operator is missing before it")

    def sum(self) -> _Tree:
        tree = self.product()
        while sign := self.take("+", "-"):
            tree = (sign, tree, self.product())
        return tree

    def product(self) -> _Tree:
        tree = self.factor()
        while sign := self.take("*", "/"):
            tree = (sign, tree, self.factor())
        return tree

    def factor(self) -> _Tree:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"nested deeper than {_DEEPEST}")
        if self.take("-"):
            tree: _Tree = ("-", ("number", 0.0), self.factor())
        elif self.take("+"):
            tree = self.factor()
        else:
            tree = self.atom()
            if self.take("**"):
                tree = ("**", tree, self.factor())
        self.depth -= 1
        return tree

    def atom(self) -> _Tree:
        if self.take("("):
            tree = self.sum()
            self.need(")")
            return tree
        if self.at == len(self.tokens) or self.tokens[self.at][0] == "sign":
            raise self.error("a metric or a number is missing")
        kind, value, _ = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return ("number", float(value))
        if kind == "name" and self.take("("):
            return self.call(value)
        return ("metric", value)

    def call(self, name: str) -> _Tree:
        if name not in _FUNCTIONS:
            raise InputError(f"{self.text!r}: no function is called {name!r}{nearest(name, _FUNCTIONS)}")
        arguments = [self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        self.need(")")
        if len(arguments) != _FUNCTIONS[name][1]:
            raise InputError(f"{self.text!r}: {name} takes {_FUNCTIONS[name][1]} numbers, not {len(arguments)}")
        return (name, *arguments)
