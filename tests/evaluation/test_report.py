from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.aligner import FaceAligner
from facelattice.data.sample import DataError
from facelattice.evaluation.report import evaluate

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def plain_pts(path: Path) -> np.ndarray:
    lines = path.read_text().splitlines()
    rows = [line.split() for line in lines[lines.index("{") + 1 : lines.index("}")]]
    return np.array(rows, dtype=float).astype(np.float32) - 1


@pytest.fixture
def eight(shared_data, tmp_path) -> Path:
    """Eight faces of HELEN's test part."""
    folder = tmp_path / "eight"
    folder.mkdir()
    for pts in sorted((shared_data / "300W" / "helen" / "testset").glob("*.pts"))[::20][:8]:
        for file in (pts, pts.with_suffix(".jpg")):
            shutil.copy(file, folder)
    return folder


def test_the_figures_are_those_worked_out_by_hand(eight):
    aligner, errors, expected = FaceAligner("ibug68"), [], []
    for pts in sorted(eight.glob("*.pts")):
        truth = plain_pts(pts)
        (face,) = aligner(pts.with_suffix(".jpg"), boxes=[[*truth.min(0), *truth.max(0)]])
        eyes = np.hypot(*(truth[36] - truth[45]))
        errors.append(np.hypot(*(face.points - truth).T).mean() / eyes)
        expected.append(face.errors.mean() / eyes)
    result = evaluate("ibug68", eight)
    assert (result["faces"], result["missed"], result["unreadable"]) == (8, 0, [])
    assert (result["box"], result["normaliser"]) == ("annotation", "inter-ocular")
    assert result["nme"] == pytest.approx(np.mean(errors), abs=1e-6)
    assert result["expected_nme"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert result["failure_rate"] == np.mean(np.array(errors) > 0.1)
    assert result["auc"] == pytest.approx(np.clip(1 - np.array(errors) / 0.1, 0, 1).mean(), abs=1e-5)
    assert [each["nme"] for each in result["each"]] == pytest.approx(errors, abs=1e-6)
    assert result["nme"] < 0.06  # and they are those of a model that works


def test_missed_faces_and_unreadable_pictures_are_failures(eight):
    before = evaluate("ibug68", eight, box="detector")
    assert before["missed"] == 0
    blank, broken = sorted(eight.glob("*.jpg"))[:2]
    cv2.imwrite(str(blank), np.full_like(cv2.imread(str(blank)), 128))
    broken.write_bytes(broken.read_bytes()[:100])
    result = evaluate("ibug68", eight, box="detector")
    assert (result["faces"], result["missed"]) == (8, 2)
    assert [each["nme"] is None for each in result["each"]] == [True, True] + [False] * 6
    assert len(result["unreadable"]) == 1
    assert str(broken) in result["unreadable"][0]
    found = [each["nme"] for each in before["each"]][2:]
    # The mean is over the faces found, failures and AUC are over all.
    assert result["nme"] == pytest.approx(np.mean(found))
    assert result["failure_rate"] == pytest.approx((2 + sum(error > 0.1 for error in found)) / 8)
    assert result["auc"] == pytest.approx(sum(max(0, 1 - error / 0.1) for error in found) / 8)


def test_a_face_that_is_found_elsewhere_is_missed(tmp_path):
    shutil.copy(PHOTO, tmp_path / "elsewhere.jpg")
    corner = "\n".join(f"{400 + i} {400 + i % 9}" for i in range(68))
    (tmp_path / "elsewhere.pts").write_text(f"version: 1\nn_points: 68\n{{\n{corner}\n}}\n")
    result = evaluate("ibug68", tmp_path, box="detector")
    assert (result["faces"], result["missed"], result["nme"], result["failure_rate"]) == (1, 1, None, 1.0)


def test_annotation_of_another_scheme_is_converted(shared_data):
    result = evaluate("ibug68", shared_data / "WFLW", subset="test")
    assert (result["faces"], result["subset"], result["missed"]) == (103, "test", 0)
    assert result["nme"] < 0.08


def test_wrong_use(tmp_path):
    with pytest.raises(ValueError, match="not 'guess'"):
        evaluate("ibug68", tmp_path, box="guess")
    with pytest.raises(DataError, match="no faces"):
        evaluate("ibug68", tmp_path)
    with pytest.raises(ValueError, match="no model is named"):
        evaluate("ibug86", tmp_path)
