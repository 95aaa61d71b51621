"""Frames of video files, cameras and numbered images.

Example:
    with open_video("clip.mp4") as video:
        for frame in video:
            print(frame.number, frame.time, frame.image.shape)
    print(video.num_unreadable)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from facelattice.exceptions import MissingDependencyError, VideoError
from facelattice.file_search import check_path
from facelattice.image_io import MAX_PIXELS
from facelattice.video.frame import Frame, display_matrix, is_transposed, upright_image
from facelattice.video.frame_numbers import FrameNumbers
from facelattice.video.numbered_images import NumberedImages, is_numbered_pattern

UNKNOWN_RATE = 25.0  # frames per second, for a video that states no rate
VP8_SHOW_FRAME = 0x10  # in the first byte of a packet
CAMERA_POLL = 0.005  # seconds
CAMERA = "camera "  # the start of its name


class Video:
    """The frames of a video file or camera in the order of their times. Use `open_video` or `open_camera`.

    Args:
        container: An open `av.container.InputContainer`.
        name: The name for messages.
        max_pixels: Maximum number of pixels of a frame.

    Attributes:
        name: The name for messages.
        rate: Frames per second, on average.
        num_frames: Expected number of frames; None if unknown.
        start: Time of the first readable frame on the clock of the file, in seconds; 0 before that frame is read.
        pixel_aspect: Width / height of a pixel, known when the first frame is read. It is not 1 in recordings of
            standard-definition television.

    Raises:
        VideoError: If the file contains no video stream, or its frames are too large.
    """

    def __init__(self, container: Any, name: str, max_pixels: int = MAX_PIXELS) -> None:
        self._container, self.name = container, name
        self._num_breaks = 0
        self.start, self.pixel_aspect = 0.0, Fraction(1)
        self._stream = container.streams.best("video")  # not the cover image of a film
        if self._stream is None:
            raise VideoError(f"{name}: the file contains no video stream")
        if self._stream.codec_context is None:
            raise VideoError(f"{name}: its video is stored in a way that FFmpeg cannot decode, or the file is damaged")
        width, height = self._stream.width, self._stream.height
        if width * height > max_pixels:
            raise VideoError(
                f"{name}: frames of {width} x {height} are more than the limit of {max_pixels / 1e6:g} million pixels; "
                "resize the video, or raise the limit (max_pixels; align: --max-megapixels)"
            )
        self._stream.codec_context.options = {"max_pixels": str(max_pixels)}  # of frames that differ from the header
        self._stream.thread_type = "AUTO"
        self.rate = float(self._stream.average_rate or self._stream.guessed_rate or UNKNOWN_RATE)
        self.num_frames: int | None = self._stream.frames or None
        if self.num_frames is None and container.duration:
            self.num_frames = max(1, round(container.duration / 1e6 * self.rate))
        self._has_times = container.format.name != "avi"  # AVI stores only the order
        self._numbers = FrameNumbers(self._has_times)

    @property
    def num_unreadable(self) -> int:
        """Frames that could not be decoded so far."""
        return self._numbers.num_unreadable + self._num_breaks

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        last: float | None = None
        for frame in self._decode():
            number, seconds = self._numbers.number(frame), frame.time
            if number is None:
                continue
            if not self._has_times:  # FFmpeg assumes a wrong time for B-frames, but the time of decoding grows evenly
                seconds = None if frame.dts is None else float(frame.dts * frame.time_base)
            if seconds is None or (last is not None and seconds <= last):  # no clock, or one that went back
                seconds = 0.0 if last is None else last + 1 / self.rate
            if last is None:
                aspect = self._stream.sample_aspect_ratio or Fraction(1)
                self.start, self.pixel_aspect = seconds, 1 / aspect if is_transposed(display_matrix(frame)) else aspect
            last = seconds
            yield Frame(number, seconds - self.start, upright_image(frame))
        self._numbers.end()

    def _decode(self) -> Iterator[Any]:
        """Yield the frames of PyAV that are not damaged."""
        ffmpeg_error = import_av().error.FFmpegError
        for packet in self._packets():
            try:
                frames = packet.decode()
            except ffmpeg_error:
                self._numbers.add_failure()
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._numbers.add_failure()
                else:
                    yield frame

    def _packets(self) -> Iterator[Any]:
        """Yield the packets to decode. The last one is empty, which flushes the decoder."""
        av = import_av()
        for packet in self._demux():
            self._numbers.add_packet(packet, self._is_shown(packet))
            if packet.size > 0:  # an empty packet repeats the last image; decoders reject it
                yield packet
        end = av.Packet()
        end.stream, end.time_base = self._stream, self._stream.time_base
        yield end

    def _demux(self) -> Iterator[Any]:
        """Yield the packets up to the end of the file, even if it is truncated."""
        av = import_av()
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.BlockingIOError:  # the camera has no frame yet
                time.sleep(CAMERA_POLL)
                packets = self._container.demux(self._stream)
                continue
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self._num_breaks += 1
                return
            if packet is None:
                return
            if packet.pts is not None or packet.size > 0:  # the empty packet that demux() adds at the end has no time
                yield packet

    def _is_shown(self, packet: Any) -> bool:
        """Return whether a packet holds a frame to be shown. VP8 stores reference frames in packets of their own."""
        if self._stream.codec_context.name == "vp8" and packet.size and not bytes(packet)[0] & VP8_SHOW_FRAME:
            return False
        return not packet.is_discard


def open_video(source: str | Path, max_pixels: int = MAX_PIXELS) -> Video | NumberedImages:
    """Open a video file, or numbered images.

    Args:
        source: The path of a video file, or a pattern such as ``frames/%04d.png``.
        max_pixels: Maximum number of pixels of a frame; a video or a numbered image with more cannot be read.

    Returns:
        A context manager that yields a `Frame` for each readable frame.

    Raises:
        VideoError: If the file is missing or is not a video, or if no image matches the pattern.
        MissingDependencyError: If PyAV is not installed; numbered images do not need it.
    """
    path = Path(check_path(source, "video", VideoError))
    if is_numbered_pattern(path):
        return NumberedImages(path, max_pixels)
    av = import_av()
    try:
        if not path.exists():
            raise VideoError(f"{path}: no such file")
        # FFmpeg reads a relative name with a colon as a URL.
        return Video(av.open(str(path.absolute())), str(path), max_pixels)
    except av.error.InterruptedError:  # PyAV replaces the exception of a signal handler by this one
        raise KeyboardInterrupt from None
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: not a video, or a damaged one ({error_reason(error)})") from None


def open_camera(number: int) -> Video:
    """Open a camera of this machine.

    Args:
        number: The number of the camera, from 0.

    Returns:
        A context manager that yields a `Frame` for each frame of the camera.

    Raises:
        VideoError: If the camera cannot be opened; always on Windows, where FFmpeg identifies cameras by name.
        MissingDependencyError: If PyAV is not installed.
    """
    av = import_av()
    if sys.platform == "win32":
        raise VideoError(
            f"camera {number} cannot be opened: cameras are not supported on Windows; record a video and align that"
        )
    name, format = (f"{number}:none", "avfoundation") if sys.platform == "darwin" else (f"/dev/video{number}", "v4l2")
    try:
        return Video(av.open(name, format=format), f"{CAMERA}{number}")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"camera {number} cannot be opened ({error_reason(error)}); check that it is connected and that no other "
            "program uses it"
        ) from None


def import_av() -> Any:
    """Import PyAV.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError('videos need PyAV; run: pip install "facelattice[video]"') from error
    # The log of FFmpeg must stay off, which is PyAV's default, to avoid a deadlock: threads that decode damaged frames
    # would need the interpreter lock to write to it, and closing the file, which holds the lock, waits for them.
    return av


def error_reason(error: Exception) -> str:
    """Return the message of an error of the system or of FFmpeg, without the file name."""
    return str(getattr(error, "strerror", None) or error)
