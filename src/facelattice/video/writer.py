"""MP4 files of drawn frames, with the sound of the original: playable also where the work was stopped with Ctrl-C.

with VideoWriter(Path("clip_faces.mp4"), rate=30, sound=Path("clip.mp4")) as writer:
    writer.write(image, time)
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelattice.exceptions import VideoError
from facelattice.formats.files import part_of
from facelattice.video.audio import add_audio
from facelattice.video.reader import error_reason, import_av

CLOCK = 90_000  # ticks a second: frames keep the times they had, whatever their rate
MOST = 16384  # pixels a side that the encoder takes
BT601 = 6  # how PyAV makes YUV of RGB, by its number in ISO/IEC 23001-8


class VideoWriter:
    """An H.264 video of frames (H, W, 3) RGB at the times given.

    rate: frames a second, about: it only sets how the encoder spends its bits. pixel_aspect: width over height of a
    pixel. sound: a video whose sound is kept; ``offset`` is the time in it, seconds, at which the first frame lies. The
    file appears under its name when it is ``whole``; without sound where that cannot be kept, ``silent`` then says why.
    Raises VideoError where it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        rate: float,
        sound: Path | None = None,
        offset: float = 0.0,
        pixel_aspect: Fraction = Fraction(1),
    ):
        self.path, self.whole, self.silent = path, False, ""
        self._rate, self._aspect = Fraction(rate).limit_denominator(1001), pixel_aspect
        self._sound, self._offset = sound, offset
        self._last = -1
        self._sound_until = math.inf  # its own end: the last image may be held for long
        self._video: Any = None
        self._av = import_av()
        with self._named():
            self._part, self._heard = part_of(path), part_of(path)
            self._out = self._av.open(str(self._part.absolute()), "w", format="mp4")

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, image: np.ndarray, time: float) -> None:
        """Add a frame at a time, seconds from the first. What an odd side has too much is cut off; a frame of another
        size than the first, as in some recorded calls, is brought to the size of that."""
        height, width = (side - side % 2 for side in image.shape[:2])
        if self._video is None:
            self._begin(width, height)
        image = image[:height, :width]
        if (width, height) != (self._video.width, self._video.height):
            image = cv2.resize(image, (self._video.width, self._video.height), interpolation=cv2.INTER_AREA)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._last = max(self._last + 1, round(time * CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        self._encode(frame)

    def end_sound_here(self) -> None:
        """Let the sound end with the last frame, not at its own end: the work was stopped."""
        self._sound_until = self._last / CLOCK

    def discard(self) -> None:
        """Give the file up, and its room on the disk at once."""
        self._video = None
        with suppress(VideoError):
            self._close()
        self._part.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Finish the file; where something other than Ctrl-C ended the work, leave none."""
        try:
            if kind is KeyboardInterrupt:
                self.end_sound_here()
            if self._video is not None and kind in (None, KeyboardInterrupt):
                self._encode(None)
                self._close()
                try:
                    self._add_sound()
                finally:  # the images stand, whatever becomes of their sound
                    with self._named():
                        os.replace(self._part, self.path)
                    self.whole = True
        finally:
            self.discard()
            self._heard.unlink(missing_ok=True)

    def _begin(self, width: int, height: int) -> None:
        if not 2 <= min(width, height) <= max(width, height) <= MOST:
            raise VideoError(f"{self.path}: H.264 has frames of 2 to {MOST} px a side, not of {width} x {height}")
        self._video = self._out.add_stream("libx264", rate=self._rate)
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.codec_context.time_base = Fraction(1, CLOCK)
        self._video.codec_context.sample_aspect_ratio = self._aspect
        self._video.codec_context.colorspace = BT601  # untagged, players would take large frames for BT.709
        self._video.options = {"crf": "20", "preset": "veryfast"}

    def _encode(self, frame: Any) -> None:
        with self._named():
            self._out.mux(self._video.encode(frame))

    def _add_sound(self) -> None:
        if self._sound is None:
            return
        try:
            if add_audio(self._part, self._sound, self._heard, self._offset, self._sound_until):
                os.replace(self._heard, self._part)
        except (OSError, ValueError, self._av.error.FFmpegError) as error:
            self.silent = error_reason(error)

    def _close(self) -> None:
        with self._named():
            self._out.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Whatever goes wrong in it is a VideoError that names the file as the user knows it."""
        try:
            yield
        except (OSError, self._av.error.FFmpegError) as error:
            raise VideoError(f"{self.path}: cannot be written ({error_reason(error)})") from None
