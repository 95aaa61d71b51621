"""The formats of image files: detection by content, and reading of the header, without decoding pixels."""

from __future__ import annotations

import ctypes
import importlib
import io
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

# Pillow's names of the formats, and its modules that decode them.
_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "AVIF": "AvifImagePlugin",
    "TIFF": "TiffImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "PPM": "PpmImagePlugin",
}
FORMATS = (*_PLUGINS, "HEIF")  # HEIF needs the extra "heif"


def open_image(data: bytes, formats: Sequence[str]) -> Any:
    """Read the header of an image file.

    Args:
        data: Content of the file.
        formats: Names from `FORMATS` of the formats to accept.

    Returns:
        A PIL image whose pixels are not decoded yet; None if the content is of no accepted format, or if it is HEIF and
        the extra "heif" is not installed.

    Raises:
        Exception: If the header is damaged; the decoders raise exceptions of many classes.
    """
    from PIL import Image  # not at the top: arrays and the command line's help need no Pillow

    # Image.open is not used, because it warns of large images, and has its own limit for the whole process.
    if is_heif(data):  # before AVIF, which has the same container
        return _open_heif(data) if "HEIF" in formats else None
    for format in formats:
        if format == "HEIF":
            continue
        importlib.import_module(f"PIL.{_PLUGINS[format]}")
        factory, accept = Image.OPEN[format]
        if accept is None or accept(data[:16]) is True:
            if format == "TIFF":
                _silence_libtiff()
            return factory(io.BytesIO(data), "")
    return None


def silence_pillow() -> None:
    """Turn off Pillow's warnings about odd files in this process; images that cannot be used raise errors.

    The command line calls it in each of its processes. The library does not call it in a process of its user.
    """
    import logging  # not at the top: it would make every import of facelattice slower

    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def is_heif(data: bytes) -> bool:
    """Return whether the brands of a file are those of a HEIF container with HEVC, such as a HEIC photo."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[i : i + 4] for i in range(16, end, 4))}
    return any(brand[:2] == b"he" for brand in brands)


def _open_heif(data: bytes) -> Any:
    try:
        import pillow_heif
    except ImportError:
        return None
    return pillow_heif.HeifImageFile(io.BytesIO(data), "")


@cache
def _silence_libtiff() -> None:
    """Stop libtiff from printing errors on stderr; Pillow raises them."""
    from PIL import _imaging

    with suppress(AttributeError, OSError):  # where libtiff is a part of Pillow and not a library of its own
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
