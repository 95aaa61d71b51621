from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import annotation_gap
import numpy as np
import pytest

from facelattice.datasets.sample import make_sample
from facelattice.evaluation.predict import FacePrediction, Predictions
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.evaluation.scores import Scores, compute_scores
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme, mean_shape

IBUG = get_scheme("ibug68")
UPRIGHT = mean_shape(IBUG).astype(float)
DISTANCE = UPRIGHT[45, 0] - UPRIGHT[36, 0]


def make_scores(*offsets: np.ndarray | None) -> Scores:
    """Scores of mean faces of different sizes, each turned by 90 degrees more than the one before.

    Args:
        *offsets: Offset of all or of each landmark in the upright face, in inter-ocular distances; None for a face that
            was not found.
    """
    samples, faces = [], []
    for i, offset in enumerate(offsets):
        matrix = 50 * (i + 1) / DISTANCE * np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), i)
        truth = UPRIGHT @ matrix.T + 300
        samples.append(make_sample(Path(f"{i}.png"), truth, IBUG, "", ""))
        moved = None if offset is None else FacePrediction(truth + DISTANCE * offset @ matrix.T, None)
        faces.append(moved)
    return compute_scores(samples, Predictions("m", IBUG, "annotation", faces, []), PROTOCOLS["300w"])


def test_offsets_are_in_the_axes_of_the_upright_face():
    gap = annotation_gap.measure_gap(make_scores(*[np.array([[0.01, 0.03]])] * 3, None))
    assert gap.offsets.shape == (3, 68, 2)  # the missed face is left out
    np.testing.assert_allclose(gap.offsets, np.broadcast_to([0.01, 0.03], (3, 68, 2)), atol=1e-5)
    np.testing.assert_allclose(gap.shape[[36, 45]], [[-0.5, 0], [0.5, 0]], atol=0.02)
    assert gap.shape[8, 1] > 1  # the chin is below the eyes


def test_rows_of_the_regions_computed_by_hand():
    wider = np.zeros((2, 68, 2))  # the jaw is wider and the mouth lower, by more in the second face
    wider[:, :17, 0] = 0.01 * np.sign(np.arange(17) - 8)
    wider[1, :17, 0] *= 3
    wider[:, 48:, 1] = np.array([0.02, 0.06])[:, None]
    rows = annotation_gap.summarize_regions(annotation_gap.measure_gap(make_scores(*wider)))
    regions = {row["region"]: row for row in rows}
    assert [(row["region"], row["num_landmarks"]) for row in rows] == [
        ("jaw", 17), ("brow", 10), ("nose", 9), ("eye", 12), ("mouth", 20), ("all", 68),
    ]  # fmt: skip
    # The chin has no outer side: 16 of the 17 landmarks of the jaw move.
    jaw, mouth = regions["jaw"], regions["mouth"]
    np.testing.assert_allclose([jaw["outwards"], jaw["down"]], [0.02 * 16 / 17, 0], atol=1e-5)
    np.testing.assert_allclose(jaw["outwards_standard_error"], 0.01 * 16 / 17, atol=1e-5)  # of 1 % and 3 %
    np.testing.assert_allclose([mouth["down"], mouth["down_standard_error"]], [0.04, 0.02], atol=1e-5)
    np.testing.assert_allclose([mouth["mean_length"], mouth["nme"]], 0.04, atol=1e-5)
    np.testing.assert_allclose(mouth["nme_without_offsets"], 0.02, atol=1e-5)
    np.testing.assert_allclose(regions["all"]["nme"], (17 * jaw["nme"] + 20 * 0.04) / 68, atol=1e-5)
    np.testing.assert_allclose([regions["eye"]["outwards"], regions["eye"]["nme"]], 0, atol=1e-5)


def test_landmarks_that_the_dataset_lacks_are_left_out():
    scores = make_scores(*[np.array([[0.01, 0.0]])] * 2)
    scores.truth[:, 1:16:2] = np.nan
    scores.truth[:, 27:36] = np.nan
    rows = annotation_gap.summarize_regions(annotation_gap.measure_gap(scores))
    assert [(row["region"], row["num_landmarks"]) for row in rows] == [
        ("jaw", 9), ("brow", 10), ("eye", 12), ("mouth", 20), ("all", 51),
    ]  # fmt: skip
    assert rows[0]["nme"] == pytest.approx(0.01, abs=1e-5)


def test_faces_that_cannot_be_measured():
    with pytest.raises(DataError, match="1 of 2 faces have eyes and a prediction; two are needed"):
        annotation_gap.measure_gap(make_scores(np.zeros((1, 2)), None))
    scores = make_scores(np.zeros((1, 2)), np.zeros((1, 2)))
    eyeless = dataclasses.replace(scores, scheme=dataclasses.replace(IBUG, ocular=None))
    with pytest.raises(DataError, match="ibug68: the scheme names no outer eye corners"):
        annotation_gap.measure_gap(eyeless)


def test_table_picture_and_file(faces, tmp_path, capsys):
    picture = tmp_path / "gap.svg"
    annotation_gap.main(["ibug68-fast", str(faces), "-o", str(picture), "--json", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ibug68-fast: 12 of 12 faces of {faces.name}, annotated boxes"
    assert lines[4].startswith("| jaw | 17 | ")
    result = json.loads(next(tmp_path.glob("*-annotation_gap.json")).read_text(encoding="utf-8"))
    rows = {row["region"]: row for row in result["rows"]}
    assert rows["all"]["nme"] == pytest.approx(0.0173, abs=0.001)
    assert rows["jaw"]["mean_length"] == pytest.approx(0.0192, abs=0.001)
    assert rows["all"]["nme_without_offsets"] < rows["all"]["nme"]
    assert len(result["landmarks"]) == 68
    assert "5 times longer" in picture.read_text(encoding="utf-8")
