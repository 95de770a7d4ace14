"""Downloads of official files: resumed where they stopped, checked, and never in place of a file that is there."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from agnet import __version__
from agnet.benchmarks import store
from agnet.benchmarks.official import Progress, silent
from agnet.benchmarks.sources import File
from agnet.errors import AgnetError, InputError

_CHUNK = 1 << 20
_TIMEOUT = 60  # seconds without a byte
_PARTIAL, _BEYOND_END = 206, 416


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another host only to HTTPS, and never from HTTPS to anything else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme != "https" and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            raise AgnetError(f"{req.full_url}: sends to {newurl}, which is not HTTPS; not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def fetch(file: File, folder: Path, progress: Progress = silent) -> Path:
    """Download ``file`` into ``folder``.

    Returns:
        Its path. A file that was there already with the right digest is left as it is.

    Raises:
        InputError: if another file of that name is there, or the folder is not.
        AgnetError: if the download fails, or what came has another digest; then nothing is left of it.
    """
    if not file.address:
        raise InputError(f"{file.name} has no address that a program could use")
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        if file.sha256 and store.sha256(path) != file.sha256:
            raise InputError(f"{path}: is there, but is another file than the official one; move it away first")
        return path
    try:
        _download(file.address, part, progress)
        if file.sha256 and (digest := store.sha256(part)) != file.sha256:
            part.unlink()
            raise AgnetError(f"{file.address}: what came has the sha256 {digest}, not {file.sha256}; it was deleted")
        _rename(part, path)
    except urllib.error.HTTPError as error:
        raise AgnetError(f"{file.address}: {error.code} {error.reason}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        kept = f"; {part} is kept, run it again to go on" if part.exists() else ""
        raise AgnetError(f"{file.address}: {reason}{kept}") from None
    return path


def _download(address: str, part: Path, progress: Progress) -> None:
    """Append what is missing to ``part``."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"agnet/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
    opener = urllib.request.build_opener(_Redirects)
    try:
        answer: HTTPResponse = opener.open(urllib.request.Request(address, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == _BEYOND_END and start:  # all of it was there
            return
        raise
    with answer:
        if answer.status != _PARTIAL:
            start = 0  # the server begins anew
        total = start + int(answer.headers.get("Content-Length") or 0)
        done = start
        # No link: in a folder that others can write to it may lead to a file that they cannot.
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_APPEND if start else os.O_TRUNC)
        with os.fdopen(os.open(part, flags, 0o666), "ab" if start else "wb") as file:
            while data := answer.read(_CHUNK):
                file.write(data)
                done += len(data)
                progress(done, total)
    if done < total:
        raise OSError(f"the connection ended after {done:,} of {total:,} bytes")


def _rename(part: Path, path: Path) -> None:
    """Give the part its name, unless a file got that name meanwhile."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise InputError(f"{path}: appeared while it was downloaded; the download is {part}") from None
    except OSError:  # a file system without hard links
        part.rename(path)
    else:
        part.unlink()
