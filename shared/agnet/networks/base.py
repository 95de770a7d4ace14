"""What the settings of networks of all spaces have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields

from agnet.errors import InputError


@dataclass(frozen=True, slots=True)
class Settings:
    """How large a network is around its cells, and what it is for."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is int and value < 1:
                raise InputError(f"{field.name} {value}: must be at least 1")

    def probability(self, name: str) -> None:
        """Raise InputError unless the setting ``name`` is a probability below 1."""
        if not 0 <= getattr(self, name) < 1:
            raise InputError(f"{name} {getattr(self, name)}: must be at least 0 and below 1")


@dataclass(frozen=True, slots=True)
class ImageSettings(Settings):
    """Settings of a network that classifies square images."""

    classes: int = 10
    image: int = 32
    """Height and width of the images."""
    image_channels: int = 3

    def at_least(self, factor: int) -> None:
        """Raise InputError unless the image can be halved to one ``factor``-th without a remainder."""
        if self.image % factor:
            raise InputError(f"image {self.image}: must be a multiple of {factor}, this network halves images")
