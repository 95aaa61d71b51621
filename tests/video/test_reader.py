from __future__ import annotations

import os
import signal
import subprocess
import sys
from fractions import Fraction
from threading import Timer

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from facelattice.cli.signals import raise_on_stop_signals
from facelattice.exceptions import MissingDependencyError, VideoError
from facelattice.video.reader import open_camera, open_video

UNEVEN_TIMES = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54, 1.0, 1.5, 1.54]


def gray_with_square(value: int) -> np.ndarray:
    image = np.full((48, 64, 3), value, np.uint8)
    image[:16, :16] = 255
    return image


def read(path):
    with open_video(path) as video:
        frames = list(video)
    return video, np.array([frame.time for frame in frames]), [frame.image for frame in frames]


def test_frames_have_the_times_of_the_file(write_clip):
    clip = write_clip("clip.mp4", ((7 + time, gray_with_square(4 * i)) for i, time in enumerate(UNEVEN_TIMES)))
    video, times, images = read(clip)
    np.testing.assert_allclose(times, UNEVEN_TIMES, atol=2e-3)
    assert video.start == pytest.approx(7, abs=0.01) or video.start == 0
    assert (video.num_frames, video.num_unreadable) == (10, 0)
    assert [image.shape for image in images] == [(48, 64, 3)] * 10
    np.testing.assert_allclose([image[40, 40].mean() for image in images], 4 * np.arange(10), atol=3)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.mov", "libx264"), ("a.webm", "libvpx"), ("a.ts", "libx264")],
)
def test_containers(write_clip, name, codec):
    with open_video(write_clip(name, ((0.04 * i, gray_with_square(4 * i)) for i in range(10)), codec)) as video:
        frames = list(video)
    np.testing.assert_allclose([frame.time for frame in frames], 0.04 * np.arange(10), atol=2e-3)
    assert [frame.number for frame in frames] == list(range(10))


@pytest.mark.parametrize(
    ("matrix", "transform"),
    [
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),  # a phone held upright
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), np.fliplr),  # a front camera that mirrors
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda image: np.rot90(image.transpose(1, 0, 2), 2)),
    ],
)
def test_frames_are_rotated_and_mirrored_as_the_file_says(write_clip, set_display_matrix, matrix, transform):
    clip = write_clip("phone.mp4", ((0.04 * i, gray_with_square(40)) for i in range(5)))
    set_display_matrix(clip, *matrix)
    _, _, images = read(clip)
    expected = transform(gray_with_square(40))
    assert images[2].shape == expected.shape
    assert np.abs(images[2].astype(int) - expected).mean() < 6


@pytest.mark.parametrize(("height", "colorspace"), [(480, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_unspecified_color_space_is_read_as_in_players(tmp_path, height, colorspace):
    with av.open(str(tmp_path / "clip.mkv"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 2 * height, height, "yuv420p"
        image = np.full((height, 2 * height, 3), (60, 180, 75), np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=colorspace)))
        out.mux(stream.encode(None))
    _, _, (seen,) = read(tmp_path / "clip.mkv")
    np.testing.assert_allclose(seen[100, 100], (60, 180, 75), atol=4)


def test_frames_over_the_limit_are_rejected_before_they_are_decoded(write_clip):
    clip = write_clip("clip.mp4", ((i / 10, gray_with_square(40 * i)) for i in range(3)))
    with pytest.raises(VideoError, match=r"clip\.mp4: frames of 64 x 48 are more than the limit of 0\.003071 million"):
        open_video(clip, max_pixels=64 * 48 - 1)
    with open_video(clip, max_pixels=64 * 48) as video:
        assert len(list(video)) == 3


@pytest.mark.parametrize("source", ["https://example.org/a.mp4", "file:///a.mp4"])
def test_urls_are_not_fetched(source):
    with pytest.raises(VideoError, match=f"{source}: URLs are not fetched; download the video and pass its path"):
        open_video(source)


def test_cover_image_is_not_the_video(tmp_path):
    with av.open(str(tmp_path / "film.mkv"), "w") as out:
        cover, film = (out.add_stream(codec, rate=25) for codec in ("mjpeg", "libx264"))
        for stream, pixels in ((cover, "yuvj420p"), (film, "yuv420p")):
            stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for stream, num_frames in ((cover, 1), (film, 10)):
            for i in range(num_frames):
                frame = av.VideoFrame.from_ndarray(gray_with_square(4 * i), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    assert len(read(tmp_path / "film.mkv")[2]) == 10


def noise_clip(write_clip, name: str, num_frames: int):
    noise = np.random.default_rng(0).integers(0, 255, (num_frames, 48, 64, 3), dtype=np.uint8)
    return write_clip(name, ((0.04 * i, image) for i, image in enumerate(noise)))


def test_frames_before_the_end_of_a_damaged_file_are_read(write_clip):
    clip = noise_clip(write_clip, "clip.nut", 60)
    data = clip.read_bytes()
    half = len(data) // 2
    with av.open(str(clip)) as file:
        before = sum(packet.pos + packet.size < half for packet in file.demux(video=0) if packet.size)
    clip.write_bytes(data[:half] + bytes(half))
    video, times, _ = read(clip)
    assert before - 2 <= len(times) <= before
    assert video.num_unreadable >= 1


def test_truncated_file(write_clip):
    clip = noise_clip(write_clip, "clip.mkv", 30)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    _, times, _ = read(clip)
    assert 5 < len(times) < 25


def test_damaged_frames_are_skipped_and_counted(write_clip):
    clip = noise_clip(write_clip, "clip.mkv", 30)
    with av.open(str(clip)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(clip.read_bytes())
    for start, size in packets[10:20]:
        data[start + size // 4 : start + size] = b"\xff" * (size - size // 4)
    clip.write_bytes(data)
    video, times, _ = read(clip)
    assert (len(times), video.num_unreadable) == (20, 10)
    assert (np.diff(times) > 0).all()


def test_damaged_video_can_be_closed_early(write_clip):
    """Closing must not wait for threads that decode damaged frames."""
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    clip = write_clip("clip.mkv", ((0.04 * i, np.roll(noise, 7 * i, 1)) for i in range(10)))
    with av.open(str(clip)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(clip.read_bytes())
    for start, size in packets[3:]:
        for at in range(start + size * 35 // 100, start + size * 75 // 100, 301):
            data[at] ^= 0x5A
    clip.write_bytes(data)
    code = (
        "import sys; from facelattice.video.reader import open_video\n"
        "with open_video(sys.argv[1]) as video:\n"
        "    next(iter(video))\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code, str(clip)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "not a video"),
        (b"no video at all" * 99, "not a video"),
        ("audio", "the file contains no video stream"),
    ],
)
def test_file_that_is_not_a_video(tmp_path, content, message):
    path = tmp_path / "clip.mp4"
    if content == "audio":
        with av.open(str(path), "w") as out:
            stream = out.add_stream("aac", rate=16000, layout="mono")
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
            silence.sample_rate = 16000
            out.mux(stream.encode(silence))
            out.mux(stream.encode(None))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=message):
        open_video(path)


def test_video_of_an_unknown_codec_is_an_error(write_clip):
    clip = write_clip("clip.avi", [(0.0, gray_with_square(0))], "mpeg4")
    clip.write_bytes(clip.read_bytes().replace(b"FMP4", b"\1\2\3\4"))
    with pytest.raises(VideoError, match="stored in a way that FFmpeg cannot decode"):
        open_video(clip)


def test_missing_camera():
    with pytest.raises(VideoError, match="camera 97 cannot be opened"):
        open_camera(97)


def test_missing_pyav(write_clip, monkeypatch):
    clip = write_clip("clip.mp4", [(0.0, gray_with_square(0))])
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "facelattice\[video\]"'):
        open_video(clip)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_signal_while_the_file_is_opened(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    Timer(0.2, os.kill, [os.getpid(), signal.SIGTERM]).start()
    with raise_on_stop_signals(), pytest.raises(KeyboardInterrupt):
        open_video(tmp_path / "clip.mp4")
