from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import facelattice
from facelattice.exceptions import VideoError
from facelattice.video.reader import open_video
from facelattice.video.writer import VideoWriter

UNEVEN_TIMES = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54, 1.0, 1.5, 1.54]


def gray_with_square(value: int, width: int = 64, height: int = 48) -> np.ndarray:
    image = np.full((height, width, 3), value, np.uint8)
    image[:16, :16] = 255
    return image


def read(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with open_video(path) as video:
        frames = list(video)
    return [frame.time for frame in frames], [frame.image for frame in frames]


def copy_video(source: Path, out: Path) -> VideoWriter:
    """Read a video and write its frames with its audio."""
    with open_video(source) as video:
        frames = list(video)
        with VideoWriter(out, video.rate, source, video.start, video.pixel_aspect) as writer:
            for frame in frames:
                writer.write(frame.image, frame.time)
    return writer


def run_with_file_size_limit(limit: int, code: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Run Python code in a process that cannot write files of more bytes."""
    setup = (
        "import resource, signal, sys; import numpy as np; from pathlib import Path\n"
        "from facelattice.video.writer import VideoWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", setup + code, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("container", "audio"), [("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_written_video_has_times_and_audio_of_original(write_clip, tmp_path, container, audio):
    frames = ((0.5 + time, gray_with_square(4 * i)) for i, time in enumerate(UNEVEN_TIMES))
    out = tmp_path / "new" / "out.mp4"
    assert copy_video(write_clip(container, frames, audio=audio), out).is_complete
    times, images = read(out)
    np.testing.assert_allclose(times, UNEVEN_TIMES, atol=2e-3)
    np.testing.assert_allclose([image[40, 40].mean() for image in images], 4 * np.arange(10), atol=4)
    with av.open(str(out)) as file:
        assert file.streams.audio[0].codec_context.name == "aac"
        audio_frames = list(file.decode(audio=0))
        assert 2.4 < audio_frames[-1].time < 2.6  # the three seconds from the first image on, which comes at 0.5 s
        samples = np.concatenate([frame.to_ndarray()[0] for frame in audio_frames[3:]]).astype(np.float64)
        spectrum = np.abs(np.fft.rfft(samples))
        assert np.argmax(spectrum) * 16000 / len(samples) == pytest.approx(440, abs=5)
    assert [path.name for path in out.parent.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("name", "codec", "audio", "rate", "layout"),
    [
        ("a.avi", "mpeg4", "libmp3lame", 44100, "stereo"),  # the clock of AVI counts packets
        ("a.avi", "mpeg4", "libmp3lame", 11025, "mono"),  # MP4 stores MP3 from 16 kHz on
        ("a.avi", "mpeg4", "pcm_s16le", 11127, "mono"),  # not a rate of AAC
        ("a.mkv", "libx264", "pcm_s16le", 192000, "stereo"),
        ("a.mkv", "libx264", "wavpack", 176400, "stereo"),
        ("a.ts", "libx264", "ac3", 48000, "5.1"),
        ("a.mkv", "libx264", "flac", 44100, "stereo"),
    ],
)
def test_audio_of_all_codecs_is_kept(write_clip, tmp_path, name, codec, audio, rate, layout):
    frames = ((0.04 * i, gray_with_square(4 * (i % 50))) for i in range(75))
    writer = copy_video(write_clip(name, frames, codec, audio, rate, layout), tmp_path / "out.mp4")
    assert writer.audio_error == ""
    assert len(read(tmp_path / "out.mp4")[0]) == 75
    with av.open(str(tmp_path / "out.mp4")) as file:
        audio_frames = list(file.decode(audio=0))
        assert 2.9 < audio_frames[-1].time + audio_frames[-1].samples / audio_frames[-1].sample_rate < 3.25
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in audio_frames[5:-5]]).astype(np.float64)
        assert samples.std() > 0.05 * np.abs(samples).max() > 0


@pytest.mark.parametrize(("audio", "layouts"), [("aac", ("stereo", "stereo")), ("mp2", ("mono", "stereo"))])
def test_audio_of_two_joined_files_is_kept(write_clip, tmp_path, audio, layouts):
    parts = b""
    for layout in layouts:
        frames = ((0.04 * i, gray_with_square(4 * (i % 50))) for i in range(75))
        parts += write_clip("part.ts", frames, audio=audio, audio_rate=48000, layout=layout).read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(parts)  # in the second part the clock starts again
    assert copy_video(joined, tmp_path / "out.mp4").audio_error == ""
    with av.open(str(tmp_path / "out.mp4")) as file:
        seconds = [float(stream.duration * stream.time_base) for stream in (*file.streams.video, *file.streams.audio)]
    np.testing.assert_allclose(seconds, 6, atol=0.15)


def test_damaged_audio_does_not_affect_images(write_clip, tmp_path):
    frames = ((time, gray_with_square(4 * i)) for i, time in enumerate(UNEVEN_TIMES))
    clip = write_clip("a.mkv", frames, audio="mp2")
    data = bytearray(clip.read_bytes())
    with av.open(str(clip)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(audio=0) if packet.size]
    for start, size in places[3:9]:
        data[start + 12 : start + size] = bytes(size - 12)
    clip.write_bytes(data)
    copy_video(clip, tmp_path / "out.mp4")
    assert len(read(tmp_path / "out.mp4")[0]) == len(UNEVEN_TIMES)
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert list(file.decode(audio=0))


def test_original_without_audio(write_clip, tmp_path):
    writer = copy_video(write_clip("clip.mp4", [(0.0, gray_with_square(9))]), tmp_path / "out.mp4")
    assert writer.audio_error == ""
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert len(file.streams.audio) == 0


def test_file_name_with_colon_is_not_a_url(write_clip, tmp_path, monkeypatch):
    clip = write_clip("clip.mp4", ((0.04 * i, gray_with_square(4 * i)) for i in range(3)), audio="aac")
    clip.rename(tmp_path / "at 12:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert copy_video(Path("at 12:30.mp4"), Path("to 13:00.mp4")).audio_error == ""
    assert len(read(Path("to 13:00.mp4"))[0]) == 3


@pytest.mark.parametrize("is_transposed", [False, True])
def test_pixel_aspect_is_kept(write_clip, set_display_matrix, tmp_path, is_transposed):
    frames = ((0.04 * i, gray_with_square(40)) for i in range(5))
    clip = write_clip("dv.mp4", frames, aspect=Fraction(16, 11))
    if is_transposed:
        set_display_matrix(clip, 0, 1, -1, 0)
    copy_video(clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as file:
        expected = Fraction(11, 16) if is_transposed else Fraction(16, 11)
        assert file.streams.video[0].sample_aspect_ratio == expected


def test_colors_of_large_frames_are_tagged(tmp_path):
    """Players decode untagged frames of 720 lines as BT.709."""
    with VideoWriter(tmp_path / "out.mp4", 25) as writer:
        writer.write(np.full((720, 1280, 3), (60, 180, 75), np.uint8), 0.0)
    with av.open(str(tmp_path / "out.mp4")) as file:
        frame = next(file.decode(video=0))
        color = frame.reformat(format="rgb24", src_colorspace=frame.colorspace).to_ndarray()[360, 640]
        np.testing.assert_allclose(color, (60, 180, 75), atol=4)
        assert frame.colorspace == 6  # BT.601


def test_odd_sides_are_cropped_and_other_sizes_resized(tmp_path):
    with VideoWriter(tmp_path / "odd.mp4", 25) as writer:
        writer.write(gray_with_square(4, 65, 49), 0.0)
        writer.write(gray_with_square(80, 32, 24), 0.04)
    _, (first, second) = read(tmp_path / "odd.mp4")
    assert first.shape == second.shape == (48, 64, 3)
    assert first[40, 40].mean() == pytest.approx(4, abs=4)
    assert second[40, 40].mean() == pytest.approx(80, abs=4)
    assert second[10, 25].mean() > 200  # the square has 32 px now


class Terminated(KeyboardInterrupt):
    """Raised for a signal."""


@pytest.mark.parametrize(("error", "num_frames"), [(KeyboardInterrupt, 5), (Terminated, 5), (RuntimeError, None)])
def test_file_after_an_exception(tmp_path, error, num_frames):
    path = tmp_path / "out.mp4"

    def write() -> None:
        with VideoWriter(path, 25) as writer:
            for i in range(5):
                writer.write(gray_with_square(4 * i), 0.04 * i)
            raise error

    with pytest.raises(error):
        write()
    assert (len(read(path)[0]) if path.exists() else None) == num_frames
    assert len(list(tmp_path.iterdir())) == (num_frames is not None)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VideoError, match=r"out\.mp4: cannot be written"):
        VideoWriter(tmp_path / "file" / "out.mp4", 25)


@pytest.mark.parametrize(("width", "height"), [(1, 50), (16400, 32)])
def test_frame_size_that_h264_does_not_allow(tmp_path, width, height):
    def write() -> None:
        with VideoWriter(tmp_path / "out.mp4", 25) as writer:
            writer.write(np.zeros((height, width, 3), np.uint8), 0.0)

    with pytest.raises(VideoError, match=rf"H\.264 allows sides of 2 to 16384 px, not {width} x {height} px"):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs limits of file sizes")
def test_full_disk_leaves_no_file(tmp_path):
    code = (
        "rng = np.random.default_rng(0)\n"
        "with VideoWriter(Path('out.mp4'), 25) as writer:\n"
        "    for i in range(100): writer.write(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8), i / 25)\n"
    )
    done = run_with_file_size_limit(20_000, code, tmp_path)
    assert "VideoError: out.mp4: cannot be written (File too large)" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs limits of file sizes")
def test_no_space_for_audio_leaves_images(write_clip, tmp_path):
    frames = ((0.04 * i, gray_with_square(4 * i)) for i in range(5))
    clip = write_clip("clip.mkv", frames, audio="pcm_s16le", audio_rate=44100)
    code = (
        "with VideoWriter(Path('out.mp4'), 25, Path(sys.argv[1])) as writer:\n"
        "    for i in range(5): writer.write(np.full((96, 96, 3), 9 * i, np.uint8), i / 25)\n"
        "print(writer.audio_error)\n"
    )
    folder = tmp_path / "new"
    folder.mkdir()
    done = run_with_file_size_limit(20_000, code, folder, clip)
    assert (done.stdout, done.stderr) == ("File too large\n", "")
    assert [path.name for path in folder.iterdir()] == ["out.mp4"]
    assert len(read(folder / "out.mp4")[0]) == 5
