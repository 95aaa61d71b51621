"""Decode images that clients upload."""

from __future__ import annotations

import numpy as np

from facelattice.image_io import MAX_PIXELS, decode_image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")


def decode(data: bytes | bytearray) -> np.ndarray:
    """Decode an image file to upright RGB, uint8 (H, W, 3); the first frame of an animation.

    Fewer formats are accepted than for files, as each decoder is a risk with untrusted data.

    Raises:
        ImageError: If the content is of another format, has too many pixels, or is cut short or damaged.
    """
    return decode_image(bytes(data), "uploaded image", MAX_PIXELS, FORMATS)
