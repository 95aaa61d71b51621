import json
import os
from pathlib import Path

import numpy as np
import pytest

from facelattice.formats import read_csv, read_pts
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_photo_gives_a_table_and_a_drawing(run, tmp_path):
    status, out, err = run("align", ASTRONAUT)
    assert status == 0
    assert err == ""
    assert "1 face in 1 image" in out
    assert "written: astronaut_faces.jpg" in out
    assert files(tmp_path) == ["astronaut_faces.jpg"]
    drawn, photo = load_image("astronaut_faces.jpg"), load_image(ASTRONAUT)
    assert drawn.shape == photo.shape
    changed = np.abs(drawn.astype(int) - photo).max(2) > 60
    assert changed[85:180, 175:270].sum() > 200  # on the face
    assert changed[250:].sum() == 0


def test_json_on_stdout_and_nothing_else_anywhere(run, tmp_path):
    status, out, err = run("align", ASTRONAUT, "--json")
    (entry,) = json.loads(out)
    assert (status, err, files(tmp_path)) == (0, "", [])
    assert entry["image"] == str(ASTRONAUT)
    assert len(entry["faces"][0]["points"]) == 68
    assert run("align", ASTRONAUT, "--no-draw")[0] == 0
    assert files(tmp_path) == []


def test_a_folder_with_one_bad_file(run, folder, tmp_path):
    status, out, err = run("align", folder, "--out", "found")
    assert status == 1
    assert err.count("\n") == 1
    assert "bad.jpg: not an image" in err
    assert "2 faces in 4 images, 1 could not be read" in out
    assert "no face found" in out
    assert "wall.png" in out
    assert files(tmp_path / "found") == ["ann-2.json", "ann-2_faces.jpg", "ann.json", "ann_faces.jpg", "wall.json"]
    second = json.loads((tmp_path / "found" / "ann-2.json").read_text())
    assert (tmp_path / "found" / second["image"]).resolve() == folder / "more" / "ann.png"
    assert second["faces"][0]["points"][30][0] == pytest.approx(512 - 227, abs=5)

    status, out, _ = run("align", folder, "--json")
    report = {Path(entry["image"]).name: entry for entry in json.loads(out)}
    assert status == 1
    assert "not an image" in report["bad.jpg"]["error"]
    assert report["wall.png"]["faces"] == []


def test_the_formats(run, tmp_path):
    assert run("align", ASTRONAUT, "--out", "pts", "--format", "pts", "--no-draw")[0] == 0
    assert files(tmp_path / "pts") == ["astronaut_0.pts"]
    assert run("align", ASTRONAUT, "--out", "csv", "--format", "csv", "--no-draw")[0] == 0
    assert files(tmp_path / "csv") == ["landmarks.csv"]
    ((_, points, _),) = read_csv(tmp_path / "csv" / "landmarks.csv")
    assert np.abs(points - read_pts(tmp_path / "pts" / "astronaut_0.pts")).max() < 0.01
    assert np.abs(points[30] - [227, 130]).max() < 5


def test_drawings_of_an_earlier_run_are_not_taken_for_photos(run, folder):
    os.chdir(folder)
    (folder / "bad.jpg").unlink()
    first = run("align", ".", "--draw")
    again = run("align", ".", "--draw")
    assert (folder / "ann_faces.jpg").is_file()
    assert again[1].splitlines()[-2:] == first[1].splitlines()[-2:]
    assert "left out" in again[2]


def test_settings_reach_the_aligner(run):
    assert "no face found" in run("align", ASTRONAUT, "--min-score", "0.99")[1]
    status, out, _ = run("align", ASTRONAUT, "--model", find_model(), "--max-faces", "1", "--detector", "yunet")
    assert status == 0
    assert "1 face in" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["align"], "give images, folders or videos"),
        (["align", ASTRONAUT, "--model", "ibug86"], "no model is named 'ibug86'"),
        (["align", ASTRONAUT, "--model", "gone.onnx"], "gone.onnx: cannot read"),
        (["align", ASTRONAUT, "--detector", "eyes"], "unknown detector 'eyes'"),
        (["align", ASTRONAUT, "--format", "pts"], "--out"),
        (["align", ASTRONAUT, "--out", "out", "--format", "xls"], "unknown format 'xls'"),
        (["align", ASTRONAUT, "--max-faces", "0"], "max-faces"),
        (["align", "*.nothing"], "no images found there"),
        (["align", "https://example.org/a.jpg"], "addresses are not fetched"),
        (["align", ASTRONAUT, "--out", ASTRONAUT], "is a file"),
        (["align", ASTRONAUT, "--out", ASTRONAUT / "sub"], "Not a directory"),
    ],
)
def test_wrong_use_is_status_2_with_a_reason_and_no_traceback(run, tmp_path, arguments, message):
    status, out, err = run(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err + out
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_missing_image_is_status_1_and_the_others_are_done(run):
    status, out, err = run("align", "gone.jpg", ASTRONAUT)
    assert status == 1
    assert "gone.jpg: no such file" in err
    assert "1 face in 2 images" in out


def test_a_model_file_cut_short(run):
    data = find_model().read_bytes()
    Path("half.onnx").write_bytes(data[: len(data) // 2])
    status, _, err = run("align", ASTRONAUT, "--model", "half.onnx")
    assert status == 2
    assert "half.onnx: not an ONNX file, or one cut short" in err


def test_a_full_disk_is_a_clear_error_and_leaves_no_half_file(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "landmarks")

    monkeypatch.setattr(os, "replace", full)
    status, _, err = run("align", ASTRONAUT, "--out", "out")
    assert status == 2
    assert "No space left on device" in err
    assert files(tmp_path / "out") == []
