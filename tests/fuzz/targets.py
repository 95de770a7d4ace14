"""Everything that reads what a stranger may have written, as functions of bytes.

They fail by an :class:`~agnet.errors.AgnetError` or not at all.
"""

from __future__ import annotations

from tests.fuzz.architectures import ARCHITECTURES
from tests.fuzz.official import OFFICIAL
from tests.fuzz.own import OWN
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {**ARCHITECTURES, **OWN, **OFFICIAL}
