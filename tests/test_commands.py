"""Every command that a page, an example or a ``--help`` shows is one that there is.

Most of them are run by a test: tests/tools/test_pages.py says where. Those that take hours, need official files or are
examples of ``--help`` are only read here: tools, sub-commands, options, benchmarks, presets, modules and targets exist.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agnet import benchmarks, console
from agnet.errors import InputError
from agnet.search import presets

from .test_manuals import pages

_ROOT = Path(__file__).parents[1]
_PAGES = [*_ROOT.glob("*.md"), *_ROOT.glob("docs/*.md"), *_ROOT.glob("tools/*/README.md")]
_TEXTS = sorted(str(page.relative_to(_ROOT)) for page in [*_PAGES, *_ROOT.glob("examples/*.sh")])
_SHELL = {"if", "then", "else", "while", "do", "!", "exec", "time", "set", "nice"}


def _commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a piece of shell, word by word."""
    plain = re.sub(r"(^|\s)#[^\n]*", r"\1", text.replace("\\\n", " "))
    lexer = shlex.shlex(plain, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word and set(word) <= set("();<>|&\n"):
            if words and not set(word) <= set("<>"):
                yield words
                words = []
        elif words or not (word in _SHELL or re.fullmatch(r"\w+=\S*", word)):
            words.append(word)


def _wrong(words: list[str]) -> str | None:
    """What is not right about a command of ours."""
    tool, *rest = words[1:] if words[0] == "agnet" and len(words) > 1 else words
    if words[0] == "make":
        targets = re.findall(r"^(\w+):", (_ROOT / "Makefile").read_text(), re.MULTILINE)
        return next((f"make {word}" for word in rest if word not in targets and "." not in word), None)
    if words[:2] == ["python", "-m"] and words[2].startswith("bench"):
        return None if importlib.util.find_spec(words[2]) else words[2]
    if tool not in console.TOOLS:
        return None
    parser: Any = pages.command(tool)
    children = getattr(parser, "commands", {})
    if children and rest and not rest[0].startswith("-"):
        if rest[0] not in children:
            return f"{tool} {rest[0]}"
        parser = children[rest[0]]
    options = {name for parameter in parser.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if re.match(r"--?[a-zA-Z]", word) and word.partition("=")[0] not in {*options, "-h", "--help"}:
            return f"{tool} {word}"
    return _names(tool, rest)


def _names(tool: str, rest: list[str]) -> str | None:
    """A benchmark or preset that does not exist; those in variables and programs are not looked at."""
    after = {"-b": benchmarks.get, "--benchmark": benchmarks.get, "--preset": presets.load}
    asked = [(after[word], value) for word, value in pairwise(rest) if word in after]
    if tool == "query" and rest and not rest[0].startswith("-"):
        asked.append((benchmarks.get, rest[0]))
    for look, name in asked:
        if re.fullmatch(r"[a-z][\w/-]*", name) and not name.isupper():
            try:
                look(name)
            except InputError as error:
                return str(error)
    return None


def _blocks(page: str) -> list[str]:
    """The shell of a page: fenced, or indented and not a synopsis."""
    fenced = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    indented = [
        block for block in re.findall(r"(?:^    .*\n)+", rest, re.MULTILINE) if not re.search(r"[\[|{<]\w|\|\w", block)
    ]
    return [*fenced, *indented]


@pytest.mark.parametrize("name", _TEXTS)
def test_commands_of_a_page_exist(name: str) -> None:
    text = (_ROOT / name).read_text()
    for block in [text] if name.endswith(".sh") else _blocks(text):
        for words in _commands(block):
            assert _wrong(words) is None, " ".join(words)


@pytest.mark.parametrize("tool", console.TOOLS)
def test_commands_of_a_help_exist(tool: str) -> None:
    parser = pages.command(tool)
    found = 0
    for command in [parser, *getattr(parser, "commands", {}).values()]:
        _, _, examples = (command.help or "").partition("Examples:\n")
        for words in _commands(examples):
            found += 1
            assert _wrong(words) is None, " ".join(words)
    assert found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("encode --space nb201 --alll | wc -l", "encode --alll"),
        ("for i in 1 2; do X=1 query nb201/cifar1 a.jsonl; done", "no benchmark is called 'nb201/cifar1'"),
        ("agnet plot curvy a.jsonl", "plot curvy"),
        ("plot pareto a.jsonl --regret", "plot --regret"),
        ("search --preset agnet-nb21 > best.jsonl", "no preset is called 'agnet-nb21'"),
        ("jq . <(search -b nb20/x)", "no benchmark is called 'nb20/x'"),
        ("python -m bench.nothing --data X", "bench.nothing"),
        ("make everything", "make everything"),
    ],
)
def test_what_does_not_exist_is_found(text: str, wrong: str) -> None:
    told = [_wrong(words) for words in _commands(text)]
    assert [reason for reason in told if reason and reason.startswith(wrong)], told
