"""A frame of a video: its number, its time, and its upright image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

UNSPECIFIED = 2  # the number in ISO/IEC 23001-8 of the color space of files that state none
MAX_SD_HEIGHT = 576  # larger frames of unspecified color space are BT.709

DisplayMatrix = tuple[int, int, int, int]


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        number: The position in the video, counted from 0. Frames that cannot be read are counted too.
        time: Seconds since the first frame that could be read.
        image: The upright image, uint8 RGB (H, W, 3).
    """

    number: int
    time: float
    image: np.ndarray


def upright_image(frame: Any) -> np.ndarray:
    """Convert a frame of PyAV to an image, rotated and mirrored as the file requires.

    Args:
        frame: An `av.VideoFrame`.

    Returns:
        The image, uint8 RGB (H, W, 3).
    """
    a, b, c, d = display_matrix(frame)
    image = _rgb(frame)
    if is_transposed((a, b, c, d)):
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def display_matrix(frame: Any) -> DisplayMatrix:
    """Return the display matrix (a, b, c, d) of a frame: players show x, y at a x + c y, b x + d y."""
    data = frame.side_data.get("DISPLAYMATRIX")
    a, b, _, c, d, *_ = (1, 0, 0, 0, 1) if data is None else np.frombuffer(data, np.int32).tolist()
    return a, b, c, d


def is_transposed(matrix: DisplayMatrix) -> bool:
    """Return whether a display matrix exchanges width and height."""
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def _rgb(frame: Any) -> np.ndarray:
    """Convert a frame to uint8 RGB (H, W, 3). As in players, large frames of unspecified color space are BT.709."""
    if frame.colorspace != UNSPECIFIED or frame.height <= MAX_SD_HEIGHT:
        return frame.to_ndarray(format="rgb24")
    return frame.to_ndarray(format="rgb24", src_colorspace="ITU709", src_color_range=frame.color_range)
