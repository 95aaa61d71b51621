from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.evaluate import evaluate
from facelattice.evaluation.prediction_files import load_predictions, match_predictions
from facelattice.evaluation.result import EvaluationResult
from facelattice.exceptions import DataError, FormatError, SchemeError
from facelattice.formats import open_sink, write_csv, write_pts
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import get_scheme

MODEL = "ibug68-fast"


@pytest.fixture(scope="module")
def detected(faces) -> list:
    """Paths of the images, and the faces that a model detects in them."""
    aligner = FaceAligner(MODEL, min_score=0)
    return [(path, aligner(path)) for path in sorted(faces.glob("*.png"))]


@pytest.fixture(scope="module")
def model_result(faces) -> EvaluationResult:
    return evaluate(MODEL, faces, "detector")


# The tolerances follow from the precision of the formats (1/100, 1/10000, 1/1000 and 1 px) and 50 px between the eyes.
@pytest.mark.parametrize(
    ("format", "name", "tolerance"),
    [
        ("json", "", 1e-4),
        ("pts", "", 1e-6),
        ("csv", "landmarks.csv", 1e-5),
        ("coco", "landmarks.json", 1e-5),
        ("dlib", "landmarks.xml", 0.01),
    ],
)
def test_written_results_have_the_metrics_of_the_model(
    faces, detected, model_result, tmp_path, format, name, tolerance
):
    with open_sink(format, tmp_path) as sink:
        for path, found in detected:
            sink.write(path, found)
    result = evaluate(str(tmp_path / name), faces)
    assert (result.num_faces, result.num_missed) == (12, model_result.num_missed)
    assert result.predictions.num_unmatched == 0
    assert result.nme == pytest.approx(model_result.nme, abs=tolerance)
    assert (result.expected_nme is not None) == (format == "json")  # other formats do not hold expected errors
    assert result.box_source == "predictions"


def test_predictions_of_unknown_images_are_counted(faces, tmp_path):
    truth = read_samples(faces)[0]
    rows = [(str(truth.path), truth.points, truth.mask), ("other.png", truth.points, truth.mask)]
    write_csv(tmp_path / "points.csv", rows)
    result = evaluate(str(tmp_path / "points.csv"), faces)
    assert (result.predictions.num_unmatched, result.num_missed) == (1, 11)
    assert result.nme == pytest.approx(0, abs=1e-4)


def test_points_on_a_line_match_the_only_face(faces, tmp_path):
    shutil.copy(faces / "face00.png", tmp_path / "face.png")
    for name, tilt in (("truth.csv", 3), ("predicted.csv", 0)):
        write_csv(tmp_path / name, [("face.png", np.array([[30, 40], [60, 40 + tilt]]), np.ones(2, bool))])
    result = evaluate(str(tmp_path / "predicted.csv"), tmp_path / "truth.csv")
    assert (result.num_missed, result.nme) == (0, pytest.approx(1.5 / np.sqrt(30 * 3)))


def test_several_faces_of_an_image_are_matched_by_box(faces, tmp_path):
    shutil.copy(faces / "face00.png", tmp_path / "two.png")
    points = read_samples(faces)[0].points
    rows = [("two.png", points + offset, np.ones(68, bool)) for offset in (0.0, 30.0)]
    write_csv(tmp_path / "truth.csv", rows)
    write_csv(tmp_path / "predicted.csv", [(name, p + 0.5, mask) for name, p, mask in reversed(rows)])
    result = evaluate(str(tmp_path / "predicted.csv"), tmp_path / "truth.csv")
    eye_distance = np.linalg.norm(points[36] - points[45])
    assert [face.nme for face in result.faces] == pytest.approx([np.sqrt(0.5) / eye_distance] * 2, abs=1e-4)


def test_omitted_points_are_left_out(faces, tmp_path):
    samples = read_samples(faces)
    half = np.arange(68) < 34
    rows = [(str(s.path), s.points + 1, half if i < 5 else s.mask) for i, s in enumerate(samples)]
    write_csv(tmp_path / "half.csv", rows)
    result = evaluate(str(tmp_path / "half.csv"), faces)
    assert (result.num_missed, result.num_omitted_points) == (0, 5 * 34)
    eye_distances = [np.linalg.norm(s.points[36] - s.points[45]) for s in samples]
    assert result.nme == pytest.approx(np.mean(np.sqrt(2) / eye_distances), abs=1e-4)


def test_pts_files_are_matched_by_the_stem_of_the_image(faces, tmp_path):
    for sample in read_samples(faces):
        write_pts(tmp_path / f"{sample.path.stem}.pts", sample.points)
    result = evaluate(str(tmp_path), faces)
    assert (result.num_missed, result.nme) == (0, pytest.approx(0, abs=1e-5))


def test_number_of_points_determines_the_scheme(faces, tmp_path):
    points = np.arange(14.0).reshape(7, 2) ** 1.5
    write_csv(tmp_path / "seven.csv", [("a.png", points, np.ones(7, bool))])
    assert load_predictions(tmp_path / "seven.csv").scheme().name == "7 points"
    with pytest.raises(DataError, match=r"face00\.pts: 68 points, but the scheme 7 points has 7"):
        evaluate(str(tmp_path / "seven.csv"), faces)


def write_coco_file(path: Path, faces: Path, names: list[str], order: list[int]) -> None:
    """Write the faces as COCO with these names of their first points, in this order."""
    samples = read_samples(faces)
    annotations = [
        {"image_id": i, "category_id": 1, "keypoints": np.c_[s.points[order], np.full(len(order), 2)].ravel().tolist()}
        for i, s in enumerate(samples)
    ]
    images = [{"id": i, "file_name": str(s.path)} for i, s in enumerate(samples)]
    category = {"id": 1, "name": "face", "keypoints": [names[i] for i in order]}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    path.write_text(json.dumps(content), encoding="utf-8")


def test_names_of_points_decide_in_both_files(faces, tmp_path):
    names = ["ear", "brow", "eye", "nose", "mouth", "chin", "jaw"]
    write_coco_file(tmp_path / "a.json", faces, names, [0, 1, 2, 3, 4, 5, 6])
    write_coco_file(tmp_path / "b.json", faces, names, [6, 2, 0, 3, 1, 5, 4])
    result = evaluate(str(tmp_path / "b.json"), tmp_path / "a.json")
    assert (result.num_faces, result.num_missed, result.nme) == (12, 0, 0)


@pytest.mark.parametrize("data", ["coco", "pts"])
def test_coco_results_are_matched_by_the_id_of_the_image(faces, tmp_path, data):
    samples = read_samples(faces)  # face00.png, face01.png, ...
    results = [
        {"image_id": i, "category_id": 1, "keypoints": np.c_[s.points + 1, np.full(68, 0.9)].ravel().tolist()}
        for i, s in enumerate(samples)
    ]
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_coco_file(tmp_path / "truth.json", faces, [f"{i}" for i in range(68)], list(range(68)))
    result = evaluate(str(tmp_path / "results.json"), tmp_path / "truth.json" if data == "coco" else faces)
    eye_distances = [np.linalg.norm(s.points[36] - s.points[45]) for s in samples]
    assert (result.num_missed, result.nme) == (0, pytest.approx(np.mean(np.sqrt(2) / eye_distances), abs=1e-4))


def test_coco_results_have_the_keypoints_of_the_dataset_in_its_order(faces, tmp_path):
    """The dataset names its keypoints as a built-in scheme does, in another order."""
    names, order = list(get_scheme("ibug68").names), [*range(67, 20, -1), *range(21)]
    write_coco_file(tmp_path / "truth.json", faces, names, order)
    annotations = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["annotations"]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(annotations), encoding="utf-8")
    result = evaluate(str(results), tmp_path / "truth.json")
    assert (result.num_faces, result.num_missed, result.nme) == (12, 0, 0)
    annotations[0]["keypoints"] += [5, 5, 2]
    results.write_text(json.dumps(annotations), encoding="utf-8")
    with pytest.raises(FormatError, match=r"truth\.json: the category has 68 names of keypoints, .* has 69 points"):
        evaluate(str(results), tmp_path / "truth.json")


def test_json_states_its_scheme(faces, tmp_path):
    """Both schemes have five points."""
    write_coco_file(tmp_path / "truth.json", faces, ["ear", "eye", "nose", "lip", "chin"], [0, 1, 2, 3, 4])
    content = {"image": str(faces / "face00.png"), "faces": []}
    for scheme in ("five", "of the user"):
        face = {"scheme": scheme, "points": [[i, i * i] for i in range(5)], "expected_errors": [1] * 5}
        content["faces"].append(face)
    one = tmp_path / "one.json"
    one.write_text(json.dumps(content | {"faces": content["faces"][:1]}), encoding="utf-8")
    assert load_predictions(one).scheme() is get_scheme("five")
    with pytest.raises(SchemeError, match="no conversion from face to five"):
        evaluate(str(one), tmp_path / "truth.json")
    one.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="contains faces of the schemes five and of the user; evaluate them separately"):
        load_predictions(one)


def test_hidden_files_are_left_out(faces, tmp_path):
    (tmp_path / "._face00.pts").write_bytes(b"\0\5\x16\7")
    write_pts(tmp_path / "face00.pts", read_samples(faces)[0].points)
    assert evaluate(str(tmp_path), faces).num_missed == 11


def test_predictions_of_other_images_are_an_error(faces, tmp_path):
    samples = read_samples(faces)
    write_csv(tmp_path / "other.csv", [("elsewhere.png", samples[0].points, samples[0].mask)])
    with pytest.raises(DataError, match=r"none of its images \(elsewhere.png, ...\) is in the dataset \(face00"):
        match_predictions(load_predictions(tmp_path / "other.csv"), samples)


def test_files_without_usable_points_are_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no landmarks; expected a .csv, .json or .xml file, or a folder"):
        load_predictions(tmp_path / "empty")
    (tmp_path / "faces.json").write_text(json.dumps({"image": "a.png", "faces": []}), encoding="utf-8")
    with pytest.raises(DataError, match="no landmarks"):
        load_predictions(tmp_path / "faces.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(FormatError, match=r"broken\.json"):
        load_predictions(tmp_path / "broken.json")
    results = [{"image_id": 1, "category_id": 1, "keypoints": [0, 0, 0] * 5}]
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(DataError, match="no landmarks"):
        load_predictions(tmp_path / "results.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_fifo_is_not_opened(tmp_path, caplog):
    os.mkfifo(tmp_path / "predictions.csv")
    with pytest.raises(DataError, match="is neither a file nor a folder"):
        load_predictions(tmp_path / "predictions.csv")
    assert not caplog.records
    for name, count in (("a", 3), ("b", 4)):
        write_pts(tmp_path / "mixed" / f"{name}.pts", np.arange(2.0 * count).reshape(count, 2))
    with pytest.raises(DataError, match="faces with 3 and 4 points; evaluate them separately"):
        load_predictions(tmp_path / "mixed")


def test_points_that_look_like_missing_ones_are_reported(tmp_path, caplog):
    path = tmp_path / "points.csv"
    path.write_text("image,x0,y0,x1,y1\na.png,-1,-1,5,6\nb.png,3,4,0,0\nc.png,1,2,,\n", encoding="utf-8")
    load_predictions(path)
    assert f"{path}: 2 points are at exactly 0,0 or -1,-1; leave them empty if they are missing" in caplog.messages
