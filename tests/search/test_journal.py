from __future__ import annotations

import os
from pathlib import Path

import pytest

from agnet.errors import InputError
from agnet.search.journal import Journal
from agnet.streams import LinesChunk

SETTINGS = {"benchmark": "nb201/cifar10", "seed": (0,)}
ANSWERS = b'{"arch":"a","val_acc":0.5}\n{"arch":"b","val_acc":0.25}\n{"arch":"c","val_acc":null}\n'


def write(path: Path, content: bytes = ANSWERS) -> None:
    with Journal(path, SETTINGS, resume=False) as journal:
        journal.append(LinesChunk.of(content))


def test_replays_what_was_answered_byte_for_byte(tmp_path: Path) -> None:
    write(tmp_path / "j")
    with Journal(tmp_path / "j", SETTINGS, resume=True) as journal:
        assert journal.recorded == 3
        first, second = journal.replay(["a", "b"]), journal.replay(["c", "d"])
        assert first is not None and second is not None
        assert first.json_lines().to_pybytes() + second.json_lines().to_pybytes() == ANSWERS
        assert journal.replay(["d"]) is None


def test_a_half_written_line_was_never_answered(tmp_path: Path) -> None:
    write(tmp_path / "j")
    whole = (tmp_path / "j").read_bytes()
    for cut in range(1, len(whole) + 1):
        (tmp_path / "cut").write_bytes(whole[:cut])
        with Journal(tmp_path / "cut", SETTINGS, resume=True) as journal:
            assert journal.recorded == max(whole[:cut].count(b"\n") - 1, 0)
            if journal.recorded == 0:
                journal.append(LinesChunk.of(ANSWERS))
        assert whole.startswith((tmp_path / "cut").read_bytes())


def test_refuses_what_is_not_its_own(tmp_path: Path) -> None:
    write(tmp_path / "j")
    with pytest.raises(InputError, match="--resume"):
        Journal(tmp_path / "j", SETTINGS, resume=False)
    with pytest.raises(InputError, match=r"other settings \(seed\)"):
        Journal(tmp_path / "j", {**SETTINGS, "seed": (1,)}, resume=True)
    (tmp_path / "k").write_bytes(ANSWERS)
    with pytest.raises(InputError, match="not the journal"):
        Journal(tmp_path / "k", SETTINGS, resume=True)
    assert (tmp_path / "k").read_bytes() == ANSWERS
    for other in (b"my notes", b"my notes\nwithout an end", b"[]\n", b'{"agnet_journal":1}\n', b"\0" * 50):
        (tmp_path / "k").write_bytes(other)
        with pytest.raises(InputError, match="not the journal"):
            Journal(tmp_path / "k", SETTINGS, resume=True)
        assert (tmp_path / "k").read_bytes() == other


def test_one_search_at_a_time(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j", SETTINGS, resume=False),
        pytest.raises(InputError, match="another search is writing"),
    ):
        Journal(tmp_path / "j", SETTINGS, resume=True)


def test_other_queries_than_recorded_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "j")
    with (
        Journal(tmp_path / "j", SETTINGS, resume=True) as journal,
        pytest.raises(InputError, match="j:3: arch: the journal has b, this search asks x"),
    ):
        journal.replay(["a", "x"])


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """A device would give bytes for ever."""
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("device", "folder", "pipe"):
        with pytest.raises(InputError, match="not the journal of a search"):
            Journal(tmp_path / name, {}, resume=True)
