"""Points that other programs wrote, in every format, measured as those of a model are."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.evaluate import evaluate
from facelattice.evaluation.prediction_files import load_predictions, match
from facelattice.exceptions import DataError
from facelattice.formats import FORMATS, open_sink, write_csv, write_pts
from facelattice.inference.aligner import FaceAligner


@pytest.fixture(scope="module")
def found(faces):
    aligner = FaceAligner("ibug68", min_score=0)
    return [(path, aligner(path)) for path in sorted(faces.glob("*.png"))]


# To what each format writes: 1/100, 1/10000 and 1/1000 pixel, whole ones; an eye distance here is about 50 pixels.
@pytest.mark.parametrize(
    ("format", "path", "close"),
    [("json", "", 1e-4), ("pts", "", 1e-6), ("csv", "landmarks.csv", 1e-5), ("coco", "landmarks.json", 1e-5),
     ("dlib", "landmarks.xml", 0.01)],
)  # fmt: skip
def test_every_format_measures_as_the_model_does(faces, found, tmp_path, format, path, close):
    expected = evaluate("ibug68", faces, "detector")
    with open_sink(format, tmp_path) as sink:
        for image, found_faces in found:
            sink.write(image, found_faces)
    result = evaluate(str(tmp_path / path), faces)
    assert (result["faces"], result["missed"], result["unmatched"]) == (12, expected["missed"], 0)
    assert result["nme"] == pytest.approx(expected["nme"], abs=close)
    assert (result["expected_nme"] is not None) == (format == "json")  # the others have no place for errors
    assert result["box"] == "predictions"


def test_all_formats_are_tried():
    assert set(FORMATS) - {"parquet"} == {"json", "pts", "csv", "coco", "dlib"}


def test_points_of_other_images_are_counted_and_faces_without_points_missed(faces, tmp_path):
    truth = read_samples(faces)[0]
    rows = [(str(truth.path), truth.points, truth.mask), ("other.png", truth.points, truth.mask)]
    write_csv(tmp_path / "points.csv", rows)
    result = evaluate(str(tmp_path / "points.csv"), faces)
    assert (result["unmatched"], result["missed"], result["nme"]) == (1, 11, pytest.approx(0, abs=1e-4))


def test_points_on_a_line_are_a_face_that_is_found(tmp_path):
    for name, tilt in (("truth.csv", 3), ("found.csv", 0)):
        write_csv(tmp_path / name, [("face.png", np.array([[30, 40], [60, 40 + tilt]]), np.ones(2, bool))])
    result = evaluate(str(tmp_path / "found.csv"), tmp_path / "truth.csv")
    assert (result["missed"], result["nme"]) == (0, pytest.approx(1.5 / np.sqrt(30 * 3)))


def test_faces_of_one_image_are_told_apart_by_their_boxes(faces, tmp_path):
    shutil.copy(faces / "face00.png", tmp_path / "two.png")
    points = read_samples(faces)[0].points
    rows = [("two.png", points + offset, np.ones(68, bool)) for offset in (0.0, 30.0)]
    write_csv(tmp_path / "truth.csv", rows)
    write_csv(tmp_path / "found.csv", [(name, p + 0.5, mask) for name, p, mask in reversed(rows)])
    result = evaluate(str(tmp_path / "found.csv"), tmp_path / "truth.csv")
    eyes = np.linalg.norm(points[36] - points[45])
    assert [each["nme"] for each in result["each"]] == pytest.approx([np.sqrt(0.5) / eyes] * 2, abs=1e-4)


def test_points_left_out_take_no_part(faces, tmp_path):
    samples = read_samples(faces)
    half = np.arange(68) < 34
    rows = [(str(s.path), s.points + 1, half if i < 5 else s.mask) for i, s in enumerate(samples)]
    write_csv(tmp_path / "half.csv", rows)
    result = evaluate(str(tmp_path / "half.csv"), faces)
    assert (result["missed"], result["left_out"]) == (0, 5 * 34)
    eyes = [np.linalg.norm(s.points[36] - s.points[45]) for s in samples]
    assert result["nme"] == pytest.approx(np.mean(np.sqrt(2) / eyes), abs=1e-4)


def test_pts_of_other_programs_have_the_images_name(faces, tmp_path):
    for sample in read_samples(faces):
        write_pts(tmp_path / f"{sample.path.stem}.pts", sample.points)
    result = evaluate(str(tmp_path), faces)
    assert (result["missed"], result["nme"]) == (0, pytest.approx(0, abs=1e-5))


def test_predictions_know_their_number_of_points(faces, tmp_path):
    points = np.arange(14.0).reshape(7, 2) ** 1.5
    write_csv(tmp_path / "seven.csv", [("a.png", points, np.ones(7, bool))])
    assert load_predictions(tmp_path / "seven.csv").scheme().name == "7 points"
    with pytest.raises(DataError, match=r"face00\.pts: 68 points, but the scheme 7 points has 7"):
        evaluate(str(tmp_path / "seven.csv"), faces)


def test_what_cannot_be_measured_is_said(faces, tmp_path):
    samples = read_samples(faces)
    write_csv(tmp_path / "other.csv", [("elsewhere.png", samples[0].points, samples[0].mask)])
    with pytest.raises(DataError, match=r"none of its images \(elsewhere.png, ...\) is one of the data's \(face00"):
        match(load_predictions(tmp_path / "other.csv"), samples)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no points in it; looked for a .csv, .json or .xml file, or a folder"):
        load_predictions(tmp_path / "empty")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match=r"broken\.json: not JSON"):
        load_predictions(tmp_path / "broken.json")
    for name, count in (("a", 3), ("b", 4)):
        write_pts(tmp_path / "mixed" / f"{name}.pts", np.arange(2.0 * count).reshape(count, 2))
    with pytest.raises(DataError, match="faces of 3 and 4 points; measure them one by one"):
        load_predictions(tmp_path / "mixed")
    with pytest.raises(DataError, match="holds points already"):
        evaluate(str(tmp_path / "other.csv"), faces, "detector")
    (tmp_path / "faces.json").write_text(json.dumps({"image": "a.png", "faces": []}))
    with pytest.raises(DataError, match="no points in it"):
        load_predictions(tmp_path / "faces.json")
