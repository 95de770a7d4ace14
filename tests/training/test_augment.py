"""What is done to images before a step of training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agnet.training.augment import STEPS, colour, crop, cutout, flip, resized_crop

IMAGES = torch.rand(200, 3, 16, 8, generator=torch.Generator().manual_seed(0)) + 0.5


def numbers() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("name", STEPS)
def test_the_same_numbers_change_images_alike(name: str) -> None:
    changed = STEPS[name](IMAGES, numbers())
    assert changed.shape == IMAGES.shape
    assert changed.dtype == IMAGES.dtype
    assert torch.equal(STEPS[name](IMAGES, numbers()), changed)
    assert not torch.equal(changed, IMAGES)
    assert torch.isfinite(changed).all()


def test_flip_mirrors_half_of_them() -> None:
    changed = flip(IMAGES, numbers())
    mirrored = [bool(torch.equal(after, before.flip(-1))) for after, before in zip(changed, IMAGES, strict=True)]
    same = [bool(torch.equal(after, before)) for after, before in zip(changed, IMAGES, strict=True)]
    assert [not was for was in mirrored] == same
    assert 70 < sum(mirrored) < 130


def shifts(before: Tensor, after: Tensor) -> list[tuple[int, int]]:
    """By how much ``after`` is ``before`` moved, zeros coming in."""
    found = []
    for down in (-2, -1, 0, 1, 2):
        for right in (-1, 0, 1):
            moved = torch.zeros(3, 20, 10)
            moved[:, 2 + down : 18 + down, 1 + right : 9 + right] = before
            if torch.equal(moved[:, 2:18, 1:9], after):
                found.append((down, right))
    return found


def test_crop_moves_by_up_to_an_eighth() -> None:
    found = [shifts(before, after) for before, after in zip(IMAGES, crop(IMAGES, numbers()), strict=True)]
    assert all(len(each) == 1 for each in found)
    assert len({each[0] for each in found}) == 15


def test_cutout_hides_a_square() -> None:
    hidden = cutout(IMAGES, numbers()) == 0
    assert torch.equal(hidden.any(1), hidden.all(1))
    rows, columns = hidden[:, 0].any(2).sum(1), hidden[:, 0].any(1).sum(1)
    assert torch.equal(hidden[:, 0].sum((1, 2)), rows * columns)
    assert (rows.max(), columns.max()) == (4, 4)
    assert (rows.min(), columns.min()) == (2, 2)  # beyond an edge
    assert torch.equal(cutout(IMAGES, numbers())[~hidden], IMAGES[~hidden])


def test_resized_crop_shows_a_part() -> None:
    # an image that says where each pixel is
    place = torch.stack(torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij"))
    changed = resized_crop(place.expand(500, 2, 64, 64), numbers())
    assert changed.min() >= 0 and changed.max() <= 1
    tall = changed[:, 0, -1, 0] - changed[:, 0, 0, 0]
    wide = changed[:, 1, 0, -1] - changed[:, 1, 0, 0]
    area, ratio = tall * wide, tall / wide
    assert 0.06 < area.min() < 0.12 and 0.9 < area.max() < 1.01
    assert 0.7 < ratio.min() < 0.8 and 1.25 < ratio.max() < 1.4
    assert torch.allclose(changed[:, 0, :, :1].expand(-1, -1, 64), changed[:, 0], atol=1e-5)  # nothing is turned


def test_colour_moves_every_pixel_of_an_image_alike() -> None:
    grey = torch.rand(50, 1, 8, 8, generator=numbers()).expand(50, 3, 8, 8)
    changed = colour(grey, numbers())
    assert torch.allclose(changed[:, 0], changed[:, 1])
    slope = (changed.amax((1, 2, 3)) - changed.amin((1, 2, 3))) / (grey.amax((1, 2, 3)) - grey.amin((1, 2, 3)))
    assert 0.59 < slope.min() < 0.7 and 1.3 < slope.max() < 1.41
