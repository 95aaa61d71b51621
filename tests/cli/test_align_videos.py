"""`facelattice align` with videos."""

from __future__ import annotations

import csv
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import facelattice
from facelattice.cli import video_progress
from facelattice.video.reader import open_video

FAST = ("--model", "ibug68-fast")
needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of POSIX")


@pytest.fixture
def clip(write_clip, view) -> Path:
    """One second of a camera that moves over the photo, with a tone."""
    return write_clip("clip.mp4", ((i / 25, view(40 + 2 * i, 20 + i)) for i in range(25)), audio="aac")


@pytest.fixture
def short_clip(write_clip, view) -> Callable[..., Path]:
    """Write a video of two frames with a face."""
    return lambda name, **options: write_clip(name, ((i / 25, view(60, 30)) for i in range(2)), **options)


def write_image(path: Path, image: np.ndarray) -> None:
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def count_frames(path: Path) -> int:
    with open_video(path) as video:
        return len(list(video))


def test_drawing_with_audio(run, clip, tmp_path):
    status, stdout, stderr = run("align", clip)
    assert (status, stdout) == (0, "")
    assert "clip.mp4: 25 frames, 1 tracked face, 25 face observations\n" in stderr
    with open_video("clip_faces.mp4") as drawn, open_video(clip) as plain:
        for drawing, original in zip(drawn, plain, strict=True):
            assert drawing.time == pytest.approx(original.time, abs=1e-3)
            difference = np.abs(drawing.image.astype(int) - original.image).max(2)
            assert (difference > 60).sum() > 150  # the points
            assert np.median(difference) < 8
    with av.open("clip_faces.mp4") as file:
        assert len(file.streams.audio) == 1
    assert names(tmp_path) == ["clip.mp4", "clip_faces.mp4"]


def test_json_lines_and_crops(run, clip, tmp_path):
    assert run("align", clip, "--out", "out", "--no-draw", "--crops", "upright", *FAST)[0] == 0
    assert names(tmp_path / "out") == ["clip.jsonl", "clip_track1.mp4"]
    rows = read_lines(tmp_path / "out" / "clip.jsonl")
    assert [row["frame"] for row in rows] == list(range(25))
    np.testing.assert_allclose([row["time"] for row in rows], np.arange(25) / 25, atol=2e-3)
    assert all(face["track"] == 1 and len(face["points"]) == 68 for row in rows for face in row["faces"])
    nose = np.array([row["faces"][0]["points"][30] for row in rows])
    np.testing.assert_allclose(nose[-1] - nose[0], [-48, -24], atol=3)  # the motion of the camera
    with open_video(tmp_path / "out" / "clip_track1.mp4") as crops:
        assert [frame.image.shape for frame in crops] == [(256, 256, 3)] * 25


def test_videos_and_images_in_one_call(run, short_clip, view, tmp_path):
    write_image(tmp_path / "photo.png", view(60, 30))
    short_clip("a.mp4")
    status, stdout, stderr = run("align", "a.mp4", "photo.png", "broken.mp4", "--out", "out", "--no-draw", *FAST)
    assert status == 1
    assert "broken.mp4: no such file" in stderr.lower()
    assert [line.split("\t")[0] for line in stdout.splitlines()] == ["photo.png"]
    assert names(tmp_path / "out") == ["a.jsonl", "photo.json"]


def test_tracks_for_other_programs(run, clip, tmp_path):
    assert run("align", clip, "--out", "out", "--no-draw", "--tracks", "nuke", *FAST)[0] == 0
    assert names(tmp_path / "out") == ["clip.jsonl", "clip_track1.nk"]
    (x, y) = read_lines(tmp_path / "out" / "clip.jsonl")[0]["faces"][0]["points"][30]
    script = (tmp_path / "out" / "clip_track1.nk").read_text(encoding="utf-8")
    (curves,) = re.findall(r'"30 nose_tip" \{curve x1 (\S+) .*?\} \{curve x1 (\S+) ', script)
    np.testing.assert_allclose([float(value) for value in curves], [x + 0.5, 240 - (y + 0.5)], atol=0.01)


def test_fast_model_is_proposed_for_long_videos(run, clip, monkeypatch):
    monkeypatch.setattr(video_progress, "RECENT_FRAMES", 5)
    monkeypatch.setattr(video_progress, "LONG_SECONDS", 0.0)
    advice = "--model ibug68-fast takes about a third of the time"
    assert run("align", clip, "--no-draw")[2].count(advice) == 1
    assert advice not in run("align", clip, "--no-draw", *FAST)[2]


def test_csv(run, clip, tmp_path):
    assert run("align", clip, "--out", "out", "--format", "csv", "--no-draw", "--smooth", "0", *FAST)[0] == 0
    with open(tmp_path / "out" / "clip.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 25
    assert (rows[0]["track"], len(rows[0])) == ("1", 5 + 3 * 68 + 10)
    np.testing.assert_allclose(float(rows[-1]["x30"]) - float(rows[0]["x30"]), -48, atol=3)
    assert float(rows[0]["e30"]) > 0


def test_numbered_images(run, view, tmp_path):
    for i in (0, 1, 3):
        write_image(tmp_path / f"{i:03}.png", view(60 + i, 30))
    status, _, stderr = run("align", "%03d.png", "--out", "out", "--tracks", "blender", *FAST)
    assert status == 0
    assert "CLIP = '000.png'" in (tmp_path / "out" / f"{tmp_path.name}_track1_blender.py").read_text(encoding="utf-8")
    assert "3 frames, 1 tracked face, 3 face observations; 1 unreadable frame skipped" in stderr
    assert [row["frame"] for row in read_lines(tmp_path / "out" / f"{tmp_path.name}.jsonl")] == [0, 1, 3]


def test_existing_files_with_percent_signs_are_images(run, view, tmp_path):
    folder = tmp_path / "50%off"
    folder.mkdir()
    for name in ("100%.jpg", "%d.jpg"):
        write_image(folder / name, view(60, 30))
    assert run("align", folder, folder / "100%.jpg", folder / "%d.jpg", "--out", "out", "--no-draw", *FAST)[0] == 0
    assert names(tmp_path / "out") == ["%d.json", "100%.json"]


def test_existing_video_with_a_percent_sign(run, short_clip, tmp_path):
    short_clip("50%d.mp4")
    assert run("align", "50%d.mp4", "--out", "out", *FAST)[0] == 0
    assert names(tmp_path / "out") == ["50%d.jsonl", "50%d_faces.mp4"]


@pytest.mark.parametrize(("format", "suffix"), [("json", ".jsonl"), ("csv", ".csv")])
def test_results_of_another_video_of_the_same_name_are_kept(run, short_clip, tmp_path, format, suffix):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        short_clip("clip.mp4").rename(tmp_path / folder / "clip.mp4")
        for _ in range(2):  # a second run replaces the results of the same video
            assert run("align", f"{folder}/clip.mp4", "--out", "out", "--format", format, *FAST)[0] == 0
    assert names(tmp_path / "out") == [f"clip-2{suffix}", "clip-2_faces.mp4", f"clip{suffix}", "clip_faces.mp4"]
    assert "../b/clip.mp4" in (tmp_path / "out" / f"clip-2{suffix}").read_text(encoding="utf-8")


def test_quoted_glob(run, short_clip, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        short_clip(name)
    assert run("align", "*.mp4", "--out", "out", "--no-draw", *FAST)[0] == 0
    assert names(tmp_path / "out") == ["a.jsonl", "b.jsonl"]


def test_results_of_an_earlier_run_are_not_inputs(run, short_clip, tmp_path):
    for name in ("a.mp4", "b_track1.mp4"):  # there is no b.mp4, so the second is an input
        short_clip(name)
    assert run("align", "*.mp4", "--crops", "upright", *FAST)[0] == 0
    first = names(tmp_path)
    assert first == [
        "a.mp4", "a_faces.mp4", "a_track1.mp4", "b_track1.mp4", "b_track1_faces.mp4", "b_track1_track1.mp4"
    ]  # fmt: skip
    status, _, stderr = run("align", "*.mp4", "--crops", "upright", *FAST)
    assert status == 0
    assert "4 results of an earlier run" in stderr
    assert names(tmp_path) == first


@pytest.mark.parametrize(("container", "name"), [("a.m2ts", "a.M2TS"), ("a.asf", "a.asf"), ("a.mov", "a.qt")])
def test_suffixes_of_videos(run, short_clip, tmp_path, container, name):
    short_clip(container).rename(tmp_path / name)
    assert run("align", name, "--out", "out", "--no-draw", *FAST)[0] == 0
    assert len(read_lines(tmp_path / "out" / "a.jsonl")) == 2


def test_long_name_is_truncated(run, short_clip, tmp_path):
    long = "ä" * 125 + ".mp4"
    short_clip("a.mp4").rename(tmp_path / long)
    assert run("align", long, "--out", "out", "--crops", "upright", *FAST)[0] == 0
    assert names(tmp_path / "out") == [f"{'ä' * 100}{ending}" for ending in (".jsonl", "_faces.mp4", "_track1.mp4")]


def align_with_file_size_limit(limit: int, clip: Path) -> subprocess.CompletedProcess:
    """Run `facelattice align CLIP --out out` beside the clip, in a process that cannot write larger files."""
    code = (
        "import resource, signal, sys; from facelattice.cli import app\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (int(sys.argv[2]),))\n"
        "app(['align', sys.argv[1], '--out', 'out', '--model', 'ibug68-fast'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(clip), str(limit)]
    return subprocess.run(command, cwd=clip.parent, env=environment, capture_output=True, text=True)


@needs_posix
def test_no_space_for_audio(short_clip, tmp_path):
    done = align_with_file_size_limit(50_000, short_clip("clip.mkv", audio="pcm_s16le", audio_rate=44100))
    assert done.returncode == 0
    expected = "clip_faces.mp4: the audio is missing, because it cannot be written (File too large)"
    assert expected in done.stderr
    assert names(tmp_path / "out") == ["clip.jsonl", "clip_faces.mp4"]


@needs_posix
@pytest.mark.parametrize(("num_frames", "limit"), [(8, 40_000), (60, 250_000)])  # the encoder holds a short clip back
def test_no_space_for_the_drawing(write_clip, view, tmp_path, num_frames, limit):
    noise = np.random.default_rng(0).normal(0, 20, (num_frames, 240, 320, 3))
    noisy = np.clip(view(60, 30) + noise, 0, 255).astype(np.uint8)
    done = align_with_file_size_limit(limit, write_clip("clip.mp4", ((i / 25, noisy[i]) for i in range(num_frames))))
    assert done.returncode == 1
    assert "clip_faces.mp4: cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(tmp_path / "out") == ["clip.jsonl"]
    assert len(read_lines(tmp_path / "out" / "clip.jsonl")) == num_frames


@needs_posix
def test_no_space_for_landmarks(write_clip, view, tmp_path):
    clip = write_clip("clip.mp4", ((i / 25, view(60, 30)) for i in range(20)))
    done = align_with_file_size_limit(20_000, clip)
    assert done.returncode == 1
    assert "clip.jsonl: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    rows = read_lines(tmp_path / "out" / "clip.jsonl")
    assert 5 < len(rows) < 20
    assert [row["frame"] for row in rows] == list(range(len(rows)))


def test_frames_too_large_for_h264(run, tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((32, 16400, 3), np.uint8))
    status, _, stderr = run("align", "%d.png", "--out", "out", *FAST)
    assert status == 1
    assert "H.264 allows sides of 2 to 16384 px" in stderr
    assert "continuing without the drawing" in stderr
    (rows,) = (tmp_path / "out").iterdir()
    assert len(read_lines(rows)) == 3
    assert f"written: {rows.relative_to(tmp_path)}" in stderr
    assert f"written: out/{tmp_path.name}_faces.mp4" not in stderr


def test_folder_with_the_name_of_the_drawing(run, short_clip, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        short_clip(name)
    (tmp_path / "out" / "a_faces.mp4").mkdir(parents=True)
    status, _, stderr = run("align", "a.mp4", "b.mp4", "--out", "out", *FAST)
    assert status == 1
    assert "a_faces.mp4: cannot be written (is a folder" in stderr
    assert "written: out/a_faces.mp4" not in stderr
    assert names(tmp_path / "out") == ["a_faces.mp4", "b.jsonl", "b_faces.mp4"]


def test_crops_that_cannot_be_written(run, short_clip, tmp_path):
    (tmp_path / "out" / "a_track1.mp4").mkdir(parents=True)
    status, _, stderr = run("align", short_clip("a.mp4"), "--out", "out", "--crops", "upright", *FAST)
    assert status == 1
    assert "a_track1.mp4: cannot be written (is a folder, not a file); continuing without the crops" in stderr
    assert names(tmp_path / "out") == ["a.jsonl", "a_faces.mp4", "a_track1.mp4"]


def test_landmarks_that_cannot_be_written(run, short_clip, tmp_path):
    (tmp_path / "out" / "a.jsonl").mkdir(parents=True)
    status, _, stderr = run("align", short_clip("a.mp4"), "--out", "out", *FAST)
    assert status == 1
    assert "a.jsonl: cannot be written (is a folder" in stderr
    assert "a.mp4: 0 frames" in stderr  # the work has not begun
    assert "written:" not in stderr
    assert names(tmp_path / "out") == ["a.jsonl"]


def test_file_that_is_not_a_video_does_not_affect_others(run, clip, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    status, _, stderr = run("align", "broken.mp4", clip, "--out", "out", *FAST)
    assert status == 1
    assert "broken.mp4: not a video" in stderr
    assert names(tmp_path / "out") == ["clip.jsonl", "clip_faces.mp4"]


def test_video_without_a_readable_frame(run, clip, tmp_path):
    data = bytearray(clip.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    (tmp_path / "zeros.mp4").write_bytes(data)
    status, _, stderr = run("align", "zeros.mp4", "--out", "out", *FAST)
    assert status == 1
    assert "zeros.mp4: none of its frames can be read" in stderr
    assert not list((tmp_path / "out").glob("*"))


def test_missing_camera(run, tmp_path):
    status, _, stderr = run("align", "--camera", 97, *FAST)
    assert status == 1
    assert "camera 97 cannot be opened" in stderr
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clip.mp4", "--json"], "--json"),
        (["clip.mp4", "--out", "out", "--shard", "1/2"], "--shard"),
        (["clip.mp4", "--out", "out", "--format", "pts"], "--format of a video is json or csv, not 'pts'"),
        (["photo.jpg", "--smooth", "2"], "--smooth"),
    ],
)
def test_options_that_do_not_fit_the_inputs(run, arguments, message):
    status, _, stderr = run("align", *arguments)
    assert status == 2
    assert message in " ".join(stderr.replace("│", " ").split())


@pytest.fixture
def long_clip(write_clip, view) -> Path:
    """A video that takes several seconds, with a tone."""
    return write_clip("long.mkv", ((i / 25, view(40 + i % 50, 20)) for i in range(600)), "mjpeg", audio="aac")


def start_align(clip: Path, *options: str, **settings) -> subprocess.Popen:
    """Start `facelattice align CLIP --out out --crops` beside the clip."""
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    align = [sys.executable, "-m", "facelattice", "align"]
    command = [*align, str(clip), "--out", "out", "--crops", "upright", *FAST, *options]
    return subprocess.Popen(command, cwd=clip.parent, env=environment, **settings)


def wait_for_rows(process: subprocess.Popen, rows: Path, num_rows: int) -> None:
    while process.poll() is None and not (rows.exists() and rows.read_bytes().count(b"\n") >= num_rows):
        time.sleep(0.02)


def assert_files_are_complete(out: Path) -> None:
    """Check that landmarks, drawing, its audio and crops are readable and end with the same frame."""
    rows = read_lines(out / "long.jsonl")
    assert 30 <= len(rows) < 600
    assert len(rows[-1]["faces"]) == 1
    for name in ("long_faces.mp4", "long_track1.mp4"):
        assert abs(count_frames(out / name) - len(rows)) <= 1
    with av.open(str(out / "long_faces.mp4")) as file:
        video, audio = (
            float(stream.duration * stream.time_base) for stream in (*file.streams.video, *file.streams.audio)
        )
        assert audio < video + 0.2
    assert names(out) == ["long.jsonl", "long_faces.mp4", "long_track1.mp4"]


@needs_posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_leaves_complete_files(long_clip, tmp_path, name):
    process = start_align(long_clip, stderr=subprocess.PIPE, text=True)
    wait_for_rows(process, tmp_path / "out" / "long.jsonl", 30)
    number = getattr(signal, name)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "stopped" in stderr
    assert_files_are_complete(tmp_path / "out")


@needs_posix
def test_closed_terminal_leaves_complete_files(long_clip, write_clip, view, tmp_path):
    import fcntl
    import termios

    short = write_clip("next.mp4", ((i / 25, view(60, 30)) for i in range(2)))
    terminal, process_side = os.openpty()

    def use_as_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    streams = dict.fromkeys(("stdin", "stdout", "stderr"), process_side)
    process = start_align(long_clip, str(short), start_new_session=True, preexec_fn=use_as_terminal, **streams)
    os.close(process_side)
    rows = tmp_path / "out" / "long.jsonl"
    while process.poll() is None and not (rows.exists() and rows.read_bytes().count(b"\n") >= 30):
        if select.select([terminal], [], [], 0.02)[0]:
            os.read(terminal, 10_000)  # the progress bar
    os.close(terminal)
    assert process.wait(timeout=60) == 128 + signal.SIGHUP
    assert_files_are_complete(tmp_path / "out")  # and the next video was not begun


@needs_posix
def test_killed_process_leaves_landmarks_and_the_next_run_cleans_up(run, long_clip, short_clip, tmp_path):
    process = start_align(long_clip)
    wait_for_rows(process, tmp_path / "out" / "long.jsonl", 30)
    process.kill()
    process.wait()
    rows = read_lines(tmp_path / "out" / "long.jsonl")
    assert [row["frame"] for row in rows] == list(range(len(rows)))
    assert len(list((tmp_path / "out").glob(".*.part"))) == 2
    assert run("align", short_clip("a.mp4"), "--out", "out", *FAST)[0] == 0
    assert names(tmp_path / "out") == ["a.jsonl", "a_faces.mp4", "long.jsonl"]
