"""Configuration of the synthetic faces: probabilities and ranges of each kind of variety."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SIZES = {"size": 32, "supersampling": 1}
"""Minimum of each setting that is a number."""
RANGES = {"face_share": (0.05, 1.0), "distance": (2.0, 1000.0), "jpeg_quality": (1, 100)}
"""Limits of each setting that is a range. All other settings are from 0 to 1."""


class ConfigError(ValueError):
    """A setting has a wrong name or value."""


@dataclass(frozen=True)
class Config:
    """Probabilities (0 to 1), ranges and sizes. Lengths are in decimeters, angles in degrees.

    A probability of 0 switches a kind of variety off. A range `(a, a)` makes a value fixed.

    Attributes:
        size: Side of the images in pixels.
        supersampling: Factor by which the images are rendered larger.
        face_share: Range of the side of the landmarks' box, as a fraction of the image's side.
        off_center: Largest distance of the face from the center, as a fraction of the image's side.
        child: Probability of a child.
        identity_deviation: Standard deviation of the sliders of the face, which end at -1 and 1.
        expression: Probability of facial actions other than an open mouth and closed eyes.
        open_mouth: Probability of an open mouth.
        broad_smile: Probability of a broad smile, mostly with visible teeth.
        closed_eyes: Probability of closed eyes.
        looking_aside: Probability that the eyes don't look straight ahead.
        wide_pose: Probability of a uniform yaw from -95 to 95, clipped to -89 to 89; other yaws are normally
            distributed with a standard deviation of 16.
        any_roll: Probability of a uniform roll from -180 to 180; other rolls are normally distributed with a standard
            deviation of 10.
        distance: Range of the camera's distance.
        make_up: Probability of make-up, for a woman's face.
        beard: Probability of a beard, for a man's face.
        stubble: Probability of stubble, for a man's face.
        hair: Probability of short hair, and of one of MakeHuman's styles over it.
        hat: Probability of a hat, a cap or a scarf.
        glasses: Probability of glasses.
        dark_glasses: Probability that glasses are dark.
        mask: Probability of a mask over mouth and nose.
        hand: Probability of a hand before the face.
        object: Probability of another object before the face.
        hard_light: Probability of a strong light with hard shadows.
        dark: Probability of a dark image.
        colored_light: Probability of lights of strong colors.
        panorama: Probability of a panorama as background and as ambient light.
        photo_background: Probability of one of scikit-image's photos as background, if there is no panorama.
        defocus: Probability of defocus.
        motion_blur: Probability of motion blur.
        low_resolution: Probability of a loss of resolution.
        gray: Probability of a gray image.
        jpeg_quality: Range of the quality of the files.

    Raises:
        ConfigError: If a value is out of its range.
    """

    size: int = 256
    supersampling: int = 2
    face_share: tuple[float, float] = (0.5, 0.72)
    off_center: float = 0.08
    child: float = 0.12
    identity_deviation: float = 0.28
    expression: float = 0.85
    open_mouth: float = 0.4
    broad_smile: float = 0.45
    closed_eyes: float = 0.1
    looking_aside: float = 0.5
    wide_pose: float = 0.35
    any_roll: float = 0.12
    distance: tuple[float, float] = (4.0, 25.0)
    make_up: float = 0.5
    beard: float = 0.3
    stubble: float = 0.6
    hair: float = 0.9
    hat: float = 0.18
    glasses: float = 0.2
    dark_glasses: float = 0.3
    mask: float = 0.06
    hand: float = 0.1
    object: float = 0.06
    hard_light: float = 0.35
    dark: float = 0.12
    colored_light: float = 0.12
    panorama: float = 0.5
    photo_background: float = 0.3
    defocus: float = 0.25
    motion_blur: float = 0.08
    low_resolution: float = 0.25
    gray: float = 0.05
    jpeg_quality: tuple[int, int] = (45, 95)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in SIZES:
                if value < SIZES[name]:
                    raise ConfigError(f"{name}={value}: must be {SIZES[name]} or more")
            elif name in RANGES:
                lowest, highest = RANGES[name]
                if not lowest <= value[0] <= value[1] <= highest:
                    raise ConfigError(
                        f"{format_setting(name, value)}: must be from {lowest} to {highest}, the lower number first"
                    )
            elif not 0 <= value <= 1:
                raise ConfigError(f"{name}={value}: must be from 0 to 1")


def parse_config(settings: Iterable[str]) -> Config:
    """Return a configuration from settings such as `hat=0` or `distance=10,12`; the others have their defaults.

    Raises:
        ConfigError: If a setting has a wrong name or value, or is given twice.
    """
    defaults = dataclasses.asdict(Config())
    values: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in defaults:
            raise ConfigError(f"{setting}: no such setting; the settings are {', '.join(defaults)}")
        if name in values:
            raise ConfigError(f"{setting}: {name} is given twice")
        default = defaults[name]
        is_range = isinstance(default, tuple)
        convert = type(default[0] if is_range else default)
        try:
            numbers = [convert(word) for word in text.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != (2 if is_range else 1):
            number = "whole number" if convert is int else "number"
            wanted = f"two {number}s with a comma between them" if is_range else f"a {number}"
            raise ConfigError(f"{setting}: needs {wanted}, such as {format_setting(name, default)}")
        values[name] = tuple(numbers) if is_range else numbers[0]
    return Config(**values)


def format_setting(name: str, value: Any) -> str:
    """Format a setting for `parse_config`."""
    return f"{name}={','.join(map(str, value)) if isinstance(value, (tuple, list)) else value}"
