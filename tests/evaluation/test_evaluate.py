from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation import background_auroc
from facelattice.evaluation.evaluate import evaluate, evaluate_predictions
from facelattice.evaluation.predict import FacePrediction, Predictions
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.evaluation.result import EvaluationResult
from facelattice.exceptions import ArgumentError, DataError, ModelError
from facelattice.formats import write_csv, write_pts
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme, get_scheme, mean_shape

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
MODEL = "ibug68-fast"


def parse_pts(path: Path) -> np.ndarray:
    """Read a .pts file without the code under test; its pixels count from 1."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines[lines.index("{") + 1 : lines.index("}")]]
    return np.array(rows, dtype=float).astype(np.float32) - 1


@pytest.fixture(scope="module")
def eight(shared_data, tmp_path_factory) -> Path:
    """Eight faces of the HELEN test set."""
    folder = tmp_path_factory.mktemp("eight")
    photos = sorted((shared_data / "300W" / "helen" / "testset").glob("*.jpg"))
    for photo in photos[:160:20]:
        shutil.copy(photo, folder)
        shutil.copy(photo.with_suffix(".pts"), folder)
    return folder


@pytest.fixture(scope="module")
def eight_result(eight) -> EvaluationResult:
    return evaluate(MODEL, eight, box="detector")


def test_metrics_equal_those_computed_with_numpy(eight):
    aligner = FaceAligner(Model(find_model(MODEL), annotation_style="300-W"))  # the style of the protocol
    errors, expected = [], []
    for pts in sorted(eight.glob("*.pts")):
        truth = parse_pts(pts)
        (face,) = aligner(pts.with_suffix(".jpg"), boxes=[[*truth.min(0), *truth.max(0)]])
        eye_distance = np.hypot(*(truth[36] - truth[45]))
        errors.append(np.hypot(*(face.points - truth).T).mean() / eye_distance)
        expected.append(face.expected_errors.mean() / eye_distance)
    result = evaluate(MODEL, eight)
    assert (result.num_faces, result.num_missed, result.predictions.unreadable) == (8, 0, [])
    assert (result.box_source, str(result.protocol)) == ("annotation", "300w (inter-ocular, 8 %)")
    assert result.nme == pytest.approx(np.mean(errors), abs=1e-6)
    assert result.expected_nme == pytest.approx(np.mean(expected), abs=1e-6)
    assert result.failure_rate == np.mean(np.array(errors) > 0.08)
    assert result.auc == pytest.approx(np.clip(1 - np.array(errors) / 0.08, 0, 1).mean(), abs=1e-5)
    assert [face.nme for face in result.faces] == pytest.approx(errors, abs=1e-6)
    assert result.nme < 0.06


def test_missed_faces_and_unreadable_images_are_failures(eight, eight_result, tmp_path):
    folder = shutil.copytree(eight, tmp_path / "eight")
    assert eight_result.num_missed == 0
    blank, broken = sorted(folder.glob("*.jpg"))[:2]
    cv2.imwrite(str(blank), np.full_like(cv2.imread(str(blank)), 128))
    broken.write_bytes(broken.read_bytes()[:100])
    result = evaluate(MODEL, folder, box="detector")
    assert (result.num_faces, result.num_missed) == (8, 2)
    assert [face.nme is None for face in result.faces] == [True, True] + [False] * 6
    (message,) = result.predictions.unreadable
    assert str(broken) in message
    found = [face.nme for face in eight_result.faces][2:]
    # The NME is the mean over the faces found; failure rate and AUC are over all faces.
    assert result.nme == pytest.approx(np.mean(found))
    assert result.failure_rate == pytest.approx((2 + sum(error > 0.08 for error in found)) / 8)
    assert result.auc == pytest.approx(sum(max(0, 1 - error / 0.08) for error in found) / 8)


def test_whole_300w_is_full_common_and_challenging(tree_300w):
    result = evaluate(MODEL, tree_300w)
    assert (result.subset, str(result.protocol)) == ("full", "300w (inter-ocular, 8 %)")
    assert {name: row.num_faces for name, row in result.table.items()} == {"full": 3, "common": 2, "challenging": 1}
    nme = {Path(face.image).parent.relative_to(tree_300w).as_posix(): face.nme for face in result.faces}
    assert set(nme) == {"helen/testset", "lfpw/testset", "ibug"}  # no training faces
    assert result.nme == pytest.approx(np.mean(list(nme.values())))
    assert result.subsets["common"].nme == pytest.approx((nme["helen/testset"] + nme["lfpw/testset"]) / 2)
    assert result.subsets["challenging"].nme == pytest.approx(nme["ibug"])
    values = json.loads(json.dumps(result.to_dict()))
    assert (values["subset"], list(values["subsets"])) == ("full", ["common", "challenging"])
    assert values["subsets"]["challenging"]["ced"][-1] == [0.08, float(nme["ibug"] <= 0.08)]


def test_chosen_subset_of_300w_is_kept(tree_300w):
    result = evaluate(MODEL, tree_300w, subset="train")
    assert (result.subset, list(result.table), result.num_faces) == ("train", ["train"], 3)


def test_wrong_protocol_is_an_error_before_the_work(faces):
    def never(items):
        raise AssertionError("no image may be read")

    with pytest.raises(DataError, match="does not fit the 68 points"):
        evaluate(MODEL, faces, protocol="wflw", progress=never)


def test_result_is_plain_json(faces):
    result = evaluate(MODEL, faces)
    values = json.loads(json.dumps(result.to_dict()))
    assert (values["model"], values["num_faces"], values["nme"]) == (MODEL, 12, result.nme)
    assert values["protocol"]["name"] == "inter-ocular"
    assert len(values["points"]) == 68
    assert values["faces"][0]["image"].endswith("face00.png")


def test_offset_is_the_median_shift_of_each_point(faces, tmp_path):
    samples = read_samples(faces)
    shifts = np.tile(np.float32([2, -1]), (len(samples), 1))
    shifts[0] = 12, 9  # one outlier does not change a median
    points = np.stack([sample.points for sample in samples]) + shifts[:, None]
    points[:, 6, 0] += 1
    mask = np.arange(68) != 5
    write_csv(tmp_path / "shifted.csv", [(str(s.path), p, mask) for s, p in zip(samples, points, strict=True)])
    result = evaluate(str(tmp_path / "shifted.csv"), faces)
    sizes = np.array([np.hypot(*(s.points[36] - s.points[45])) for s in samples])
    assert result.points[4].offset == pytest.approx(np.median(shifts / sizes[:, None], 0), abs=1e-4)
    assert result.points[5].offset == (None, None)
    assert result.points[6].offset == pytest.approx(
        np.median((shifts + np.array([1, 0])) / sizes[:, None], 0), abs=1e-4
    )
    assert result.offset == pytest.approx(np.mean([p.offset for p in result.points if None not in p.offset], 0))


def test_noisy_boxes_depend_on_the_seed(faces):
    first, again, other = (evaluate(MODEL, faces, "noisy", seed=seed) for seed in (0, 0, 1))
    assert first.nme == again.nme != other.nme
    assert "shift 0.05, scale 0.1, seed 1" in other.box_source


def test_face_found_elsewhere_is_missed(tmp_path):
    shutil.copy(PHOTO, tmp_path / "elsewhere.jpg")
    write_pts(tmp_path / "elsewhere.pts", np.array([[400 + i, 400 + i % 9] for i in range(68)], float))
    result = evaluate(MODEL, tmp_path, box="detector")
    assert (result.num_faces, result.num_missed, result.nme, result.failure_rate) == (1, 1, None, 1.0)


def test_annotation_of_another_scheme_is_converted(shared_data):
    result = evaluate(MODEL, shared_data / "WFLW")
    assert (result.num_faces, result.subset, result.num_missed, result.protocol.name) == (103, "test", 0, "wflw")
    assert result.nme < 0.08
    assert result.subsets["occlusion"].num_faces == 34
    assert list(result.table) == ["test", "pose", "expression", "illumination", "make-up", "occlusion", "blur"]


def test_face_with_all_points_on_a_line_is_left_out(faces, tmp_path):
    folder = shutil.copytree(faces, tmp_path / "faces")
    line = np.column_stack([np.full(68, 50), np.arange(68)])
    line[45] = line[36]  # otherwise the eyes would define a normalizing distance
    write_pts(folder / "face03.pts", line)
    result = evaluate(MODEL, folder)
    assert (result.num_faces, result.num_unmeasurable, result.num_missed) == (12, 1, 0)


def test_visibility_auroc_by_hand():
    scheme = get_scheme("five")
    points = mean_shape(scheme) * 100
    points[4] = np.nan  # hidden by the face itself: a flag, but no place
    hidden, visible = np.array([0, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 0], bool)
    face = make_sample(Path("a.png"), points, scheme, "a", "here", hidden=hidden, visible=visible)
    everywhere = np.nan_to_num(points).astype(np.float32)
    predicted = FacePrediction(everywhere, None, np.array([0.9, 0.8, 0.7, 0.0, 0.1]))
    result = evaluate_predictions([face], Predictions("x", scheme, "predictions", [predicted], []), PROTOCOLS["box"])
    # The visible points have 0.9 and 0.7: one is above the 0.8 of the occluded point, both are above 0.1.
    assert dataclasses.astuple(result.visibility_auroc) == (0.5, 1.0, 1, 1, 2)
    assert result.to_dict()["visibility_auroc"]["self_occluded"] == 1.0
    without = FacePrediction(everywhere, None)
    result = evaluate_predictions([face], Predictions("x", scheme, "predictions", [without], []), PROTOCOLS["box"])
    assert result.visibility_auroc is None


def test_occluded_and_visible_points_are_measured_separately():
    occluded, scheme = np.arange(68) < 17, get_scheme("ibug68")
    points = mean_shape(scheme) * 100
    face = make_sample(Path("a.png"), points, scheme, "a", "here", hidden=occluded)
    line = make_sample(Path("b.png"), np.stack([np.arange(68.0), np.zeros(68)], 1), scheme, "b", "here")
    shift = np.where(occluded[:, None], 2.0, 1.0) * np.array([1.0, 0.0])
    predicted = [FacePrediction((face.points + shift).astype(np.float32), None), FacePrediction(line.points, None)]
    predictions = Predictions("x", scheme, "predictions", predicted, [])
    result = evaluate_predictions([face, line], predictions, PROTOCOLS["cofw68"])
    assert (result.num_faces, result.num_unmeasurable, result.num_missed) == (2, 1, 0)
    size = np.sqrt(np.prod(np.ptp(points, axis=0)))
    assert result.occluded.nme == pytest.approx(2 / size, rel=1e-5)
    assert result.visible.nme == pytest.approx(1 / size, rel=1e-5)
    assert result.nme == pytest.approx((17 * 2 + 51) / 68 / size, rel=1e-5)


def test_failures_in_the_uncertain_decile_computed_by_hand(tmp_path):
    """Four of twenty faces are failures. The two with the largest expected error are one failure and one good face."""
    scheme = Scheme.from_dict({"name": "pair", "points": ["a", "b"]})
    truth = np.array([[0.0, 0], [100, 100]])
    samples = [make_sample(tmp_path / f"{i}.png", truth, scheme, str(i), str(i)) for i in range(20)]
    shifts, expected = np.zeros(20), np.ones(20)
    shifts[:4], expected[[0, 10]] = 30, (9, 8)
    faces = [FacePrediction(truth + s, np.full(2, e)) for s, e in zip(shifts, expected, strict=True)]
    result = evaluate_predictions(samples, Predictions("a", scheme, "annotation", faces, []), PROTOCOLS["box"])
    assert result.failure_rate == 4 / 20
    assert result.failures_in_uncertain_decile == pytest.approx(1 / 4)
    without = [FacePrediction(face.points, None) for face in faces]
    result = evaluate_predictions(samples, Predictions("a", scheme, "annotation", without, []), PROTOCOLS["box"])
    assert (result.failures_in_uncertain_decile, result.rank_correlation) == (None, None)


def test_background_auroc_is_optional(faces, monkeypatch):
    monkeypatch.setattr(background_auroc, "NUM_SYNTHETIC", 1)
    assert evaluate(MODEL, faces).background_auroc is None
    result = evaluate(MODEL, faces, with_background_auroc=True).background_auroc
    assert (result.num_faces, result.num_synthetic_backgrounds) == (12, 3)


def test_wrong_arguments(faces, tmp_path):
    with pytest.raises(ArgumentError, match="unknown box source 'guess'; choose one of annotation, noisy, detector"):
        evaluate(MODEL, tmp_path, box="guess")
    with pytest.raises(ArgumentError, match=r"contains predictions; --box is only for models"):
        evaluate(str(faces), faces, "detector")
    with pytest.raises(DataError, match=str(tmp_path)):
        evaluate(MODEL, tmp_path)
    with pytest.raises(ModelError, match="ibug86"):
        evaluate("ibug86", tmp_path)
