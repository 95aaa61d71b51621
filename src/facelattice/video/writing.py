"""MP4 files of drawn frames, with the sound of the original: playable also where the work was stopped with Ctrl-C.

with VideoWriter(Path("clip_faces.mp4"), rate=30, sound=Path("clip.mp4")) as writer:
    writer.write(picture, time)
"""

from __future__ import annotations

import math
import os
import secrets
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelattice.video.reading import VideoError, load_av

CLOCK = 90_000  # ticks a second: frames keep the times they had, whatever their rate
COPIED = ("aac", "ac3", "alac", "eac3", "flac", "mp3", "opus")  # sound that MP4 takes as it is; other is made AAC


class VideoWriter:
    """An H.264 video of frames (H, W, 3) RGB at the times given.

    rate: frames a second, about: it only sets how the encoder spends its bits. sound: a video whose sound is kept;
    ``offset`` is the time in it, seconds, at which the first frame lies. The file appears under its name when it is
    whole. Raises VideoError where it cannot be written.
    """

    def __init__(self, path: Path, rate: float, sound: Path | None = None, offset: float = 0.0):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.parent / f".facelattice-{secrets.token_hex(8)}.part"
        self._rate, self._offset = Fraction(rate).limit_denominator(1001), offset
        self._last = -1
        self._sound_until = math.inf  # its own end: the last picture may be held for long
        self._video: Any = None
        self._sound: Any = None
        self._av = load_av()
        try:
            self._out = self._av.open(str(self._part), "w", format="mp4")
        except (OSError, self._av.error.FFmpegError) as error:
            raise VideoError(f"{path}: cannot be written ({error.strerror})") from None
        if sound is not None:
            self._sound = Sound(self._av, sound, self._out, offset)

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, picture: np.ndarray, time: float) -> None:
        """Add a frame at a time, seconds from the first. What an odd side has too much is cut off; a frame of another
        size than the first, as in some recorded calls, is brought to the size of that."""
        height, width = (side - side % 2 for side in picture.shape[:2])
        if self._video is None:
            self._video = self._out.add_stream("libx264", rate=self._rate)
            self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
            self._video.codec_context.time_base = Fraction(1, CLOCK)
            self._video.options = {"crf": "20", "preset": "veryfast"}
        picture = picture[:height, :width]
        if (width, height) != (self._video.width, self._video.height):
            picture = cv2.resize(picture, (self._video.width, self._video.height), interpolation=cv2.INTER_AREA)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self._last = max(self._last + 1, round(time * CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        self._mux(self._video.encode(frame))
        if self._sound is not None:
            self._sound.copy_until(time, self._mux)

    def end_sound_here(self) -> None:
        """Let the sound end with the last frame, not at its own end: the work was stopped."""
        self._sound_until = self._last / CLOCK

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Finish the file; where something other than Ctrl-C ended the work, leave none."""
        try:
            if kind is KeyboardInterrupt:
                self.end_sound_here()
            if self._video is not None and kind in (None, KeyboardInterrupt):
                self._mux(self._video.encode(None))
                if self._sound is not None:
                    self._sound.copy_until(self._sound_until, self._mux)
                self._close()
                os.replace(self._part, self.path)
        finally:
            try:
                self._close()
            finally:
                self._part.unlink(missing_ok=True)

    def _mux(self, packets: Any) -> None:
        try:
            self._out.mux(packets)
        except (OSError, self._av.error.FFmpegError) as error:
            raise VideoError(f"{self.path}: cannot be written ({error.strerror})") from None

    def _close(self) -> None:
        try:
            self._out.close()
        except (OSError, self._av.error.FFmpegError) as error:
            raise VideoError(f"{self.path}: cannot be written ({error.strerror})") from None
        finally:
            if self._sound is not None:
                self._sound.close()


class Sound:
    """The first sound track of a video, copied into another as far as its pictures go. What of it is damaged is passed
    over: nobody should lose the pictures for it."""

    def __init__(self, av: Any, source: Path, out: Any, offset: float):
        self._damaged = av.error.FFmpegError
        self._source = av.open(str(source))
        self._stream = next(iter(self._source.streams.audio), None)
        self._offset, self._packet, self._out = offset, None, None
        if self._stream is not None and self._stream.codec_context is not None:  # else in a codec that nobody knows
            self._copied = self._stream.codec_context.name in COPIED
            if self._copied:
                self._out = out.add_stream_from_template(self._stream)
            else:
                self._out = out.add_stream("aac", rate=self._stream.rate)
            self._packets = self._source.demux(self._stream)

    def copy_until(self, time: float, mux: Any) -> None:
        """Copy what lies before a time, seconds from the first picture."""
        while self._out is not None:
            try:
                packet = self._packet or next(self._packets, None)
            except self._damaged:
                packet = None
            self._packet = None
            if packet is None or packet.size == 0:  # the end
                if not self._copied:
                    mux(self._out.encode(None))
                self._out = None
                return
            if packet.pts is None:  # there is no saying when it is
                continue
            start = float(packet.pts * packet.time_base) - self._offset
            if start > time:
                self._packet = packet
                return
            if start < 0:
                continue
            shift = round(self._offset / packet.time_base)
            if self._copied:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self._out
                mux(packet)
            else:
                with suppress(self._damaged):
                    for frame in packet.decode():
                        frame.pts = None if frame.pts is None else frame.pts - shift
                        mux(self._out.encode(frame))

    def close(self) -> None:
        self._source.close()
