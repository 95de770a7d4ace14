"""Help for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """End of an error message about an unknown name: the nearest known one, or all of them.

    ``"; did you mean 'val_acc'?"`` or ``"; there are val_acc, params_m"``; for a name that several begin with, these.
    """
    known = list(known)
    if below := [candidate for candidate in known if candidate.lower().startswith(f"{name.lower()}/")]:
        return f"; there are {', '.join(below)}"
    folded = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[close[0]]!r}?" if close else f"; there are {', '.join(known)}"
