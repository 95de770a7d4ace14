"""The command ``benchmarks``, with a server of the test's own in the place of the projects'."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agnet import benchmarks
from agnet.benchmarks import download, sources
from agnet.benchmarks.sources import File
from agnet.errors import AgnetError, InputError

from .conftest import Cli

_CONTENT = bytes(range(256)) * 20_000
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()


class _Server(ThreadingHTTPServer):
    """Serves ``_CONTENT``; some paths behave badly."""

    asked: list[tuple[str, str | None]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.path == "/missing":
            self.send_error(404)
        elif self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        else:
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.path != "/whole" else 0
            if start >= len(_CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(_CONTENT) - start))
            self.end_headers()
            broken = self.path == "/broken" and not wanted
            self.wfile.write(_CONTENT[start : len(_CONTENT) // 2 if broken else None])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _file(server: _Server, path: str = "/file", sha256: str | None = _SHA256) -> File:
    return File("file.bin", f"http://127.0.0.1:{server.server_port}{path}", sha256, len(_CONTENT))


def test_download(server: _Server, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    path = download.fetch(_file(server), tmp_path, lambda done, total: progress.append((done, total)))
    assert path.read_bytes() == _CONTENT
    assert progress[-1] == (len(_CONTENT), len(_CONTENT))
    assert list(tmp_path.iterdir()) == [path]
    # A second time nothing is asked for.
    assert download.fetch(_file(server), tmp_path) == path
    assert server.asked == [("/file", None)]


@pytest.mark.parametrize("path", ["/file", "/whole"])
def test_it_goes_on_where_it_stopped(server: _Server, tmp_path: Path, path: str) -> None:
    """``/whole`` sends everything, whatever it is asked for."""
    with pytest.raises(AgnetError, match=r"ended after 2,560,000 of 5,120,000 bytes.*file.bin.part is kept"):
        download.fetch(_file(server, "/broken"), tmp_path)
    assert download.fetch(_file(server, path), tmp_path).read_bytes() == _CONTENT
    assert server.asked == [("/broken", None), (path, "bytes=2560000-")]
    assert [file.name for file in tmp_path.iterdir()] == ["file.bin"]


def test_a_part_that_is_complete(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(_CONTENT)
    assert download.fetch(_file(server), tmp_path).read_bytes() == _CONTENT


def test_a_part_that_is_a_link_is_not_followed(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / "file.bin.part").symlink_to(tmp_path / "victim")
    with pytest.raises(AgnetError, match="symbolic links"):
        download.fetch(_file(server), tmp_path)
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_another_content_is_deleted(server: _Server, tmp_path: Path) -> None:
    with pytest.raises(AgnetError, match=rf"has the sha256 {_SHA256}, not {'0' * 64}; it was deleted"):
        download.fetch(_file(server, sha256="0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there, but is another file than the official one"):
        download.fetch(_file(server), tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == b"mine"
    assert server.asked == []


def test_redirects(server: _Server, tmp_path: Path) -> None:
    here = f"http://127.0.0.1:{server.server_port}/file"
    assert download.fetch(_file(server, f"/to/{here}"), tmp_path).read_bytes() == _CONTENT
    for elsewhere in (f"http://localhost:{server.server_port}/file", "ftp://127.0.0.1/file", "file:///etc/hostname"):
        with pytest.raises(AgnetError, match=r"not followed|not allowed"):
            download.fetch(dataclasses.replace(_file(server, f"/to/{elsewhere}"), name="other"), tmp_path)
    assert [path for path, _ in server.asked if path == "/file"] == ["/file"]


def test_a_server_that_has_no_such_file(server: _Server, tmp_path: Path) -> None:
    with pytest.raises(AgnetError, match=r"/missing: 404 "):
        download.fetch(_file(server, "/missing"), tmp_path)
    server.shutdown()
    server.server_close()
    with pytest.raises(AgnetError, match=r"[Rr]efused"):
        download.fetch(_file(server), tmp_path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path / "cache"))
    benchmarks.get.cache_clear()
    yield tmp_path / "cache"
    benchmarks.get.cache_clear()


def test_fetch(cli: Cli, server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = dataclasses.replace(sources.get("nb101"), files=(_file(server), File("by-hand.pth")))
    monkeypatch.setattr(sources, "get", lambda name: source)
    result = cli("benchmarks", "fetch", "nb101", "-d", tmp_path)
    assert result.stdout.decode() == f"{tmp_path / 'file.bin'}\n"
    assert "its digest is right" in result.stderr
    wrong = cli("benchmarks", "fetch", "nb101", "--file", "other", status=2)
    assert wrong.stderr == "benchmarks: nb101 has no file 'other'; there are file.bin\n"


def test_from_the_file_to_the_answer(cli: Cli, data: Path, cache: Path) -> None:
    fixture = data / "nb101" / "nb101_fixture_66x3.tfrecord"
    cell = b'{"arch":"conv3x3:0,conv3x3:0,conv3x3:12,output:0123"}\n'
    absent = cli("query", "nb101", stdin=cell, status=2)
    assert absent.stderr.startswith("query: nb101 needs NAS-Bench-101")
    assert "'benchmarks import nb101 FILE'" in absent.stderr
    assert absent.stderr.count("\n") == 1
    assert b"not imported" in cli("benchmarks", "info", "nb101").stdout
    assert cli("benchmarks", "import", "nb101", fixture).stderr.startswith("benchmarks: nb101: 66 rows in ")
    (path,) = (cache / "benchmarks").iterdir()
    assert b"66 rows" in cli("benchmarks", "info", "nb101").stdout
    verified = cli("benchmarks", "verify").stdout
    assert verified == b"nb101: 66 rows, unchanged since nb101_fixture_66x3.tfrecord was imported\n"
    # A failed import leaves what was there.
    damaged = cache / "damaged.tfrecord"
    damaged.write_bytes(fixture.read_bytes()[:-5])
    failed = cli("benchmarks", "import", "nb101", damaged, status=2)
    assert "record 198: the file ends inside it" in failed.stderr
    assert [*(cache / "benchmarks").iterdir()] == [path]
    # A second import takes its place.
    other = data / "nb101" / "ecnas_carbon_3V9E.tfrecord"
    cli("benchmarks", "import", "nb101", other, "-q")
    (path,) = (cache / "benchmarks").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "has changed since it was made" in cli("benchmarks", "verify", "nb101", status=2).stderr
    cli("benchmarks", "remove", "nb101")
    assert list((cache / "benchmarks").iterdir()) == []
    again = cli("benchmarks", "remove", "nb101", status=2)
    assert again.stderr == "benchmarks: nothing was imported as nb101\n"


def test_list_is_that_of_query(cli: Cli) -> None:
    text = cli("benchmarks", "list").stdout.decode()
    assert text == cli("query", "--list").stdout.decode()
    assert "nb101: NAS-Bench-101" in text
    records = cli("benchmarks", "list", "--format", "jsonl").records
    assert {record["benchmark"] for record in records} == {*benchmarks.names(), *benchmarks.open_names()}
    assert {"metric": "val_acc@54"}.items() <= next(r for r in records if r["metric"] == "val_acc@54").items()


@pytest.mark.parametrize("name", sources.names())
def test_files_of_another_kind(cli: Cli, cache: Path, tmp_path: Path, name: str) -> None:
    """One line each, exit status 2, and nothing is left behind."""
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("results_0.json", bytes(50_000_000))
    for file in ("text", "empty", "folder", "nothing", "deep", "loop", "bomb", "/dev/null", "/dev/zero"):
        told = cli("benchmarks", "import", name, tmp_path / file, status=2).stderr
        assert told.startswith(f"benchmarks: {tmp_path / file}: ")
        assert told.count("\n") == 1
        assert ": ;" not in told
    assert not cache.exists()


def test_misspelt_names(cli: Cli, tmp_path: Path) -> None:
    assert "did you mean 'nb101'" in cli("benchmarks", "import", "nb11", tmp_path / "x", status=2).stderr
    assert "did you mean 'nb101'" in cli("benchmarks", "info", "nb11", status=2).stderr
    assert "there is no such file" in cli("benchmarks", "import", "nb101", tmp_path / "x", status=2).stderr
