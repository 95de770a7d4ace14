from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from agnet import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "not yet" / "there"
    monkeypatch.setenv("AGNET_CACHE", str(folder))
    yield folder


class _Source:
    """A file, and a count of how often a table was made from it."""

    def __init__(self, path: Path, content: str) -> None:
        self.path = path
        self.built = 0
        path.write_text(content)

    def build(self) -> pa.Table:
        self.built += 1
        return pa.table({"n": [len(self.path.read_text())]})

    def table(self) -> pa.Table:
        return cache.table("name-1", self.path, self.build)


def test_built_once_and_again_when_the_source_changes(tmp_path: Path, folder: Path) -> None:
    source = _Source(tmp_path / "source", "abc")
    assert source.table()["n"].to_pylist() == source.table()["n"].to_pylist() == [3]
    assert source.built == 1
    source.path.write_text("abcd")
    assert source.table()["n"].to_pylist() == [4]
    assert source.built == 2
    assert sorted(file.suffix for file in folder.iterdir()) == [".arrow", ".arrow"]


@pytest.mark.parametrize("keep", [0, 8, 200])
def test_a_damaged_file_is_replaced(tmp_path: Path, folder: Path, keep: int) -> None:
    source = _Source(tmp_path / "source", "abc")
    source.table()
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    assert source.table()["n"].to_pylist() == [3]
    assert file.read_bytes() == whole


def test_without_a_writable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("AGNET_CACHE", str(in_the_way / "below"))
    source = _Source(tmp_path / "source", "abc")
    assert source.table()["n"].to_pylist() == source.table()["n"].to_pylist() == [3]
    assert source.built == 2


def test_a_failed_build_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    def fail() -> pa.Table:
        raise ValueError

    source = _Source(tmp_path / "source", "abc")
    with pytest.raises(ValueError):
        cache.table("name-1", source.path, fail)
    assert not folder.exists()


def test_many_at_once(tmp_path: Path, folder: Path) -> None:
    source = _Source(tmp_path / "source", "x" * 1000)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: source.table()["n"].to_pylist(), range(64)))
    assert answers == [[1000]] * 64
    assert len(list(folder.iterdir())) == 1
