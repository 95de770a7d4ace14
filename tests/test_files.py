from __future__ import annotations

from pathlib import Path

import pytest

from agnet.errors import AgnetError, InputError
from agnet.files import target, write_whole


def test_a_file_is_replaced_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(0o640)
    write_whole(str(path), b"after")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(str(tmp_path / "link"), b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "link")
    with pytest.raises(InputError, match="symbolic links"):
        write_whole(str(tmp_path / "link"), b"content")
    assert (tmp_path / "link").is_symlink()


def test_the_longest_name(tmp_path: Path) -> None:
    """255 bytes of it, a few of which the private file has too."""
    write_whole(str(tmp_path / ("\U0001f600" * 63 + "abc")), b"content")
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"content"]


def test_the_private_file_is_private(tmp_path: Path) -> None:
    """Nobody else can read it, or have put something in its place."""
    place = target(str(tmp_path / "file"))
    place.open()
    (part,) = tmp_path.iterdir()
    assert part.stat().st_mode & 0o777 == 0o600
    assert len(part.name) > len(".file.part") + 11  # a name that nobody can guess; it is opened only where none is
    place.discard()


def test_what_is_not_committed_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before")
    place = target(str(tmp_path / "file"))
    place.open()
    place.file.write(b"half")
    place.discard()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"


def test_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_whole("-", b"content")
    assert capfdbinary.readouterr().out == b"content"


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        (".", InputError, r"\.: is a folder"),
        ("nowhere/file", InputError, r"nowhere/file: there is no folder .*nowhere"),
        ("/dev/full", AgnetError, r"/dev/full: No space left on device"),
        ("a" * 300, InputError, r"a{300}: File name too long"),
    ],
)
def test_places_that_take_nothing(
    name: str, kind: type[AgnetError], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=f"^{reason}"):
        write_whole(name, b"content")
    assert not list(tmp_path.iterdir())
