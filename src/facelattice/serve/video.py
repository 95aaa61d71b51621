"""Track the faces of an uploaded video. This runs in a worker process."""

from __future__ import annotations

import io
import json
import time
from multiprocessing.connection import Connection
from typing import Any

from facelattice.exceptions import FacelatticeError, VideoError
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.onnx_model import Model
from facelattice.serve.jobs import VideoEnd, VideoJob
from facelattice.video.reader import Video, error_reason, import_av
from facelattice.video.tracker import Tracker

MAX_FRAME_PIXELS = 9_500_000  # 4096 x 2304
SEND_INTERVAL = 0.25  # seconds between two messages with the lines of the frames so far


def follow_video(model: Model, job: VideoJob, pipe: Connection) -> None:
    """Send the faces of each frame as lines of JSON, as `facelattice align` writes them, and then a `VideoEnd`.

    The first line has the expected number of frames and the rate: {"num_frames": ..., "rate": ...}.
    """
    try:
        with open_upload(bytes(job.data)) as video:
            pipe.send(_line({"num_frames": video.num_frames, "rate": round(video.rate, 3)}))
            _send_frames(video, Tracker(FaceAligner(model, min_score=job.min_score, max_faces=job.max_faces)), pipe)
    except FacelatticeError as error:
        pipe.send(VideoEnd(VideoError(str(error))))
    else:
        pipe.send(VideoEnd())


def _send_frames(video: Video, tracker: Tracker, pipe: Connection) -> None:
    lines: list[bytes] = []
    sent = time.monotonic()
    for frame in video:
        faces = [face.to_dict() for face in tracker(frame.image, frame.time)]
        lines.append(_line({"frame": frame.number, "time": round(frame.time, 6), "faces": faces}))
        if time.monotonic() - sent >= SEND_INTERVAL:
            pipe.send(b"".join(lines))
            lines, sent = [], time.monotonic()
    pipe.send(b"".join([*lines, _line({"end": True, "num_unreadable": video.num_unreadable})]))


def open_upload(data: bytes) -> Video:
    """Open the content of an MP4, QuickTime, Matroska, WebM or AVI file.

    FFmpeg must not detect the format: with some formats, such as playlists, it would read other files and addresses.

    Raises:
        VideoError: If the content is of another format, is damaged, or its frames are too large.
        MissingDependencyError: If PyAV is not installed.
    """
    format = detect_format(data)
    av = import_av()
    try:
        container = av.open(io.BytesIO(data), format=format)
        stream = container.streams.best("video")
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(f"the video cannot be read ({error_reason(error)})") from None
    if stream is not None and stream.width * stream.height > MAX_FRAME_PIXELS:
        raise VideoError(
            f"the video has frames of {stream.width} x {stream.height} px; "
            f"at most {MAX_FRAME_PIXELS / 1e6:g} million pixels are allowed"
        )
    return Video(container, "uploaded video")


def detect_format(data: bytes | bytearray) -> str:
    """Detect the format of a video by its first bytes, and return FFmpeg's name of it.

    Raises:
        VideoError: If the format is not allowed.
    """
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if data[:4] == b"RIFF" and data[8:11] == b"AVI":
        return "avi"
    raise VideoError("the body is not a video; send an MP4, QuickTime, Matroska, WebM or AVI file")


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"
