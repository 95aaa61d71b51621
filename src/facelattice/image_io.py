"""Images at the door: whatever the user has becomes RGB uint8 (H, W, 3), upright, or one clear error.

    image = load_image("photo.jpg")             # or an array, or a PIL image
    paths = find_images(["holiday", "*.png"])     # folders (with all that is below them), globs and files
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelattice.exceptions import ImageError

# What OpenCV reads; a file of another kind can still be named by itself.
IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"})
IMAGE_SUFFIXES |= {".ppm", ".tif", ".tiff", ".webp"}

_SHRINK_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

# The EXIF header of a JPEG that is turned when it is read: its tag 0x0112, a SHORT, is 2 to 8; in either byte order.
_TURNED = re.compile(
    rb"Exif\0\0(II.{6,65500}?\x12\x01\x03\0\x01\0\0\0[\x02-\x08]|MM.{6,65500}?\x01\x12\0\x03\0\0\0\x01\0[\x02-\x08])",
    re.DOTALL,
)


def load_image(source: Any, shrink: int = 1) -> np.ndarray:
    """The image as RGB uint8 (H, W, 3), turned upright by its EXIF orientation.

    source: a path; or an RGB array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, of uint16 (the upper eight bits
        are kept) or of floats from 0 to 1; or a PIL image. An array that is RGB uint8 already is not copied.
    shrink: 1, 2, 4 or 8. Files only: decode at 1/shrink of the size (sides rounded up), much faster for a large JPEG.
        Pixel i stands for pixels i * shrink to i * shrink + shrink - 1, of a JPEG that EXIF turns as well.

    Transparency is dropped and not painted over: under it lies the photo that was cut out, or black, while any
    background put there would be an invention.

    Raises ImageError for what is missing, empty, cut short, too large, or no image at all.
    """
    if shrink not in _SHRINK_FLAGS:
        raise ValueError(f"shrink must be 1, 2, 4 or 8, not {shrink!r}")
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source), shrink)
    if shrink != 1:
        raise ValueError("shrink is for files: resize an image in memory yourself")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if hasattr(source, "getexif") and hasattr(source, "convert"):
        return _from_pil(source)
    raise ImageError(f"an image is a path, an RGB array or a PIL image, not {type(source).__name__}")


def find_images(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The image files that files, folders and globs stand for, each once.

    Order is that of ``inputs``, by name within a folder or glob. Folders are searched to the bottom for names that end
    in one of IMAGE_SUFFIXES, hidden ones left out. A file named by itself is taken as it is, even if it does not
    exist: reading it says what is wrong with it.

    Raises ImageError where a folder or a glob holds no image.
    """
    found: dict[Path, None] = {}  # a dict, because it keeps order
    for item in inputs:
        path = Path(item)
        if path.is_dir():
            inside = _below(path)
        elif path.exists() or not glob.has_magic(str(item)):
            found[path] = None
            continue
        else:
            matches = sorted(Path(match) for match in glob.glob(str(item), recursive=True))
            inside = [match for match in matches if match.is_file() and match.suffix.lower() in IMAGE_SUFFIXES]
        if not inside:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise ImageError(f"{item}: no images found there (names that end in {kinds})")
        found.update(dict.fromkeys(inside))
    return list(found)


def _below(folder: Path) -> list[Path]:
    paths = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(parent, name) for name in files if not name.startswith(".")]
    return sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES)


def _read_file(path: Path, shrink: int) -> np.ndarray:
    # Bytes first: OpenCV's own opening of files fails on names outside the system's code page on Windows, and cannot
    # say why it failed.
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not an image") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not data:
        raise ImageError(f"{path}: the file is empty; copy or download it again")
    if _is_cut_short(data):
        raise ImageError(f"{path}: the file is cut short, its end is missing; copy or download it again")
    # Shrunk and then turned, a side that is no multiple of shrink would begin with the partial pixel it ended with.
    turned = shrink > 1 and _TURNED.search(data) is not None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _SHRINK_FLAGS[1 if turned else shrink])
    except cv2.error as error:
        if "validateInputImageSize" in str(error) or "nsufficient memory" in str(error):
            raise ImageError(f"{path}: the image is too large to open; make it smaller first") from None
        raise ImageError(f"{path}: OpenCV cannot read it ({error.err}); save it anew as JPEG or PNG") from None
    if image is None:
        raise ImageError(f"{path}: not an image that OpenCV can read, or a damaged one; save it anew as JPEG or PNG")
    return cv2.cvtColor(_shrunk(image, shrink) if turned else image, cv2.COLOR_BGR2RGB)


def _shrunk(image: np.ndarray, shrink: int) -> np.ndarray:
    """The means of ``shrink`` x ``shrink`` pixels, as a JPEG's own decoder gives them; sides are rounded up."""
    height, width = image.shape[:2]
    image = cv2.copyMakeBorder(image, 0, -height % shrink, 0, -width % shrink, cv2.BORDER_REPLICATE)
    size = (image.shape[1] // shrink, image.shape[0] // shrink)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _is_cut_short(data: bytes) -> bool:
    """True for a JPEG or PNG whose end marker is missing: old versions of OpenCV give those a gray lower half."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    # The end marker counts only after the headers: a thumbnail in the EXIF header has an end marker too.
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.find(b"\xff\xd9", at) < 0


def _from_array(array: np.ndarray) -> np.ndarray:
    is_gray = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    if array.size == 0 or not (is_gray or (array.ndim == 3 and array.shape[2] in (3, 4))):
        hint = "; move the channels to the end" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(f"an image array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}{hint}")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also false for NaN
            raise ImageError(f"a float image has values from 0 to 1, not {low:g} to {high:g}; or give uint8")
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(f"an image array is uint8, uint16 or float from 0 to 1, not {array.dtype}")
    if is_gray:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(array[:, :, :3])


def _from_pil(image: Any) -> np.ndarray:
    from PIL import ImageOps  # here, because only those who have PIL can come here

    try:
        upright = ImageOps.exif_transpose(image)
        # PIL's convert clips 16-bit and float images to white, so those go the way of arrays.
        deep = upright.mode.startswith(("I", "F"))
        array = np.asarray(upright if deep else upright.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ImageError(f"{getattr(image, 'filename', '') or 'PIL image'}: cannot be read ({error})") from None
    return _from_array(array.astype(np.uint16) if array.dtype == np.int32 else array)
