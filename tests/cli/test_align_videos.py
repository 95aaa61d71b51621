"""`facelattice align` on videos, end to end."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import facelattice
from facelattice.cli import app
from facelattice.video.reader import open_video


@pytest.fixture
def clip(write_clip, view):
    """A second of a camera that moves over the photo, with a tone."""
    return write_clip("clip.mp4", ((i / 25, view(40 + 2 * i, 20 + i)) for i in range(25)), tone="aac")


def align(*arguments: object):
    return CliRunner().invoke(app, ["align", *map(str, arguments)])


def test_a_clip_gives_a_drawing_with_sound(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = align(clip)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "1 face followed, 25 sights in 25 frames" in done.stdout
    with open_video("clip_faces.mp4") as drawn, open_video(clip) as plain:
        assert len(drawn._container.streams.audio) == 1
        for (a, image), (b, original) in zip(drawn, plain, strict=True):
            assert a == pytest.approx(b, abs=1e-3)
            assert image.shape == original.shape
            difference = np.abs(image.astype(int) - original).max(2)
            assert (difference > 60).sum() > 150  # the drawing
            assert np.median(difference) < 8  # and the photo under it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "clip_faces.mp4"]


def test_rows_and_crops(clip, tmp_path):
    assert align(clip, "--out", tmp_path / "out", "--no-draw", "--crops").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.jsonl", "clip_track1.mp4"]
    rows = [json.loads(line) for line in (tmp_path / "out" / "clip.jsonl").read_text().splitlines()]
    assert [row["frame"] for row in rows] == list(range(25))
    np.testing.assert_allclose([row["time"] for row in rows], np.arange(25) / 25, atol=2e-3)
    assert all(face["track"] == 1 and len(face["points"]) == 68 for row in rows for face in row["faces"])
    nose = np.array([row["faces"][0]["points"][30] for row in rows])
    np.testing.assert_allclose(nose[-1] - nose[0], [-48, -24], atol=3)  # as the camera moved
    with open_video(tmp_path / "out" / "clip_track1.mp4") as crops:
        assert [image.shape for _, image in crops] == [(256, 256, 3)] * 25

    assert align(clip, "--out", tmp_path / "table", "--format", "csv", "--no-draw", "--smooth", "0").exit_code == 0
    with open(tmp_path / "table" / "clip.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 25
    assert (table[0]["track"], len(table[0])) == ("1", 4 + 3 * 68)
    np.testing.assert_allclose(float(table[-1]["x30"]) - float(table[0]["x30"]), -48, atol=3)
    assert float(table[0]["e30"]) > 0


def test_numbered_images_are_a_video(view, tmp_path):
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"{i:03}.png"), cv2.cvtColor(view(60 + i, 30), cv2.COLOR_RGB2BGR))
    done = align(tmp_path / "%03d.png", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "1 face followed, 4 sights in 4 frames" in done.stdout
    assert (tmp_path / "out" / f"{tmp_path.name}.jsonl").exists()


def test_names_with_per_cent_signs_are_images_and_folders(view, tmp_path):
    folder = tmp_path / "50%off"
    folder.mkdir()
    for name in ("100%.jpg", "%d.jpg"):
        cv2.imwrite(str(folder / name), cv2.cvtColor(view(60, 30), cv2.COLOR_RGB2BGR))
    assert align(folder, folder / "100%.jpg", folder / "%d.jpg", "--out", tmp_path / "out", "--no-draw").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["%d.json", "100%.json"]


def test_a_video_with_a_per_cent_sign_keeps_its_name(write_clip, view, tmp_path):
    write_clip("50%d.mp4", ((i / 25, view(60, 30)) for i in range(2)))
    assert align(tmp_path / "50%d.mp4", "--out", tmp_path / "out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["50%d.jsonl", "50%d_faces.mp4"]


def test_a_glob_in_quotes_is_all_its_videos(write_clip, view, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_clip(name, ((i / 25, view(60, 30)) for i in range(2)))
    assert align(tmp_path / "*.mp4", "--out", tmp_path / "out", "--no-draw").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jsonl", "b.jsonl"]


def test_a_second_run_takes_no_results_of_the_first_for_videos(write_clip, view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b_track1.mp4"):  # of the second there is no b.mp4
        write_clip(name, ((i / 25, view(60, 30)) for i in range(2)))
    assert align("*.mp4", "--crops").exit_code == 0
    first = sorted(path.name for path in tmp_path.iterdir())
    assert first == [
        "a.mp4", "a_faces.mp4", "a_track1.mp4", "b_track1.mp4", "b_track1_faces.mp4", "b_track1_track1.mp4"
    ]  # fmt: skip
    done = align("*.mp4", "--crops")
    assert done.exit_code == 0
    assert "left out: 4 results of an earlier run, such as a_faces.mp4" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == first


@pytest.mark.parametrize(("container", "name"), [("a.m2ts", "a.M2TS"), ("a.asf", "a.asf"), ("a.mov", "a.qt")])
def test_videos_by_their_names(write_clip, view, tmp_path, container, name):
    write_clip(container, ((i / 25, view(60, 30)) for i in range(2))).rename(tmp_path / name)
    assert align(tmp_path / name, "--out", tmp_path / "out", "--no-draw").exit_code == 0
    assert len((tmp_path / "out" / "a.jsonl").read_text().splitlines()) == 2


def test_a_name_as_long_as_a_disk_takes_is_cut(write_clip, view, tmp_path):
    long = "ä" * 125 + ".mp4"
    write_clip("a.mp4", ((i / 25, view(60, 30)) for i in range(2))).rename(tmp_path / long)
    assert align(tmp_path / long, "--out", tmp_path / "out", "--crops").exit_code == 0
    names = [f"{'ä' * 100}{ending}" for ending in (".jsonl", "_faces.mp4", "_track1.mp4")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def align_with_files_of(size, clip):
    """`facelattice align CLIP --out out` beside the clip, where no file may be larger than that."""
    code = (
        "import resource, signal, sys; from facelattice.cli import app\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (int(sys.argv[2]),))\n"
        "app(['align', sys.argv[1], '--out', 'out'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(clip), str(size)]
    return subprocess.run(command, cwd=clip.parent, env=environment, capture_output=True, text=True)


def test_sound_that_there_is_no_room_for_is_named(write_clip, view, tmp_path):
    clip = write_clip("clip.mkv", ((i / 25, view(60, 30)) for i in range(2)), tone="pcm_s16le", rate=44100)
    done = align_with_files_of(50_000, clip)
    assert done.returncode == 0
    assert "clip_faces.mp4: without the sound, which cannot be kept (File too large)" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.jsonl", "clip_faces.mp4"]


@pytest.mark.parametrize(("frames", "size"), [(8, 40_000), (60, 250_000)])  # of a short one all is written at the end
def test_where_there_is_no_room_for_the_drawing_the_points_go_on(write_clip, view, tmp_path, frames, size):
    noise = np.random.default_rng(0).normal(0, 20, (frames, 240, 320, 3))
    noisy = np.clip(view(60, 30) + noise, 0, 255).astype(np.uint8)
    done = align_with_files_of(size, write_clip("clip.mp4", ((i / 25, noisy[i]) for i in range(frames))))
    assert done.returncode == 1
    assert "clip_faces.mp4: cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip.jsonl"]
    assert len((tmp_path / "out" / "clip.jsonl").read_text().splitlines()) == frames


def test_where_there_is_no_room_for_the_points_those_so_far_are_kept(write_clip, view, tmp_path):
    clip = write_clip("clip.mp4", ((i / 25, view(60, 30)) for i in range(20)))
    done = align_with_files_of(20_000, clip)
    assert done.returncode == 1
    assert "clip.jsonl: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    lines = (tmp_path / "out" / "clip.jsonl").read_text().splitlines()
    assert 5 < len(lines) < 20
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))


def test_frames_that_h264_does_not_have_cost_no_points(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((32, 16400, 3), np.uint8))
    done = align(tmp_path / "%d.png", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "H.264 has frames of 2 to 16384 px a side" in done.stderr
    assert "going on without the drawing" in done.stderr
    (rows,) = (tmp_path / "out").iterdir()
    assert len(rows.read_text().splitlines()) == 3
    assert f"written: {rows}" in done.stdout
    assert "_faces.mp4" not in done.stdout


def test_a_folder_called_as_the_drawing_is_named_and_the_next_video_done(write_clip, view, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_clip(name, ((i / 25, view(60, 30)) for i in range(2)))
    (tmp_path / "out" / "a_faces.mp4").mkdir(parents=True)
    done = align(tmp_path / "a.mp4", tmp_path / "b.mp4", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "a_faces.mp4: cannot be written (it is a folder)" in done.stderr
    assert "written: " + str(tmp_path / "out" / "a_faces.mp4") not in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a_faces.mp4", "b.jsonl", "b_faces.mp4"}


def test_what_cannot_be_finished_costs_nothing_else(write_clip, view, tmp_path):
    write_clip("a.mp4", ((i / 25, view(60, 30)) for i in range(3)))
    (tmp_path / "out" / "a_track1.mp4").mkdir(parents=True)
    done = align(tmp_path / "a.mp4", "--out", tmp_path / "out", "--crops")
    assert done.exit_code == 1
    assert "a_track1.mp4: cannot be written (it is a folder); going on without the crops" in done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a_track1.mp4", "a.jsonl", "a_faces.mp4"}
    (tmp_path / "points" / "a.jsonl").mkdir(parents=True)
    done = align(tmp_path / "a.mp4", "--out", tmp_path / "points")
    assert "a.jsonl: cannot be written (it is a folder)" in done.stderr
    assert "followed, 0 sights" in done.stdout  # before the work and not after it
    assert "written:" not in done.stdout
    assert [path.name for path in (tmp_path / "points").iterdir()] == ["a.jsonl"]


def test_broken_frames_have_numbers_too(view, tmp_path):
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"{i}.png"), cv2.cvtColor(view(60, 30), cv2.COLOR_RGB2BGR))
    (tmp_path / "1.png").write_bytes(b"no image")
    done = align(tmp_path / "%d.png", "--out", tmp_path / "out", "--no-draw")
    assert "3 frames, 1 unreadable frame passed over" in done.stdout
    rows = [json.loads(line) for path in (tmp_path / "out").iterdir() for line in path.read_text().splitlines()]
    assert [row["frame"] for row in rows] == [0, 2, 3]


def test_a_broken_video_is_named_and_the_rest_is_done(clip, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    done = align(tmp_path / "broken.mp4", clip, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "broken.mp4: not a video" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.jsonl", "clip_faces.mp4"]


def test_a_video_without_a_readable_frame_leaves_nothing(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start)
    (tmp_path / "zeros.mp4").write_bytes(data)
    done = align(tmp_path / "zeros.mp4", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "not one of its frames can be read" in done.stderr
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give images, folders or videos, or --camera"),
        (["clip.mp4", "photo.jpg"], "videos and images are done apart"),
        (["clip.mp4", "--json"], "--json, --resume and --shard are for images"),
        (["clip.mp4", "--out", "out", "--shard", "1/2"], "--json, --resume and --shard are for images"),
        (["clip.mp4", "--out", "out", "--format", "pts"], "--format of a video is one of json, csv"),
        (["photo.jpg", "--crops"], "--crops and --smooth are for videos"),
        (["photo.jpg", "--smooth", "2"], "--crops and --smooth are for videos"),
    ],
)
def test_wrong_use(arguments, message):
    done = align(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_a_camera_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = align("--camera", 97)
    assert done.exit_code == 1
    assert "camera 97 cannot be opened" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_leaves_whole_files_of_what_was_done(write_clip, view, tmp_path):
    clip = write_clip("long.mp4", ((i / 25, view(40 + i % 50, 20)) for i in range(1500)), tone="aac")
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-m", "facelattice", "align", str(clip), "--out", "out", "--crops"]
    run = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    parts: list[Path] = []
    while run.poll() is None and not parts:
        time.sleep(0.05)
        parts = [path for path in tmp_path.glob("out/.*.part") if path.stat().st_size > 20_000]
    run.send_signal(signal.SIGINT)
    _, said = run.communicate()
    assert run.returncode == 130
    assert "stopped" in said
    rows = (tmp_path / "out" / "long.jsonl").read_text().splitlines()
    assert 0 < len(rows) < 1500
    assert len(json.loads(rows[-1])["faces"]) == 1
    for name in ("long_faces.mp4", "long_track1.mp4"):
        with open_video(tmp_path / "out" / name) as video:
            assert abs(len(list(video)) - len(rows)) <= 1
    with av.open(str(tmp_path / "out" / "long_faces.mp4")) as file:
        seconds = [float(stream.duration * stream.time_base) for stream in (*file.streams.video, *file.streams.audio)]
        assert seconds[1] < seconds[0] + 0.2  # of three
    assert len(list((tmp_path / "out").iterdir())) == 3
