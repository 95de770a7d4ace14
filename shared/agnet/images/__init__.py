"""Images to train networks on, or to score untrained ones with.

Where they come from is one name: ``digits`` (scikit-learn's), ``noise``, a folder of CIFAR's files as published, a
folder with a sub-folder for each class, or a file of NumPy arrays (``.npz``). Everything is held in memory as bytes.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path

from agnet.errors import InputError
from agnet.images.base import Images, Split, merged

__all__ = ["Images", "Split", "check", "load", "merged"]


def load(name: str, *, size: int = 0, classes: int = 0) -> Images:
    """The images called ``name``.

    The result depends on nothing but the arguments and the files.

    Args:
        name: ``digits``, ``noise``, or a path, see the modules of this package.
        size: height and width that the images of a folder are brought to, and that noise has; 0: those of a folder
            as they are, if all are alike, and 32 for noise.
        classes: how many classes noise has; 0: ten. Other images have theirs.

    Raises:
        InputError: if there is no such data, it is damaged, a package is missing, or ``size`` or ``classes`` do not
            apply.
    """
    reader = check(name, size=size, classes=classes)
    images: Images = import_module(f"agnet.images.{reader}").load(name, size=size, classes=classes)
    return images


def check(name: str, *, size: int = 0, classes: int = 0) -> str:
    """Complain about what :func:`load` would before it reads an image; the module of this package that reads them.

    Raises:
        InputError: if there is no such data, or ``size`` or ``classes`` do not apply.
    """
    if size < 0 or classes < 0:
        raise InputError("the size of images and the number of classes must not be negative")
    reader = _reader(name)
    if size and reader not in ("folder", "noise"):
        raise InputError(f"data {name}: size is for a folder of images and for noise; these are used as they are")
    if classes and reader != "noise":
        raise InputError(f"data {name}: the number of classes is only chosen for noise")
    return reader


_MADE = ("digits", "noise")
"""Data that is no file."""


def _reader(name: str) -> str:
    """The module of this package that reads ``name``."""
    path = Path(name)
    if name in _MADE:
        return name
    if not name or not path.exists():
        close = difflib.get_close_matches(name, _MADE, n=1, cutoff=0.75)
        hint = f"did you mean {close[0]!r}?" if close else "give one, or digits or noise"
        raise InputError(f"data {name!r}: there is no such file or folder; {hint}")
    if path.is_file():
        if path.suffix.lower() != ".npz":
            raise InputError(f"data {name}: not a folder and not a .npz file")
        return "arrays"
    from agnet.images import cifar  # noqa: PLC0415 - the others need none of it

    return "cifar" if cifar.layout(path) else "folder"
