"""The errors a user can cause or meet; everything else is a bug and may show a traceback.

A message says what is wrong, where, and what to do, on one line.
"""


class AgnetError(Exception):
    """Something failed while running; a command ends with exit status 1."""

    exit_status = 1

    def __str__(self) -> str:
        # What others say of a damaged file may have lines of its own, or its.
        return " ".join(super().__str__().split())


class InputError(AgnetError):
    """The command line, a file or a record is not what it should be; a command ends with exit status 2."""

    exit_status = 2


class RecordError(InputError):
    """One record of a stream is wrong: ``source:line: column: reason``."""

    def __init__(self, place: str, column: str | None, reason: str) -> None:
        super().__init__(f"{place}: {column}: {reason}" if column else f"{place}: {reason}")
