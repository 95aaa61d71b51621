from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facelattice import geometry
from facelattice.cli import app
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation.robustness import CHANGES, cover, measure, turn
from facelattice.evaluation.robustness_curves import curves, draw
from facelattice.exceptions import DataError
from facelattice.formats import write_csv
from facelattice.schemes import get_scheme
from facelattice.training.trainer import train

SIZE, MARGIN = 64, 1.3
ROW = {"model": "ours", "part": "all", "level": 0.0, "nme": 0.03, "deviation": None, "faces": 5}


def test_a_patch_hides_exactly_the_share_of_the_landmarks():
    rng = np.random.default_rng(0)
    points, mask = rng.uniform(0, 100, (68, 2)), np.ones(68, bool)
    mask[:8] = False
    for share, count in ((0.0, 0), (0.1, 6), (0.3, 18), (0.6, 36), (1.0, 60)):
        box, hidden = cover(points, mask, share, np.random.default_rng(1))
        assert hidden.sum() == count
        assert not hidden[~mask].any()
        inside = ((points >= box[:2]) & (points <= box[2:])).all(1) & mask
        assert (inside == hidden).all() or count == 0


def test_a_face_hidden_more_is_hidden_at_the_same_place():
    points, mask = np.random.default_rng(0).uniform(0, 100, (68, 2)), np.ones(68, bool)
    few, many = (cover(points, mask, share, np.random.default_rng(5)) for share in (0.2, 0.4))
    np.testing.assert_allclose(geometry.box_center(few[0]), geometry.box_center(many[0]))
    assert (many[1] | ~few[1]).all()


def test_the_turn_of_a_head_by_hand():
    scheme = get_scheme("five")  # eyes, nose, corners of the mouth
    mirror = list(scheme.mirror)
    nose = mirror.index(2) if mirror[2] == 2 else pytest.fail("the nose is no longer point 2")
    frontal = np.array([[0, 0], [10, 0], [5, 5], [2, 10], [8, 10]], float)
    sample = make_sample(Path("a.png"), frontal, scheme, "a", "here")
    assert turn(sample) == pytest.approx(0)
    turned = frontal.copy()
    turned[nose, 0] += 2  # of a largest distance of 10
    assert turn(make_sample(Path("a.png"), turned, scheme, "a", "here")) == pytest.approx(0.2)
    matrix = geometry.crop_transform(np.array([0, 0, 10, 10.0]), 100, 1.0, rotation=30)
    tilted = geometry.apply(matrix, turned)
    assert turn(make_sample(Path("a.png"), tilted, scheme, "a", "here")) == pytest.approx(0.2, abs=1e-5)


def knows_nothing(crops: np.ndarray) -> np.ndarray:
    return np.full((len(crops), 68, 2), (crops.shape[1] - 1) / 2)


def test_a_guess_at_the_middle_has_the_error_of_the_box_and_patches_split_it(faces):
    samples = read_samples(faces)
    (plain,) = measure([knows_nothing], samples, SIZE, MARGIN)
    for i, sample in enumerate(samples):
        middle = geometry.box_center(sample.box)
        eyes = np.linalg.norm(sample.points[36] - sample.points[45])
        expected = np.linalg.norm(sample.points - middle, axis=1).mean() / eyes
        assert plain.all[i] == pytest.approx(expected, abs=1e-5)
    (patched,) = measure([knows_nothing], samples, SIZE, MARGIN, "patch: face", 0.3)
    np.testing.assert_allclose(patched.all, plain.all)
    np.testing.assert_allclose((20 * patched.hidden + 48 * patched.visible) / 68, patched.all, rtol=1e-5)
    assert np.isnan(plain.hidden).all()


@pytest.mark.parametrize("change", list(CHANGES))
def test_every_change_changes_the_crops_the_same_way_each_time(change, faces):
    samples, seen = read_samples(faces), []

    def look(crops: np.ndarray) -> np.ndarray:
        seen.append(crops)
        return knows_nothing(crops)

    level = CHANGES[change][2]
    measure([look], samples, SIZE, MARGIN)
    measure([look], samples, SIZE, MARGIN, change, level)
    measure([look], samples, SIZE, MARGIN, change, level)
    measure([look], samples, SIZE, MARGIN, change, 0.0)
    plain, changed, again, not_at_all = seen
    assert (np.abs(changed.astype(int) - plain).reshape(len(samples), -1).max(1) > 3).all()
    np.testing.assert_array_equal(changed, again)
    np.testing.assert_allclose(not_at_all, plain, atol=1)


def test_the_patch_lies_over_the_hidden_points_and_not_the_others(faces):
    samples, seen = read_samples(faces), []

    def look(crops: np.ndarray) -> np.ndarray:
        seen.append(crops.astype(int))
        return knows_nothing(crops)

    fine = 512  # a pixel must be smaller than the gaps between landmarks
    measure([look], samples, fine, MARGIN)
    measure([look], samples, fine, MARGIN, "patch: flat", 0.3)
    for i, sample in enumerate(samples):
        _, hidden = cover(sample.points, sample.mask, 0.3, np.random.default_rng([0, i]))
        matrix = geometry.crop_transform(sample.box, fine, MARGIN)
        x, y = np.round(geometry.apply(matrix, sample.points)).astype(int).clip(0, fine - 1).T
        touched = (seen[0][i] != seen[1][i]).any(-1)[y, x]
        assert touched[hidden].mean() > 0.95
        assert touched[~hidden].mean() < 0.05  # those within half a pixel of its edge


def test_sunglasses_hide_the_eyes(faces):
    samples = read_samples(faces)
    (plain,) = measure([knows_nothing], samples, 512, MARGIN)
    (worn,) = measure([knows_nothing], samples, 512, MARGIN, "worn", 1)
    np.testing.assert_allclose(worn.all, plain.all)
    for i, sample in enumerate(samples):
        distance = np.linalg.norm(sample.points - geometry.box_center(sample.box), axis=1)
        distance /= np.linalg.norm(sample.points[36] - sample.points[45])
        # The eyes and, where the glasses are large, some of the brows and the nose beside them.
        assert distance[36:48].min() <= worn.hidden[i] <= distance[[*range(17, 28), *range(36, 48)]].max()


def test_an_unreadable_image_has_no_error_and_the_others_do(faces, tmp_path):
    samples = read_samples(faces)[:3]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    samples[1] = make_sample(broken, samples[1].points, samples[1].scheme, "broken", "here")
    (errors,) = measure([knows_nothing], samples, SIZE, MARGIN, "patch: face", 0.2)
    assert np.isfinite(errors.all).tolist() == [True, False, True]


def test_an_unknown_change_names_those_there_are(faces):
    with pytest.raises(ValueError, match=r"one of patch: flat, .*not 'rain'"):
        measure([knows_nothing], read_samples(faces), SIZE, MARGIN, "rain")


def test_robustness_end_to_end(faces, tmp_path):
    result = CliRunner().invoke(
        app, ["robustness", "ours=ibug68", "--data", str(faces), "-o", str(tmp_path / "curves.png")]
    )
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(tmp_path / "curves.png")).shape[1] > 1000
    rows = json.loads((tmp_path / "curves.json").read_text())["curves"]
    blur = [row["nme"] for row in rows if row["change"] == "blur"]
    assert len(blur) == len(CHANGES["blur"])
    assert blur[-1] > blur[0]
    assert {row["part"] for row in rows if row["change"] == "patch: flat"} == {"all", "hidden", "visible"}
    assert {row["model"] for row in rows} == {"ours"}


def test_what_cannot_be_drawn_is_said_before_the_work(tmp_path):
    result = CliRunner().invoke(app, ["robustness", "no model", "--data", "no faces", "-o", str(tmp_path / "a.xyz")])
    assert result.exit_code == 2
    assert "a.xyz: cannot draw" in result.output


def test_checkpoints_of_one_label_are_runs_with_other_seeds(write_recipe, faces, tmp_path):
    runs = [str(train(write_recipe(epochs=1, seed=seed), [], tmp_path / str(seed))) for seed in (0, 1)]
    rows = curves({"both": runs, "one": runs[:1]}, faces)["curves"]
    blurred = {row["model"]: row for row in rows if (row["change"], row["level"]) == ("blur", 0.03)}
    assert blurred["one"]["deviation"] is None
    assert blurred["both"]["deviation"] == pytest.approx(
        2**0.5 * abs(blurred["both"]["nme"] - blurred["one"]["nme"]), rel=1e-6
    )
    with pytest.raises(DataError, match=r"the same crops .* ibug68, 64 px x 1.3 is not ibug68, 256 px x 1.3"):
        curves({"one": runs[:1], "bundled": ["ibug68"]}, faces)


def test_a_image_of_a_kind_that_cannot_be_drawn_leaves_no_file(faces, tmp_path):
    with pytest.raises(ValueError, match=r"curves\.txt: cannot draw"):
        draw({"curves": [{**ROW, "change": "blur"}, {**ROW, "change": "turn"}]}, tmp_path / "curves.txt")
    assert list(tmp_path.iterdir()) == []


def test_faces_of_another_scheme_are_an_error(tmp_path):
    write_csv(tmp_path / "19.csv", [("a.png", np.random.default_rng(0).uniform(0, 9, (19, 2)), np.ones(19, bool))])
    with pytest.raises(ValueError, match="no conversion from aflw19 to ibug68"):
        curves({"a": ["ibug68"]}, tmp_path / "19.csv")
