"""Images that strangers send: what they are is seen by their content, and how large before they are decoded."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from facelattice.exceptions import ImageError
from facelattice.image_io import load_image

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MOST_PIXELS = 50_000_000


def decode(data: bytes, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """The bytes of an image file as RGB uint8 (H, W, 3), upright; of a moving image the first frame.

    Raises ImageError for other content, whatever it calls itself, for an image with too many pixels, which is told
    from its first bytes, and for one that is cut short or damaged.
    """
    if not data:
        raise ImageError("the request holds no image")
    most = f"{most_pixels / 1e6:g} million are taken; shrink it"
    try:
        image = Image.open(io.BytesIO(data), formats=KINDS)
    except Image.DecompressionBombError:
        raise ImageError(f"these are too many pixels, {most}") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise ImageError(f"not an image of a kind that is taken here ({', '.join(KINDS)})") from None
    width, height = image.size
    if width * height > most_pixels:
        raise ImageError(f"{width} x {height} px are too many, {most}")
    try:
        return load_image(image)
    except ImageError:
        raise ImageError(f"the {image.format} is cut short or damaged") from None
    except Exception as error:  # what a decoder raises on hostile bytes is not to be known beforehand
        raise ImageError(f"the {image.format} cannot be decoded ({type(error).__name__})") from None
