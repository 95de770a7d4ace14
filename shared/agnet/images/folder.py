"""A folder with a sub-folder for each class, named after it, and images in the usual formats, which Pillow reads.

If the sub-folders are called ``train`` and ``val`` or ``test`` (or both), each holds the classes' folders itself, as
ImageNet's do. Otherwise a fifth of each class is the test.

All images are brought to one size: the shorter side scaled to it, the middle cut out. Grey ones stay so if all are.
Files whose name begins with a dot are no images.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.images.base import Images, Split, with_test

_PARTS = ("train", "val", "test")
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000")
"""Not those that Pillow lets another program read, as EPS: that would run what is in the file."""
_MOST_PIXELS = 50_000_000
"""A header of a few bytes may claim any size."""
_SILENCE = logging.NullHandler()


def load(name: str, *, size: int, classes: int) -> Images:
    """The images of a folder.

    Raises:
        InputError: if Pillow is not installed, a file is not an image, there are none, or their sizes differ and no
            ``size`` is given.
    """
    root = Path(name)
    folders = _folders(root)
    parts = [folder.name for folder in folders if folder.name in _PARTS]
    if "train" in parts and len(parts) == len(folders) > 1:
        places = {part: root / part for part in parts}
    else:
        places = {"train": root}
    names = [folder.name for folder in _folders(places["train"])]
    if not names:
        raise InputError(f"data {name}: there is no sub-folder, one is needed for each class")
    files = {part: list(_files(name, place, names)) for part, place in places.items()}
    open_ = _Opener(size)
    pixels = {part: [open_(path) for path, _ in listed] for part, listed in files.items()}
    grey = all(image.ndim == 2 for images in pixels.values() for image in images)
    splits = {
        part: Split(_stack(images, grey), np.array([number for _, number in files[part]], dtype=np.int64))
        for part, images in pixels.items()
    }
    if set(splits) == {"train"}:
        return with_test(name, tuple(names), splits["train"])
    return Images(name, tuple(names), splits["train"], splits.get("val"), splits.get("test"))


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"data {root}: {error.strerror}") from None


def _files(name: str, place: Path, names: list[str]) -> Iterator[tuple[Path, int]]:
    """Files of each class and its number."""
    for folder in _folders(place):
        if folder.name not in names:
            raise InputError(f"data {name}: {folder} is a class that there is nothing of to train on")
        found = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        if not found:
            raise InputError(f"data {name}: {folder} has no images in it")
        number = names.index(folder.name)
        yield from ((path, number) for path in found)


class _Opener:
    """Reads images, all to one size."""

    def __init__(self, size: int) -> None:
        try:
            from PIL import Image, ImageOps  # noqa: PLC0415 - heavy, and an extra
        except ImportError:
            raise InputError("images in files need Pillow: pip install 'agnet[images]'") from None
        logging.getLogger("PIL").addHandler(_SILENCE)  # or it writes to stderr what it raises too
        self._image, self._ops = Image, ImageOps
        self._size = (size, size) if size else None
        self._first: tuple[Path, tuple[int, int]] | None = None

    def __call__(self, path: Path) -> NDArray[np.uint8]:
        """[height, width] if grey, [height, width, 3] otherwise."""
        try:
            with self._image.open(path, formats=_FORMATS) as file:
                file.draft("RGB", self._size)  # a large JPEG is decoded at a fraction of its size, if it may be
                if math.prod(file.size) > _MOST_PIXELS:
                    raise InputError(f"{path}: has {'×'.join(map(str, file.size))} pixels, more than can be held")
                return self._convert(path, file)
        except InputError:
            raise
        except Exception as error:  # damaged files raise whatever their format's code meets
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{path}: not read as an image: {reason}") from None

    def _convert(self, path: Path, file: Any) -> NDArray[np.uint8]:
        image = self._ops.exif_transpose(file)
        if image.mode == "F":
            raise InputError(f"{path}: its pixels are floats, whose range nobody knows; save it with 8 or 16 bits")
        if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would cut off at 255
            image = self._image.fromarray((np.array(image) >> 8).astype(np.uint8))
        image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
        if self._size:
            return np.array(self._ops.fit(image, self._size, self._image.Resampling.BILINEAR))
        if self._first is None:
            self._first = (path, image.size)
        elif image.size != self._first[1]:
            sizes = ["×".join(map(str, pixels)) for pixels in (image.size, self._first[1])]
            raise InputError(
                f"{path} has {sizes[0]} pixels, {self._first[0]} has {sizes[1]}: say to which size to bring them, "
                "such as size=32"
            )
        return np.array(image)


def _stack(images: list[NDArray[np.uint8]], grey: bool) -> NDArray[np.uint8]:
    """[n, channels, height, width]"""
    if grey:
        return np.stack(images)[:, None]
    coloured = [np.broadcast_to(image[..., None], (*image.shape, 3)) if image.ndim == 2 else image for image in images]
    return np.ascontiguousarray(np.stack(coloured).transpose(0, 3, 1, 2))
