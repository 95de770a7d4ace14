"""Progress where there is no terminal."""

from __future__ import annotations

import pytest

from agnet import console


def test_a_line_a_minute_when_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("agnet.console.time.monotonic", lambda: clock[0])
    with console.Reporter("search", lines=True).progress("search", 200) as update:
        for done in range(5, 105, 5):
            clock[0] += 10
            update(done, best="0.9", curve="▁█")
    assert capsys.readouterr().err.splitlines() == [
        "search: search: 5 of 200, 10 s, 2 s each, about 390 s to go, best 0.9",
        "search: search: 35 of 200, 70 s, 2 s each, about 330 s to go, best 0.9",
        "search: search: 65 of 200, 130 s, 2 s each, about 270 s to go, best 0.9",
        "search: search: 95 of 200, 190 s, 2 s each, about 210 s to go, best 0.9",
    ]
    with console.Reporter("query", lines=True).progress("query", None) as update:
        clock[0] += 30
        update(10)
    assert capsys.readouterr().err == "query: query: 10, 30 s, 3 s each\n"
    with console.Reporter("search").progress("search", 200) as update:
        update(5)
    assert capsys.readouterr().err == ""
