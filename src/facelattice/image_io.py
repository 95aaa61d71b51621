"""Loading images as upright RGB uint8 (H, W, 3), and saving images.

Example:
    image = load_image("photo.jpg")  # or an array, or a PIL image
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelattice.atomic_files import write_file
from facelattice.exceptions import ArgumentError, ImageError, is_out_of_memory
from facelattice.file_search import check_path, is_device
from facelattice.image_formats import FORMATS, is_heif, open_image

MAX_PIXELS = 50_000_000
_MAX_PIXEL_BYTES = 16  # per pixel of a file: four channels of 32 bits
_MAX_HEADER_BYTES = 200_000_000  # of a file, for metadata and more frames
_ORIENTATION = 0x0112  # the EXIF tag
_TRANSPOSED = (5, 6, 7, 8)  # the orientations that swap width and height


def load_image(source: Any, shrink: int = 1, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Load an image as RGB, upright by its EXIF orientation.

    Transparency is dropped: the color values under it are kept. An array that is RGB uint8 already is not copied.

    Args:
        source: Path of a file; or an RGB array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, of uint16 (the upper
            eight bits are used) or of floats from 0 to 1; or a PIL image.
        shrink: 1, 2, 4 or 8, only for files. Both sides are divided by it, rounded up. Pixel i of the result is the
            mean of pixels i * shrink to i * shrink + shrink - 1. This makes decoding of large JPEG files faster.
        max_pixels: Maximum number of pixels of a file, before shrinking.

    Returns:
        RGB uint8 (H, W, 3); the first frame of an animation.

    Raises:
        ImageError: If the file is missing, damaged, too large or not an image, or the array is not an image.
        ArgumentError: If ``shrink`` has another value, or is used without a file.
    """
    if isinstance(source, (str, os.PathLike)):
        advice = ", or raise the limit (max_pixels; align: --max-megapixels)"
        return _decode(_read_file(source, max_pixels), os.fspath(source), max_pixels, FORMATS, shrink, advice)
    if shrink != 1:
        raise ArgumentError("shrink is only for files; resize an image in memory yourself")
    if isinstance(source, np.ndarray):
        return _array_to_rgb(source)
    if hasattr(source, "getexif") and hasattr(source, "convert"):
        return _decode_pixels(source, getattr(source, "filename", "") or "PIL image")
    raise ImageError(f"an image must be a path, an RGB array or a PIL image, not {type(source).__name__}")


def decode_image(
    data: bytes, name: str, max_pixels: int = MAX_PIXELS, formats: Sequence[str] = FORMATS, shrink: int = 1
) -> np.ndarray:
    """Decode the content of an image file as RGB, upright by its EXIF orientation.

    The format is detected from the content. The number of pixels is checked before memory for them is allocated. HEIC
    photos need the extra "heif".

    Args:
        data: Content of the file.
        name: Name of the file for error messages.
        max_pixels: Maximum number of pixels, before shrinking.
        formats: Names from `FORMATS` of the formats to accept.
        shrink: 1, 2, 4 or 8, see `load_image`.

    Returns:
        RGB uint8 (H, W, 3); the first frame of an animation.

    Raises:
        ImageError: If the content is empty, cut short, damaged, too large, or not of one of the formats.
        ArgumentError: If ``shrink`` has another value.
    """
    return _decode(data, name, max_pixels, formats, shrink)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return width and height of an image file, upright by its EXIF orientation, from its header.

    Args:
        path: The file.

    Raises:
        ImageError: If the file is missing, damaged, too large or not an image.
    """
    name = os.fspath(path)
    image = _open(_read_file(path, MAX_PIXELS), name, MAX_PIXELS, FORMATS)
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception as error:
        raise _decoding_error(name, error, "the image header cannot be read") from error
    width, height = image.size
    is_upright = image.format == "TIFF"  # Pillow states the size of the turned image
    return (height, width) if orientation in _TRANSPOSED and not is_upright else (width, height)


def save_image(path: str | os.PathLike[str], image: np.ndarray, overwrite: bool = True) -> None:
    """Write an image in the format of the file name.

    Args:
        path: The file. A name without a suffix is written as PNG.
        image: RGB uint8 (H, W, 3), RGBA uint8 (H, W, 4) for PNG and WebP, or gray uint8 (H, W).
        overwrite: Replace an existing file.

    Raises:
        ImageError: If the format is unknown, or cannot contain an image of this size.
        FileExistsError: If the file exists and ``overwrite`` is False.
        OSError: If the file cannot be written.
    """
    suffix = Path(path).suffix or ".png"
    try:
        if image.ndim == 3:
            image = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR)
        encoded, data = cv2.imencode(suffix, image)
    except cv2.error:  # for an unknown format; for a size that is too large, imencode returns False
        encoded = False
    if not encoded:
        raise ImageError(f"{path}: an image of {image.shape[1]} x {image.shape[0]} px cannot be written as {suffix}")
    write_file(path, data.tobytes(), overwrite)


def _read_file(source: str | os.PathLike[str], max_pixels: int) -> bytes:
    path = Path(check_path(source))
    if is_device(path):
        raise ImageError(f"{path}: is a device, not an image")
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MAX_HEADER_BYTES + _MAX_PIXEL_BYTES * max_pixels:
                raise ImageError(
                    f"{path}: has {size / 1e9:.1f} GB, more than an image of {max_pixels / 1e6:g} million pixels needs"
                )
            return file.read()
    except MemoryError:
        raise ImageError(f"{path}: there is not enough memory to read it") from None
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not an image") from None
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        if path.is_dir():  # Windows raises PermissionError for a folder
            raise ImageError(f"{path}: is a folder, not an image") from None
        raise ImageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _decode(
    data: bytes, name: str, max_pixels: int, formats: Sequence[str], shrink: int, limit_advice: str = ""
) -> np.ndarray:
    """Decode as `decode_image`; ``limit_advice`` ends the message for an image with too many pixels."""
    if shrink not in (1, 2, 4, 8):
        raise ArgumentError(f"shrink must be 1, 2, 4 or 8, not {shrink!r}")
    return _decode_pixels(_open(data, name, max_pixels, formats, limit_advice), name, shrink)


def _open(data: bytes, name: str, max_pixels: int, formats: Sequence[str], limit_advice: str = "") -> Any:
    """Read the header and check the size; the pixels of the PIL image are not decoded yet."""
    if not data:
        raise ImageError(f"{name}: the file is empty; copy or download it again")
    try:
        image = open_image(data, formats)
    except Exception as error:  # decoders raise exceptions of many classes for damaged files
        raise _decoding_error(name, error, "the image header cannot be read") from error
    if image is None:
        raise ImageError(f"{name}: {_describe_unsupported(data, formats)}")
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} is more than the limit of {max_pixels / 1e6:g} million pixels; "
            f"resize the image{limit_advice}"
        )
    return image


def _describe_unsupported(data: bytes, formats: Sequence[str]) -> str:
    if not is_heif(data):
        readable = [format for format in formats if format != "HEIF" or find_spec("pillow_heif")]
        return f"not an image of a supported format ({', '.join(readable)})"
    advice = 'run: pip install "facelattice[heif]"' if "HEIF" in formats else "convert it to JPEG or PNG"
    return f"is a HEIC photo; {advice}"


def _decode_pixels(image: Any, name: str, shrink: int = 1) -> np.ndarray:
    """Decode an opened PIL image as upright RGB."""
    try:
        shrunk = _set_jpeg_scale(image, shrink)
        image.load()
        orientation = image.getexif().get(_ORIENTATION)
        # convert("RGB") would clip 16-bit, integer and float values.
        array = np.asarray(image) if image.mode[0] in "IF" else _copy_pixels(image)
    except Exception as error:  # decoders raise exceptions of many classes for damaged files
        kind = f"{image.format} image" if image.format else "image"
        raise _decoding_error(name, error, f"the {kind} is cut short or damaged") from error
    try:
        rgb = _array_to_rgb(_scale_int32(array) if array.dtype == np.int32 else array)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None
    rgb = _upright(rgb, orientation)
    return rgb if shrunk else _downscale(rgb, shrink)


def _decoding_error(name: str, error: Exception, problem: str) -> ImageError:
    if is_out_of_memory(error):
        return ImageError(f"{name}: there is not enough memory to decode it")
    return ImageError(f"{name}: {problem} ({error or type(error).__name__})")


def _set_jpeg_scale(image: Any, shrink: int) -> bool:
    """Make a JPEG decode at 1 / ``shrink``; return True if no further downscaling is needed."""
    width, height = image.size
    if shrink > 1 and image.format in ("JPEG", "MPO") and min(width, height) >= shrink:
        # Blocks start at the top left corner of the stored image. If a side is not a multiple of ``shrink``, turning
        # would put the incomplete last block first.
        complete = width % shrink == 0 and height % shrink == 0
        if complete or image.getexif().get(_ORIENTATION, 1) == 1:
            image.draft(None, (width // shrink, height // shrink))
    return shrink == 1 or image.size != (width, height)


def _copy_pixels(image: Any) -> np.ndarray:
    """Copy the pixels of a PIL image as RGB, in strips, which is faster and takes half of the memory."""
    image = image if image.mode == "RGB" else image.convert("RGB")
    width, height = image.size
    rgb = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, 64):
        bottom = min(top + 64, height)
        rgb[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return rgb


def _upright(image: np.ndarray, orientation: Any) -> np.ndarray:
    """Apply an EXIF orientation, 2 to 8; other values change nothing."""
    if orientation in _TRANSPOSED:
        image = cv2.transpose(image)
    if orientation in (2, 3, 6, 7):
        image = cv2.flip(image, 1)
    if orientation in (3, 4, 7, 8):
        image = cv2.flip(image, 0)
    return image


def _downscale(image: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of ``factor`` x ``factor`` pixels; sides are rounded up."""
    height, width = image.shape[:2]
    if height % factor or width % factor:
        image = cv2.copyMakeBorder(image, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    size = (image.shape[1] // factor, image.shape[0] // factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _scale_int32(array: np.ndarray) -> np.ndarray:
    """Convert a PIL image of mode "I" to uint8 or uint16, by the range of its values."""
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise ImageError(f"an image of 32-bit integers must have values from 0 to 255 or to 65535, not {low} to {high}")
    return array.astype(np.uint8 if high <= 255 else np.uint16)


def _array_to_rgb(array: np.ndarray) -> np.ndarray:
    is_gray = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    if array.size == 0 or not (is_gray or (array.ndim == 3 and array.shape[2] in (3, 4))):
        hint = "; move the channels to the end" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(f"an image array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}{hint}")
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # in either byte order
        array = (array >> 8).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        half_level = 0.5 / 255  # rounding in earlier computations is accepted
        if not (low >= -half_level and high <= 1 + half_level):  # also false for NaN
            raise ImageError(f"a float image must have values from 0 to 1, not {low:g} to {high:g}; or pass uint8")
        array = np.rint(array.clip(0, 1) * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(f"an image array must be uint8, uint16 or float from 0 to 1, not {array.dtype}")
    if is_gray:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(array[:, :, :3])
