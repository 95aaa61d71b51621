"""Pictures that strangers send: what they are is seen by their content, and how large before they are decoded."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from facelattice.pictures import PictureError, read_picture

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MOST_PIXELS = 50_000_000


def decode(data: bytes, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """The bytes of a picture file as RGB uint8 (H, W, 3), upright; of a moving picture the first frame.

    Raises PictureError for other content, whatever it calls itself, for a picture with too many pixels, which is told
    from its first bytes, and for one that is cut short or damaged.
    """
    if not data:
        raise PictureError("the request holds no picture")
    most = f"{most_pixels / 1e6:g} million are taken; shrink it"
    try:
        picture = Image.open(io.BytesIO(data), formats=KINDS)
    except Image.DecompressionBombError:
        raise PictureError(f"these are too many pixels, {most}") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise PictureError(f"not a picture of a kind that is taken here ({', '.join(KINDS)})") from None
    width, height = picture.size
    if width * height > most_pixels:
        raise PictureError(f"{width} x {height} px are too many, {most}")
    try:
        return read_picture(picture)
    except PictureError:
        raise PictureError(f"the {picture.format} is cut short or damaged") from None
    except Exception as error:  # what a decoder raises on hostile bytes is not to be known beforehand
        raise PictureError(f"the {picture.format} cannot be decoded ({type(error).__name__})") from None
