"""A picture of matplotlib's as a part of a page, in the page's own colours."""

from __future__ import annotations

import html
import re

from agnet.plots import style

_COLOURS = {
    style.INK: "var(--ink)",
    style.MUTED: "var(--faint)",
    style.FAINT: "var(--axis)",
    style.GRID: "var(--grid)",
    style.PAPER: "var(--paper)",
}
"""What is ink or paper; the colours of lines and boxes stay, light or dark."""


def inline(svg: bytes, words: str, name: str) -> str:
    """An SVG file as an element of HTML that turns dark with the page.

    Args:
        svg: what :func:`agnet.plots.figure.render` made.
        words: what it shows, for those who do not see it.
        name: begins the names of its parts, so that no two pictures of a page share one.
    """
    text = svg.decode()
    head, body = text[text.index("<svg") :].split(">", 1)
    # a picture's rules would hold for the whole page, and what the file says of itself is the page's to say
    body = re.sub(r"\s*<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'(?<= id=")|(?<=href="#)|(?<=url\(#)', f"{name}-", body).replace("xlink:href", "href")
    for colour, variable in _COLOURS.items():
        body = re.sub(rf"(?<=[a-z]: ){colour}\b", variable, body, flags=re.IGNORECASE)
    box = re.search(r'viewBox="[^"]*"', head)
    width = re.search(r'width="([\d.]+)pt"', head)
    assert box
    assert width
    return (
        f'<svg role="img" aria-label="{html.escape(words)}" {box[0]} '
        f'style="width: {width[1]}pt; stroke-linejoin: round">{body.rstrip()}'
    )
