"""Folders of numbered images, read as a video.

Example:
    for frame in NumberedImages(Path("frames/%04d.png")):
        print(frame.number, frame.time, frame.image.shape)
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from facelattice.exceptions import ImageError, VideoError
from facelattice.image_io import MAX_PIXELS, load_image
from facelattice.video.frame import Frame

NUMBER = re.compile(r"%0?\d{0,2}d")  # the placeholder for the number in a file name
RATE = 25.0  # frames per second


class NumberedImages:
    """Images whose names contain a number, as a video of 25 frames per second.

    FFmpeg stops at the first missing number. Here a missing number is a frame that cannot be read, like a damaged
    image, so that the other images keep their times.

    Args:
        pattern: The path of the images with a placeholder for the number, such as ``frames/%04d.png``.
        max_pixels: Maximum number of pixels of an image; a larger one cannot be read.

    Attributes:
        name: The pattern.
        first_path: The image with the lowest number.
        rate: Frames per second.
        num_frames: Frames from the first to the last number.
        num_unreadable: Missing and damaged images so far.
        start: 0 seconds; as in `Video`.
        pixel_aspect: 1; as in `Video`.

    Raises:
        VideoError: If no image matches the pattern.
    """

    rate, start, pixel_aspect = RATE, 0.0, Fraction(1)

    def __init__(self, pattern: Path, max_pixels: int = MAX_PIXELS) -> None:
        placeholder = NUMBER.search(pattern.name)
        if placeholder is None:
            raise VideoError(f"{pattern}: the name needs a placeholder for the number, such as %04d")
        self._pattern, self._placeholder, self._max_pixels = pattern, placeholder, max_pixels
        before, after = self._around_number()
        names = (file.name for file in pattern.parent.glob(f"{glob.escape(before)}*{glob.escape(after)}"))
        digits = (name.removeprefix(before).removesuffix(after) for name in names)
        self._numbers = sorted(int(d) for d in digits if d.isdecimal() and placeholder[0] % int(d) == d)
        if not self._numbers:
            raise VideoError(f"{pattern}: no image has such a name")
        self.name, self.first_path = str(pattern), self._path(self._numbers[0])
        self.num_frames = self._numbers[-1] - self._numbers[0] + 1
        self.num_unreadable = 0

    def __enter__(self) -> NumberedImages:
        return self

    def __exit__(self, *error: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        self.num_unreadable = 0
        first_read: int | None = None
        next_number = 0
        for image_number in self._numbers:
            number = image_number - self._numbers[0]
            self.num_unreadable += number - next_number
            next_number = number + 1
            try:
                image = load_image(self._path(image_number), max_pixels=self._max_pixels)
            except ImageError:
                self.num_unreadable += 1
                continue
            first_read = number if first_read is None else first_read
            yield Frame(number, (number - first_read) / self.rate, image)

    def _around_number(self) -> tuple[str, str]:
        return self._pattern.name[: self._placeholder.start()], self._pattern.name[self._placeholder.end() :]

    def _path(self, number: int) -> Path:
        before, after = self._around_number()
        return self._pattern.with_name(before + self._placeholder[0] % number + after)


def is_numbered_pattern(path: Path) -> bool:
    """Return whether a path is a pattern of numbered images. An existing file of that name is not."""
    return NUMBER.search(path.name) is not None and not path.exists()
