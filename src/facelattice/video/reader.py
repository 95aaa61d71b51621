"""Frames of anything that PyAV reads, video files and cameras, and of folders of numbered images.

with open_video("clip.mp4") as video:
    for time, image in video:                 # seconds, uint8 RGB (H, W, 3), upright
        ...
    video.broken                                # frames that could not be decoded, passed over
"""

from __future__ import annotations

import glob
import re
import sys
import time as clock
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.exceptions import ImageError, VideoError
from facelattice.image_io import load_image

VIDEO_SUFFIXES = frozenset({".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v"})
VIDEO_SUFFIXES |= {".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm"}
VIDEO_SUFFIXES |= {".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m"}
NUMBER = re.compile(r"%0?\d{0,2}d")  # what stands for the number in the name of numbered images
SEQUENCE_RATE = 25.0  # frames a second of a folder of images


class Video:
    """Frames in their order, as (time in seconds from the first frame, image).

    rate: frames a second, on average. frames: how many there should be, None where that is not known. broken: those
    that could not be decoded, so far. Once the first frame was read: start, its time by the file's own clock, and
    pixel_aspect, width over height of a pixel, which is not 1 in recordings of old television.
    """

    def __init__(self, container: Any, name: str):
        self._container, self.name, self.broken = container, name, 0
        self.start, self.pixel_aspect = 0.0, Fraction(1)
        self.stream: Any = container.streams.best("video")  # not the cover image of a film
        if self.stream is None:
            raise VideoError(f"{name}: there are no images in it")
        self.stream.thread_type = "AUTO"
        self.rate = float(self.stream.average_rate or self.stream.guessed_rate or SEQUENCE_RATE)
        self.frames = self.stream.frames or None
        if self.frames is None and container.duration:
            self.frames = max(1, round(container.duration / 1e6 * self.rate))

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        last = None
        for frame in self._frames():
            seconds = frame.time
            if seconds is None or (last is not None and seconds <= last):  # no clock, or one that went back
                seconds = 0.0 if last is None else last + 1 / self.rate
            matrix = _display_matrix(frame)
            if last is None:
                aspect = self.stream.sample_aspect_ratio or Fraction(1)
                self.start, self.pixel_aspect = seconds, 1 / aspect if _is_sideways(matrix) else aspect
            last = seconds
            yield seconds - self.start, _upright(_rgb(frame), matrix)

    def _frames(self) -> Iterator[Any]:
        """The frames that can be decoded; the others are pluralize."""
        failure = import_av().error.FFmpegError
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except failure:
                self.broken += 1
                continue
            for frame in decoded:
                if frame.is_corrupt:
                    self.broken += 1
                else:
                    yield frame

    def _packets(self) -> Iterator[Any]:
        """The packets, the last one empty: it brings the frames out that the decoder still holds."""
        av = import_av()
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.BlockingIOError:  # a camera that has no frame yet
                clock.sleep(0.005)
                packets = self._container.demux(self.stream)
                continue
            except av.error.EOFError:
                break
            except av.error.FFmpegError:  # a file cut short: what was read of it stands
                self.broken += 1
                break
            if packet is None:  # such an empty one was the last
                return
            yield packet
        end = av.Packet()
        end.stream, end.time_base = self.stream, self.stream.time_base
        yield end


class NumberedImages:
    """Images whose names are numbered, as a `Video` of 25 frames a second whose clock is the numbers.

    FFmpeg would end at the first number that is not there. Here it is a frame that is passed over, like an image that
    cannot be read, so that where somebody deleted some the rest stays, at its own time.
    """

    rate, start, pixel_aspect = SEQUENCE_RATE, 0.0, Fraction(1)

    def __init__(self, pattern: Path):
        place = NUMBER.search(pattern.name)
        assert place is not None, "it is a sequence"
        before, after = pattern.name[: place.start()], pattern.name[place.end() :]
        names = (file.name for file in pattern.parent.glob(f"{glob.escape(before)}*{glob.escape(after)}"))
        digits = (name.removeprefix(before).removesuffix(after) for name in names)
        self._numbers = sorted(int(d) for d in digits if d.isdecimal() and place[0] % int(d) == d)
        if not self._numbers:
            raise VideoError(f"{pattern}: no image there is called so")
        self._path = lambda number: pattern.with_name(before + place[0] % number + after)
        self.name, self.broken, self.frames = str(pattern), 0, self._numbers[-1] - self._numbers[0] + 1

    def __enter__(self) -> NumberedImages:
        return self

    def __exit__(self, *error: object) -> None: ...

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        first = None
        for before, number in pairwise([self._numbers[0] - 1, *self._numbers]):
            self.broken += number - before - 1
            try:
                image = load_image(self._path(number))
            except ImageError:
                self.broken += 1
                continue
            first = number if first is None else first
            yield (number - first) / self.rate, image


def open_video(source: str | Path) -> Video | NumberedImages:
    """A video file, or numbered images by a pattern such as frames/%04d.png.

    Raises VideoError for one that is missing, empty, or no video; ImportError for a video file without PyAV.
    """
    path = Path(source)
    if is_sequence(path):
        return NumberedImages(path)
    av = import_av()
    try:
        if not path.exists():
            raise VideoError(f"{path}: no such file")
        return Video(av.open(str(path.absolute())), str(path))  # a name with a colon would be an address
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: not a video that can be read, or a damaged one ({error_reason(error)})") from None


def is_sequence(path: Path) -> bool:
    """True for a pattern of numbered images, such as frames/%04d.png, and no file that is just called so."""
    return NUMBER.search(path.name) is not None and not path.exists()


def open_camera(number: int) -> Video:
    """A camera of this machine, by its number. Raises VideoError where it cannot be opened; ImportError without
    PyAV."""
    av = import_av()
    if sys.platform == "win32":
        raise VideoError(f"camera {number} cannot be opened: on Windows they have names; record a video and align that")
    name, kind = (f"{number}:none", "avfoundation") if sys.platform == "darwin" else (f"/dev/video{number}", "v4l2")
    try:
        return Video(av.open(name, format=kind), f"camera {number}")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"camera {number} cannot be opened ({error_reason(error)}); is it plugged in, and used by no other program?"
        ) from None


def import_av() -> Any:
    """PyAV. Raises ImportError, saying how to install it."""
    try:
        import av
    except ImportError as error:
        raise ImportError('to read and write videos, run: pip install "facelattice[video]"') from error
    # Its log stays off, as it is unless asked for: threads that decode damaged frames would wait for Python's lock to
    # write to it, and closing the file, which holds that lock, would wait for them.
    return av


def _rgb(frame: Any) -> np.ndarray:
    """A frame as uint8 (H, W, 3) RGB. What says nothing of its colors is taken for BT.709 if it is large, as players
    do."""
    if frame.colorspace != 2 or frame.height <= 576:
        return frame.to_ndarray(format="rgb24")
    return frame.to_ndarray(format="rgb24", src_colorspace="ITU709", src_color_range=frame.color_range)


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """How a frame lies: its x and y are shown at a x + c y and b x + d y. Returns (a, b, c, d)."""
    data = frame.side_data.get("DISPLAYMATRIX")
    a, b, _, c, d, *_ = (1, 0, 0, 0, 1) if data is None else np.frombuffer(data, np.int32).tolist()
    return a, b, c, d


def _is_sideways(matrix: tuple[int, int, int, int]) -> bool:
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def _upright(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """The image (H, W, 3) turned and mirrored as its display matrix says."""
    a, b, c, d = matrix
    if _is_sideways(matrix):
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def error_reason(error: Exception) -> str:
    """What an error of the system or of FFmpeg says, without the file's name."""
    return str(getattr(error, "strerror", None) or error)
