"""MP4 files of drawn frames, with the audio of the original video.

    with VideoWriter(Path("clip_faces.mp4"), rate=30, audio_source=Path("clip.mp4")) as writer:
        writer.write(image, time)

A file is playable also if the work was interrupted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from facelattice.atomic_files import publish, remove, temporary_path
from facelattice.exceptions import VideoError
from facelattice.video.audio import add_audio
from facelattice.video.reader import error_reason, import_av

TICKS = 90_000  # per second: frames keep their times at any frame rate
MAX_SIDE = 16384  # pixels, the limit of the encoder
BT601 = 6  # the color space in which PyAV encodes RGB images, by its number in ISO/IEC 23001-8


class VideoWriter:
    """Writes an H.264 video. The file gets its name when it is complete.

    After KeyboardInterrupt the file holds the frames so far; after another exception it is removed.

    Args:
        path: The MP4 file.
        rate: Frames per second, approximately; the encoder uses it to choose the bit rate.
        audio_source: A video whose audio is added.
        audio_offset: Time of the first frame in ``audio_source``, in seconds.
        pixel_aspect: Width / height of a pixel.

    Attributes:
        path: The MP4 file.
        is_complete: Whether the file has been written.
        audio_error: Why the audio could not be added; empty if it was added, or if there is none.

    Raises:
        VideoError: If the file cannot be written.
        MissingDependencyError: If PyAV is not installed.
    """

    def __init__(
        self,
        path: Path,
        rate: float,
        audio_source: Path | None = None,
        audio_offset: float = 0.0,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        self.path, self.is_complete, self.audio_error = path, False, ""
        self._rate, self._pixel_aspect = Fraction(rate).limit_denominator(1001), pixel_aspect
        self._audio_source, self._audio_offset = audio_source, audio_offset
        self._audio_end = math.inf
        self._last_tick = -1
        self._stream: Any = None
        self._av = import_av()
        with self._video_errors():
            self._temporary, self._temporary_with_audio = temporary_path(path), temporary_path(path)
            self._container = self._av.open(str(self._temporary.absolute()), "w", format="mp4")

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, image: np.ndarray, time: float) -> None:
        """Add a frame.

        Args:
            image: The image, uint8 RGB (H, W, 3). The last row or column of an odd side is cut off. An image of another
                size than the first is resized to it.
            time: Seconds since the first frame.

        Raises:
            VideoError: If the frame cannot be written.
        """
        height, width = image.shape[:2]
        if not 2 <= min(width, height) <= max(width, height) <= MAX_SIDE:
            raise VideoError(
                f"{self.path}: cannot be written (H.264 allows sides of 2 to {MAX_SIDE} px, not {width} x {height} px)"
            )
        height, width = height - height % 2, width - width % 2
        if self._stream is None:
            self._add_stream(width, height)
        image = image[:height, :width]
        if (width, height) != (self._stream.width, self._stream.height):
            image = cv2.resize(image, (self._stream.width, self._stream.height), interpolation=cv2.INTER_AREA)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._last_tick = max(self._last_tick + 1, round(time * TICKS))
        frame.pts, frame.time_base = self._last_tick, Fraction(1, TICKS)
        self._encode(frame)

    def end_audio_here(self) -> None:
        """End the audio with the last frame, for interrupted work. By default, all of the audio is added."""
        self._audio_end = self._last_tick / TICKS

    def discard(self) -> None:
        """Remove the unfinished file, to free its disk space at once."""
        self._stream = None
        with suppress(VideoError):
            self._close()
        remove(self._temporary)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            was_interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
            if was_interrupted:
                self.end_audio_here()
            if self._stream is not None and (kind is None or was_interrupted):
                self._finish()
        finally:
            self.discard()
            remove(self._temporary_with_audio)

    def _add_stream(self, width: int, height: int) -> None:
        self._stream = self._container.add_stream("libx264", rate=self._rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS)
        self._stream.codec_context.sample_aspect_ratio = self._pixel_aspect
        self._stream.codec_context.colorspace = BT601  # without it, players decode large frames as BT.709
        self._stream.options = {"crf": "20", "preset": "veryfast"}

    def _encode(self, frame: Any) -> None:
        """Encode a frame; None flushes the encoder."""
        with self._video_errors():
            self._container.mux(self._stream.encode(frame))

    def _finish(self) -> None:
        self._encode(None)
        self._close()
        try:
            self._add_audio()
        finally:  # the images are kept, whatever happens to the audio
            with self._video_errors():
                publish(self._temporary, self.path)
            self.is_complete = True

    def _add_audio(self) -> None:
        if self._audio_source is None:
            return
        files = self._temporary, self._audio_source, self._temporary_with_audio
        try:
            if add_audio(*files, self._audio_offset, self._audio_end):
                os.replace(self._temporary_with_audio, self._temporary)
        except (OSError, ValueError, self._av.error.FFmpegError) as error:
            self.audio_error = error_reason(error)

    def _close(self) -> None:
        with self._video_errors():
            self._container.close()

    @contextmanager
    def _video_errors(self) -> Iterator[None]:
        """Convert errors of the system and of FFmpeg to a VideoError that names the file."""
        try:
            yield
        except (OSError, self._av.error.FFmpegError) as error:
            raise VideoError(f"{self.path}: cannot be written ({error_reason(error)})") from None
