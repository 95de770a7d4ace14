"""Searches by name: small TOML files of the options of ``search``.

A preset is a table of options as the command line has them, without the dashes in front: ``queries = 192``,
``subject-to = ["latency_ms@edgegpu<=5"]``. Whatever stands on the command line takes its place; of ``with`` only the
settings of the same name do, the others stay.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from agnet import toml
from agnet.errors import InputError
from agnet.names import nearest

_ENDING = ".toml"
_OFTEN = {"maximize", "minimize", "subject-to", "with"}


def names() -> list[str]:
    """Names of all presets that come along."""
    found = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(_ENDING) for name in found if name.endswith(_ENDING))


def load(name: str) -> dict[str, Any]:
    """The options of a preset, or of the user's own file if ``name`` has a slash in it or ends in ``.toml``.

    What may be given often is a list, also where the file has a single text.

    Raises:
        InputError: if there is none of that name, or it is not TOML.
    """
    if "/" not in name and not name.endswith(_ENDING):
        if name not in names():
            raise InputError(f"no preset is called {name!r}{nearest(name, names())}")
        found = tomllib.loads(files(__name__).joinpath(name + _ENDING).read_text())
    else:
        found = toml.load(name)
    for option in _OFTEN & found.keys():
        given = [found[option]] if isinstance(found[option], str) else found[option]
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise InputError(f"preset {name}: {option}: give a text, or a list of texts")
        found[option] = given
    return found
