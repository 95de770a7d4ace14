"""Write the options of every tool into its page, from what its ``--help`` knows: ``make pages``.

A page, tools/*/README.md, is written by hand, all but what stands between the two marks. With ``--check`` nothing is
written, and pages that are not what they should be are named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from agnet import console

TOOLS = Path(__file__).parents[1] / "tools"
BEGIN, END = "<!-- from --help by `make pages` -->", "<!-- end -->"
EVERYWHERE = {"--help", "--version", "--install-completion", "--show-completion"}


def command(tool: str) -> Any:
    """The parser of a tool's command line."""
    apps: list[typer.Typer] = []
    run = console.run
    console.run = lambda app, prog: apps.append(app)  # type: ignore[assignment, return-value]
    try:
        import_module(f"agnet_{tool.replace('-', '_')}.command").main()
    finally:
        console.run = run
    return typer.main.get_command(apps[0])


def options(tool: str) -> str:
    """The options of a tool as Markdown: a table, or one for what all its sub-commands have and one for the rest."""
    parser = command(tool)
    children: dict[str, Any] = getattr(parser, "commands", {})
    if not children:
        return _table(("option", "meaning"), _rows(parser))
    having: dict[tuple[str, str], list[str]] = {}
    for name, child in children.items():
        for row in _rows(child):
            having.setdefault(row, []).append(f"`{name}`")
    common = [row for row, names in having.items() if len(names) == len(children)]
    rest = [(names, ", ".join(of), help) for (names, help), of in having.items() if len(of) < len(children)]
    parts = [_table(("option of all", "meaning"), common)] if common else []
    return "\n\n".join([*parts, _table(("option", "of", "meaning"), rest)])


def _rows(parser: Any) -> Iterator[tuple[str, str]]:
    context = parser.make_context(parser.name, [], resilient_parsing=True)
    for parameter in parser.params:
        if not EVERYWHERE & set(parameter.opts):
            names, text = parameter.get_help_record(context)
            yield _names(parameter, names), _meaning(parameter, text)


def _names(parameter: Any, names: str) -> str:
    """``-o, --output FILE`` as `` `-o`, `--output FILE` ``; the kind of value is not told as Typer calls it."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`" + ("..." if parameter.nargs != 1 else "")
    names = re.sub(r" [<\[](.*)[>\]]$", lambda found: f" {{{found[1].replace('|', ',')}}}", names)
    return ", ".join(f"`{name}`" for name in re.split(", | / ", names))


def _meaning(parameter: Any, text: str) -> str:
    """The help with names as code and the default as a sentence; ranges are left to the error message."""
    text, *facts = re.split(r"\s+\[(?=default: |required\]|[\d.<>x])", text)
    text = re.sub(r"(?<!\w)'([^']+)'(?!\w)|(?<![\w-])(--?[a-z][a-z-]*)(?!\w)", _code, text).replace("|", r"\|")
    for fact in facts:
        if default := re.match(r"default: \(?([^;\])]+)", fact):
            text += f" Default: `{default[1]}`." if default[1] != "-" else ""
        elif fact == "required]":
            text += " Required."
    return text + (" May be given often." if parameter.multiple and "often" not in text else "")


def _code(found: re.Match[str]) -> str:
    return f"`{found[1] or found[2]}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ("---",) * len(head), *rows])


def renewed(tool: str) -> tuple[str, str]:
    """The page of a tool as it is, and as it should be."""
    page = (TOOLS / tool / "README.md").read_text()
    begin, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"tools/{tool}/README.md: no place for the options, between {BEGIN} and {END}")
    return page, f"{begin}{BEGIN}\n\n{options(tool)}\n\n{END}{after}"


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    for tool in console.TOOLS:
        before, page = renewed(tool)
        if before != page:
            stale.append(tool)
            if "--check" not in sys.argv[1:]:
                (TOOLS / tool / "README.md").write_text(page)
    if stale and "--check" in sys.argv[1:]:
        raise SystemExit(f"stale: {', '.join(stale)}; run 'make pages'")


if __name__ == "__main__":
    main()
