"""Uploaded videos and streams of camera frames: their faces are followed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facelattice import onnx_session
from facelattice.exceptions import VideoError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.serve.video import open_upload
from facelattice.video.tracker import Tracker
from facelattice.video.writer import VideoWriter

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
NUM_FRAMES = 6
STREAM = "/v1/align?model=ibug68-fast&stream=a-name-of-16-chars-or-more"
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    """A video of a moving face."""
    path, photo = tmp_path_factory.mktemp("clip") / "clip.mp4", load_image(PHOTO)
    with VideoWriter(path, 10) as writer:
        for i in range(NUM_FRAMES):
            writer.write(photo[10 + i : 250 + i, 60 + 4 * i : 380 + 4 * i], i / 10)
    return path.read_bytes()


def test_video_is_followed_frame_by_frame(client, clip, monkeypatch):
    response = client.post("/v1/video?model=ibug68-fast", content=clip)
    assert response.headers["content-type"] == "application/x-ndjson"
    start, *frames, end = map(json.loads, response.text.splitlines())
    assert start == {"num_frames": NUM_FRAMES, "rate": 10.0}
    assert end == {"end": True, "num_unreadable": 0}
    monkeypatch.setattr(onnx_session, "_max_threads", 1)  # as in the workers: the last digit depends on it
    tracker = Tracker(FaceAligner("ibug68-fast"))
    with open_upload(clip) as video:
        for frame, found in zip(video, frames, strict=True):
            assert (found["frame"], found["time"]) == (frame.number, round(frame.time, 6))
            (face,) = tracker(frame.image, frame.time)
            assert found["faces"] == [face.to_dict()]


def test_upload_that_is_no_video(client, photo, clip):
    for body in (b"", photo, PLAYLIST):  # FFmpeg would follow a playlist to other files
        response = client.post("/v1/video", content=body)
        assert response.status_code == 422
        assert "the body is not a video; send an MP4" in response.json()["detail"]
    response = client.post("/v1/video", content=clip[:60])
    assert response.status_code == 422
    assert response.json()["detail"].startswith("the video cannot be read")
    assert client.get("/v1/video").status_code == 405


def test_frames_that_are_too_large(tmp_path):
    with VideoWriter(tmp_path / "large.mp4", 10) as writer:
        writer.write(np.zeros((2304, 4200, 3), np.uint8), 0.0)
    with pytest.raises(VideoError, match=r"4200 x 2304 px; at most 9\.5 million"):
        open_upload((tmp_path / "large.mp4").read_bytes())


def test_frames_of_a_stream_are_followed_and_smoothed(client, photo):
    tracker = Tracker(FaceAligner("ibug68-fast"))
    for i in range(3):
        response = client.post(f"{STREAM}&time={i / 10}", content=photo)
        (face,) = tracker(PHOTO, i / 10)
        assert response.json()["faces"] == [face.to_dict()]
    response = client.post(f"{STREAM}&time=0.1", content=photo)
    assert (response.status_code, response.json()["detail"]) == (
        422, "frames must come in order, but the time 0.1 s is before the last"
    )  # fmt: skip
    assert client.post(f"{STREAM}&time=1", content=b"no image").status_code == 422
    assert client.post(f"{STREAM}&time=1", content=photo).json()["faces"][0]["track"] == 1  # the stream goes on
