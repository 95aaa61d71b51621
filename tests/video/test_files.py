"""Videos read and written: times, sound, rotation, and files that are broken in every way."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace

import facelattice
from facelattice.exceptions import VideoError
from facelattice.video.audio import _copied, _encoded, _steady
from facelattice.video.reader import open_camera, open_video
from facelattice.video.writer import VideoWriter


def stripes(i: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Dark, with a light square in the upper left corner and a brightness that tells the frame's number."""
    image = np.full((height, width, 3), 4 * i, np.uint8)
    image[:16, :16] = 255
    return image


UNEVEN = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54, 1.0, 1.5, 1.54]


def read(path):
    with open_video(path) as video:
        times, images = zip(*video, strict=True)
        return video, np.array(times), images


def test_frames_keep_their_times(write_clip):
    clip = write_clip("clip.mp4", ((7 + time, stripes(i)) for i, time in enumerate(UNEVEN)))
    video, times, images = read(clip)
    np.testing.assert_allclose(times, UNEVEN, atol=2e-3)
    assert video.start == pytest.approx(7, abs=0.01) or video.start == 0
    assert (video.frames, video.broken) == (10, 0)
    assert [image.shape for image in images] == [(48, 64, 3)] * 10
    np.testing.assert_allclose([image[40, 40].mean() for image in images], 4 * np.arange(10), atol=3)


@pytest.mark.parametrize("container", ["clip.mkv", "clip.avi", "clip.mov", "clip.webm"])
def test_containers(write_clip, container):
    codec = {"clip.webm": "libvpx", "clip.avi": "mpeg4"}.get(container, "libx264")
    _, times, _ = read(write_clip(container, ((0.04 * i, stripes(i)) for i in range(10)), codec))
    np.testing.assert_allclose(times, 0.04 * np.arange(10), atol=2e-3)


def lay(clip, a, b, c, d):
    """Write a display matrix into an MP4 file: x and y are shown at a x + c y and b x + d y."""
    data = bytearray(clip.read_bytes())
    matrix = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = matrix
    clip.write_bytes(data)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),  # a phone held upright
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), np.fliplr),  # a front camera that keeps what it showed
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda image: np.rot90(image.transpose(1, 0, 2), 2)),
    ],
)
def test_turned_and_mirrored_as_the_file_says(write_clip, matrix, shown):
    clip = write_clip("phone.mp4", ((0.04 * i, stripes(10)) for i in range(5)))
    lay(clip, *matrix)
    _, _, images = read(clip)
    assert images[2].shape == shown(stripes(10)).shape
    assert np.abs(images[2].astype(int) - shown(stripes(10))).mean() < 6


@pytest.mark.parametrize("sideways", [False, True])
def test_pixels_that_are_no_squares_stay_so(write_clip, tmp_path, sideways):
    clip = write_clip("dv.mp4", ((0.04 * i, stripes(10)) for i in range(5)), tone="aac", aspect=Fraction(16, 11))
    if sideways:
        lay(clip, 0, 1, -1, 0)
    with open_video(clip) as video:
        frames = list(video)
        with VideoWriter(tmp_path / "out.mp4", video.rate, clip, video.start, video.pixel_aspect) as writer:
            for time, image in frames:
                writer.write(image, time)
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert out.streams.video[0].sample_aspect_ratio == (Fraction(11, 16) if sideways else Fraction(16, 11))


def test_large_frames_keep_their_colors_in_players(tmp_path):
    """Where nothing is said, players take frames of 720 lines for BT.709."""
    with VideoWriter(tmp_path / "out.mp4", 25) as writer:
        writer.write(np.full((720, 1280, 3), (60, 180, 75), np.uint8), 0.0)
    with av.open(str(tmp_path / "out.mp4")) as out:
        frame = next(out.decode(video=0))
        said = frame.reformat(format="rgb24", src_colorspace=frame.colorspace).to_ndarray()[360, 640]
        np.testing.assert_allclose(said, (60, 180, 75), atol=4)
        assert frame.colorspace == 6  # BT.601


@pytest.mark.parametrize(("height", "taken_for"), [(480, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_colors_of_which_a_file_says_nothing_are_taken_as_players_take_them(tmp_path, height, taken_for):
    with av.open(str(tmp_path / "clip.mkv"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 2 * height, height, "yuv420p"
        image = np.full((height, 2 * height, 3), (60, 180, 75), np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=taken_for)))
        out.mux(stream.encode(None))
    _, _, (seen,) = read(tmp_path / "clip.mkv")
    np.testing.assert_allclose(seen[100, 100], (60, 180, 75), atol=4)


def test_where_a_file_becomes_unreadable_all_before_that_is_there(write_clip):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
    clip = write_clip("clip.nut", ((0.04 * i, noise[i]) for i in range(60)))
    data = clip.read_bytes()
    half = len(data) // 2
    with av.open(str(clip)) as whole:
        before = sum(packet.pos + packet.size < half for packet in whole.demux(video=0) if packet.size)
    clip.write_bytes(data[:half] + bytes(half))
    video, times, _ = read(clip)
    assert before - 2 <= len(times) <= before  # the decoder holds some back until it hears that it was the end
    assert video.broken >= 1


def test_the_cover_image_of_a_film_is_not_the_film(tmp_path):
    with av.open(str(tmp_path / "film.mkv"), "w") as out:
        cover, film = (out.add_stream(codec, rate=25) for codec in ("mjpeg", "libx264"))
        for stream, pixels in ((cover, "yuvj420p"), (film, "yuv420p")):
            stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for stream, images in ((cover, [stripes(50)]), (film, [stripes(i) for i in range(10)])):
            for i, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    assert len(read(tmp_path / "film.mkv")[2]) == 10


def test_a_name_with_a_colon_is_no_address(write_clip, tmp_path, monkeypatch):
    write_clip("clip.mp4", ((0.04 * i, stripes(i)) for i in range(3)), tone="aac").rename(tmp_path / "at 12:30.mp4")
    monkeypatch.chdir(tmp_path)
    with open_video("at 12:30.mp4") as video, VideoWriter(Path("to 13:00.mp4"), 25, Path("at 12:30.mp4")) as writer:
        for time, image in video:
            writer.write(image, time)
    assert writer.silent == ""
    assert len(read("to 13:00.mp4")[1]) == 3


@pytest.mark.parametrize(("pattern", "first"), [("%04d.png", 7), ("shot%d of 9.png", 12)])
def test_numbered_images_may_start_anywhere(tmp_path, pattern, first):
    for i in range(first, first + 3):
        cv2.imwrite(str(tmp_path / (pattern % i)), stripes(i))
    cv2.imwrite(str(tmp_path / "1.png"), stripes(1))  # not of the pattern: it has no noughts
    assert len(read(tmp_path / pattern)[2]) == 3


def test_numbered_images(tmp_path):
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"{i:04}.png"), stripes(i))
    _, times, images = read(tmp_path / "%04d.png")
    np.testing.assert_allclose(times, 0.04 * np.arange(5), atol=1e-6)
    assert images[3][40, 40].tolist() == [12, 12, 12]


def test_missing_and_broken_numbered_images_are_frames_passed_over(tmp_path):
    for i in (3, 4, 6, 7, 11):
        cv2.imwrite(str(tmp_path / f"{i}.png"), stripes(i))
    (tmp_path / "3.png").write_bytes(b"no image")
    (tmp_path / "7.png").write_bytes(b"")
    with open_video(tmp_path / "%d.png") as video:
        times, images = zip(*video, strict=True)
    np.testing.assert_allclose(times, np.array([0, 2, 7]) / 25)
    assert [image[40, 40, 0] for image in images] == [16, 24, 44]
    assert (video.broken, video.frames, video.start) == (6, 9, 0)
    with pytest.raises(VideoError, match="no image there is called so"):
        open_video(tmp_path / "%04d.png")


def test_broken_frames_are_counted_and_passed_over(write_clip):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (30, 48, 64, 3), dtype=np.uint8)
    clip = write_clip("clip.mkv", ((0.04 * i, noise[i]) for i in range(30)))
    data = bytearray(clip.read_bytes())
    for at in range(len(data) // 3, 2 * len(data) // 3, 97):
        data[at] ^= 0x5A
    clip.write_bytes(data)
    with open_video(clip) as video:
        whole = list(video)
    assert 5 < len(whole) < 31
    assert video.broken > 0
    times = [time for time, _ in whole]
    assert times == sorted(times)


def test_a_damaged_video_can_be_left_early(write_clip):
    """Closing it must not wait for ever for the threads that are amid broken frames."""
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


def test_a_video_cut_short_gives_what_is_left(write_clip):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (30, 48, 64, 3), dtype=np.uint8)
    clip = write_clip("clip.mkv", ((0.04 * i, noise[i]) for i in range(30)))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    _, times, _ = read(clip)
    assert 5 < len(times) < 25


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "not a video"), (b"no video at all" * 99, "not a video"), ("sound", "no images")],
)
def test_files_that_are_no_videos(write_clip, tmp_path, content, message):
    path = tmp_path / "clip.mp4"
    if content == "sound":
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


def test_a_camera_that_is_not_there():
    with pytest.raises(VideoError, match="camera 97 cannot be opened"):
        open_camera(97)


@pytest.mark.parametrize(("container", "tone", "copied"), [("a.mp4", "aac", True), ("a.mkv", "pcm_s16le", False)])
def test_a_written_video_has_the_times_and_the_sound_of_the_original(write_clip, tmp_path, container, tone, copied):
    clip = write_clip(container, ((0.5 + time, stripes(i)) for i, time in enumerate(UNEVEN)), tone=tone)
    writer = None
    with open_video(clip) as video:
        for time, image in video:
            writer = writer or VideoWriter(tmp_path / "new" / "out.mp4", video.rate, clip, video.start)
            writer.write(image, time)
    writer.__exit__(None)
    _, times, images = read(tmp_path / "new" / "out.mp4")
    np.testing.assert_allclose(times, UNEVEN, atol=2e-3)
    np.testing.assert_allclose([image[40, 40].mean() for image in images], 4 * np.arange(10), atol=4)
    with av.open(str(tmp_path / "new" / "out.mp4")) as out:
        assert out.streams.audio[0].codec_context.name == "aac"
        frames = list(out.decode(audio=0))
        assert 2.4 < frames[-1].time < 2.6  # all of its three seconds from the first image on, which comes at 0.5
        loud = np.concatenate([frame.to_ndarray()[0] for frame in frames[3:]]).astype(np.float64)
        spectrum = np.abs(np.fft.rfft(loud))
        assert np.argmax(spectrum) * 16000 / len(loud) == pytest.approx(440, abs=5)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.mp4"]


def test_damaged_sound_costs_no_images(write_clip, tmp_path):
    clip = write_clip("a.mkv", ((time, stripes(i)) for i, time in enumerate(UNEVEN)), tone="mp2")
    data = bytearray(clip.read_bytes())
    with av.open(str(clip)) as whole:
        places = [(packet.pos, packet.size) for packet in whole.demux(audio=0) if packet.size]
    for at, size in places[3:9]:
        data[at + 12 : at + size] = bytes(size - 12)
    clip.write_bytes(data)
    with open_video(clip) as video, VideoWriter(tmp_path / "out.mp4", video.rate, clip, video.start) as writer:
        for time, image in video:
            writer.write(image, time)
    assert len(read(tmp_path / "out.mp4")[1]) == len(UNEVEN)
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert list(out.decode(audio=0))


@pytest.mark.parametrize(
    ("name", "codec", "tone", "rate", "layout"),
    [
        ("a.avi", "mpeg4", "libmp3lame", 44100, "stereo"),  # AVI's clock counts whole packets
        ("a.avi", "mpeg4", "libmp3lame", 11025, "mono"),  # MP4 has no MP3 so slow
        ("a.avi", "mpeg4", "pcm_s16le", 11127, "mono"),  # no rate that AAC knows
        ("a.mkv", "libx264", "pcm_s16le", 192000, "stereo"),
        ("a.mkv", "libx264", "wavpack", 176400, "stereo"),
        ("a.ts", "libx264", "ac3", 48000, "5.1"),
        ("a.mkv", "libx264", "flac", 44100, "stereo"),
    ],
)
def test_sound_of_all_kinds_is_kept(write_clip, tmp_path, name, codec, tone, rate, layout):
    clip = write_clip(name, ((0.04 * i, stripes(i % 50)) for i in range(75)), codec, tone, rate, layout)
    with open_video(clip) as video, VideoWriter(tmp_path / "out.mp4", video.rate, clip, video.start) as writer:
        for time, image in video:
            writer.write(image, time)
    assert writer.silent == ""
    assert len(read(tmp_path / "out.mp4")[1]) == 75
    with av.open(str(tmp_path / "out.mp4")) as out:
        frames = list(out.decode(audio=0))
        assert 2.9 < frames[-1].time + frames[-1].samples / frames[-1].sample_rate < 3.25
        loud = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames[5:-5]]).astype(np.float64)
        assert loud.std() > 0.05 * np.abs(loud).max() > 0


@pytest.mark.parametrize(("tone", "layouts"), [("aac", ("stereo", "stereo")), ("mp2", ("mono", "stereo"))])
def test_two_files_joined_into_one_keep_both_their_sounds(write_clip, tmp_path, tone, layouts):
    parts = b""
    for layout in layouts:
        images = ((0.04 * i, stripes(i % 50)) for i in range(75))
        parts += write_clip("part.ts", images, tone=tone, rate=48000, layout=layout).read_bytes()
    clip = tmp_path / "joined.ts"
    clip.write_bytes(parts)  # its clock goes back to the beginning
    with open_video(clip) as video, VideoWriter(tmp_path / "out.mp4", video.rate, clip, video.start) as writer:
        for time, image in video:
            writer.write(image, time)
    assert writer.silent == ""
    with av.open(str(tmp_path / "out.mp4")) as out:
        seconds = [float(stream.duration * stream.time_base) for stream in (*out.streams.video, *out.streams.audio)]
    np.testing.assert_allclose(seconds, 6, atol=0.15)


def test_odd_sides_lose_a_line_and_other_sizes_are_brought_to_the_first(tmp_path):
    with VideoWriter(tmp_path / "odd.mp4", 25) as writer:
        writer.write(stripes(1, 65, 49), 0.0)
        writer.write(stripes(20, 32, 24), 0.04)
    _, _, (first, second) = read(tmp_path / "odd.mp4")
    assert first.shape == second.shape == (48, 64, 3)
    assert first[40, 40].mean() == pytest.approx(4, abs=4)
    assert second[40, 40].mean() == pytest.approx(80, abs=4)
    assert second[10, 25].mean() > 200  # the square of 16 px fills 32 now


def test_stopped_by_ctrl_c_the_file_is_playable_and_after_an_error_there_is_none(tmp_path):
    def write(path, error):
        with VideoWriter(path, 25) as writer:
            for i in range(5):
                writer.write(stripes(i), 0.04 * i)
            raise error

    for error, count in ((KeyboardInterrupt, 5), (RuntimeError, None)):
        path = tmp_path / f"{error.__name__}.mp4"
        with pytest.raises(error):
            write(path, error)
        assert (len(read(path)[1]) if path.exists() else None) == count
    assert len(list(tmp_path.iterdir())) == 1


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((VideoError, OSError)):
        VideoWriter(tmp_path / "file" / "out.mp4", 25)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    code = (
        "import resource, signal, sys; import numpy as np; from pathlib import Path\n"
        "from facelattice.video.writer import VideoWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "rng = np.random.default_rng(0)\n"
        "with VideoWriter(Path('out.mp4'), 25) as writer:\n"
        "    for i in range(100): writer.write(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8), i / 25)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(facelattice.__file__))}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "VideoError: out.mp4: cannot be written (File too large)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def pieces(times, duration):
    """Packets of a made-up sound: their times and length, milliseconds."""
    for time in times:
        packet = av.Packet(8)
        packet.pts = packet.dts = time
        packet.duration, packet.time_base = duration, Fraction(1, 1000)
        yield packet


@pytest.mark.parametrize("slip", [10_000, -10_000])
def test_one_wrong_time_in_the_sound_does_not_move_what_follows(slip):
    times = [20 * i for i in range(1000, 1100)]
    wrong = [*times[:50], times[50] + slip, *times[51:]]
    kept = [packet.pts for packet in _copied(_steady(pieces(wrong, 20)), 20.0, np.inf)]
    assert kept == [time - 20_000 for time in times if time != times[50]]


def test_holes_and_joints_in_the_sound():
    times = [0, 20, 40, 5000, 5020, 5040, 0, 20, 40, 5000, 5020]  # twice the same file, with a hole in it
    kept = [packet.pts for packet in _copied(_steady(pieces(times, 20)), 0.0, np.inf)]
    assert kept == [0, 20, 40, 5000, 5020, 5040, 5060, 5080, 5100, 10_060, 10_080]


def test_long_packets_of_unknown_length_are_no_slips():
    times = [0, 4000, 8000, 12_000]
    assert [packet.pts for packet in _copied(_steady(pieces(times, 0)), 0.0, np.inf)] == times


@pytest.mark.parametrize("drift", [0.95, 1.05, 0.0])  # the last of a clock that stands still, which says nothing
def test_sound_whose_clock_is_not_that_of_its_samples_stays_with_the_images(tmp_path, drift):
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        audio = out.add_stream("aac", rate=8000)

        def frames():
            for i in range(100):  # of a tenth of a second each, by their samples
                frame = av.AudioFrame.from_ndarray(np.zeros((2, 800), np.float32), format="fltp", layout="stereo")
                frame.sample_rate, frame.time_base, frame.pts = 8000, Fraction(1, 8000), round(800 * i * drift)
                yield frame

        last = [packet for packet in _encoded(frames(), 0.0, np.inf, audio) if packet.size][-1]
        assert float(last.pts * last.time_base) == pytest.approx(10 * (drift or 1), abs=0.35)


def test_no_room_for_the_sound_leaves_the_images_and_says_so(write_clip, tmp_path):
    clip = write_clip("clip.mkv", ((0.04 * i, stripes(i)) for i in range(5)), tone="pcm_s16le", rate=44100)
    code = (
        "import resource, signal, sys; import numpy as np; from pathlib import Path\n"
        "from facelattice.video.writer import VideoWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "with VideoWriter(Path('out.mp4'), 25, Path(sys.argv[1])) as writer:\n"
        "    for i in range(5): writer.write(np.full((96, 96, 3), 9 * i, np.uint8), i / 25)\n"
        "print(writer.silent)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(facelattice.__file__))}
    command, folder = [sys.executable, "-c", code, str(clip)], tmp_path / "new"
    folder.mkdir()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("File too large\n", "")
    assert [path.name for path in folder.iterdir()] == ["out.mp4"]
    assert len(read(folder / "out.mp4")[1]) == 5


@pytest.mark.parametrize(("width", "height"), [(1, 50), (16400, 32)])
def test_frames_that_h264_does_not_have(tmp_path, width, height):
    def write():
        with VideoWriter(tmp_path / "out.mp4", 25) as writer:
            writer.write(np.zeros((height, width, 3), np.uint8), 0.0)

    with pytest.raises(VideoError, match=r"H\.264 has frames of 2 to 16384 px a side"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_without_pyav_it_says_how_to_get_it(write_clip, monkeypatch):
    clip = write_clip("clip.mp4", [(0.0, stripes(0))])
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r'pip install "facelattice\[video\]"'):
        open_video(clip)


def test_the_original_may_be_silent(write_clip, tmp_path, view):
    clip = write_clip("clip.mp4", ((0.04 * i, view(i, 0)) for i in range(5)))
    with VideoWriter(tmp_path / "out.mp4", 25, clip) as writer:
        writer.write(view(0, 0), 0.0)
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert len(out.streams.audio) == 0
