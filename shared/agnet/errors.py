"""The errors a user can cause or meet; everything else is a bug and may show a traceback.

A message says what is wrong, where, and what to do, on one line.
"""

import errno

UNNAMEABLE = (errno.ENAMETOOLONG, errno.ELOOP)
"""What the system says of a name that no file can have: too long, or links in a circle."""

_LONGEST = 1000
_END = 200


def _line(text: str) -> str:
    """``text`` on one line that a terminal can be shown.

    What others say of a damaged file may have lines of its own, or the file's, all of it, or what steers a terminal.
    """
    text = " ".join(text.split())
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - _END]} ... {text[-_END:]}"


class AgnetError(Exception):
    """Something failed while running; a command ends with exit status 1."""

    exit_status = 1

    def __str__(self) -> str:
        return _line(super().__str__())


class InputError(AgnetError):
    """The command line, a file or a record is not what it should be; a command ends with exit status 2."""

    exit_status = 2


class RecordError(InputError):
    """One record of a stream is wrong: ``source:line: column: reason``."""

    def __init__(self, place: str, column: str | None, reason: str) -> None:
        super().__init__(f"{place}: {column}: {reason}" if column else f"{place}: {reason}")
