from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import facelattice
from facelattice.exceptions import ArgumentError, VideoError
from facelattice.face import Face
from facelattice.schemes import get_scheme
from facelattice.video.landmark_writer import LandmarkWriter, video_in_landmarks

VIDEO = "../clip.mp4"
POINTS = np.array([[10, 20], [30, 20.126], [20, 30], [12, 40], [28, 40]], np.float32)


def face(track: int) -> Face:
    expected_errors = np.array([1, 2, 3, 4, 5], np.float32)
    return Face(POINTS, expected_errors, 0.8, np.array([10, 20, 30, 40], np.float32), get_scheme("five"), None, track)


def test_json_lines(tmp_path):
    with LandmarkWriter(tmp_path / "new" / "clip.jsonl", "json", VIDEO) as writer:
        writer.write(0, 0.0, [face(1), face(2)])
        writer.write(3, 0.1200004, [])
    first, second = [json.loads(line) for line in writer.path.read_text(encoding="utf-8").splitlines()]
    assert (first["frame"], first["time"]) == (0, 0.0)
    assert first["faces"] == [face(1).to_dict(), face(2).to_dict()]
    assert second == {"video": VIDEO, "frame": 3, "time": 0.12, "faces": []}


def test_csv(tmp_path):
    with LandmarkWriter(tmp_path / "clip.csv", "csv", VIDEO) as writer:
        writer.write(0, 0.0, [])
        writer.write(1, 0.04, [face(1), face(2)])
    with open(tmp_path / "clip.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header[:8] == ["video", "frame", "time", "track", "score", "x0", "y0", "e0"]
    assert [row[:5] for row in rows] == [[VIDEO, "1", "0.04", "1", "0.8"], [VIDEO, "1", "0.04", "2", "0.8"]]
    assert [float(value) for value in rows[0][5:11]] == [10, 20, 1, 30, 20.13, 2]
    assert len(rows[0]) == len(header) == 5 + 3 * 5 + 10
    values = dict(zip(header, rows[0], strict=True))
    assert float(values["yaw"]) == face(1).to_dict()["pose"]["yaw"]
    assert values["left_eye_openness"] == ""  # five points have no eyelids


@pytest.mark.parametrize("format", ["json", "csv"])
def test_file_names_its_video(tmp_path, format):
    path = tmp_path / f"clip.{'jsonl' if format == 'json' else format}"
    assert video_in_landmarks(path) is None
    with LandmarkWriter(path, format, VIDEO) as writer:
        writer.write(0, 0.0, [face(1)])
    assert video_in_landmarks(path) == VIDEO
    for text in ("", "[1]", "{", "\0", '{"video": 3}', "frame,time\n0,0\n"):
        path.write_text(text, encoding="utf-8")
        assert video_in_landmarks(path) is None


def test_file_is_readable_while_it_is_written(tmp_path):
    with LandmarkWriter(tmp_path / "clip.jsonl", "json", VIDEO) as writer:
        for i in range(3):
            writer.write(i, i / 25, [face(1)])
            assert len(writer.path.read_text(encoding="utf-8").splitlines()) == i + 1
        assert [path.name for path in tmp_path.iterdir()] == ["clip.jsonl"]


def test_older_file_is_replaced(tmp_path):
    (tmp_path / "clip.jsonl").write_text("old\n" * 10, encoding="utf-8")
    with LandmarkWriter(tmp_path / "clip.jsonl", "json", VIDEO) as writer:
        writer.write(0, 0.0, [])
    assert json.loads((tmp_path / "clip.jsonl").read_text(encoding="utf-8"))["frame"] == 0


def test_two_writers_of_one_name_do_not_mix(tmp_path):
    path = tmp_path / "clip.jsonl"
    with LandmarkWriter(path, "json", VIDEO) as first:
        first.write(0, 0.0, [face(1)])
        with LandmarkWriter(path, "json", VIDEO) as second:
            first.write(1, 0.04, [face(1)])
            second.write(7, 0.28, [face(1)])
            first.write(2, 0.08, [face(1)])
    assert [json.loads(line)["frame"] for line in path.read_text(encoding="utf-8").splitlines()] == [7]


def test_rows_stay_after_an_exception(tmp_path):
    def write() -> None:
        with LandmarkWriter(tmp_path / "clip.jsonl", "json", VIDEO) as writer:
            writer.write(0, 0.0, [face(1)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert len((tmp_path / "clip.jsonl").read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs limits of file sizes")
@pytest.mark.parametrize("format", ["json", "csv"])
def test_full_disk_leaves_whole_lines(tmp_path, format):
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from test_landmark_writer import face, LandmarkWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with LandmarkWriter(Path('clip.txt'), sys.argv[2], 'clip.mp4') as writer:\n"
        "    for i in range(100): writer.write(i, i / 25, [face(1)])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(Path(__file__).parent), format]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "VideoError: clip.txt: cannot be written" in done.stderr
    text = (tmp_path / "clip.txt").read_text(encoding="utf-8")
    assert 500 < len(text) <= 1000
    assert text.endswith("\n")


def test_unwritable_file_and_unknown_format(tmp_path):
    (tmp_path / "clip.jsonl").mkdir()
    writer = LandmarkWriter(tmp_path / "clip.jsonl", "json", VIDEO)
    with pytest.raises(VideoError, match=r"clip\.jsonl: cannot be written \(is a folder"):
        writer.__enter__()
    with pytest.raises(ArgumentError, match="unknown format 'pts'; choose json or csv"):
        LandmarkWriter(tmp_path / "clip.pts", "pts", VIDEO)
