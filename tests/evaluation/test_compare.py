from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.compare import compare
from facelattice.exceptions import DataError
from facelattice.formats import write_csv


@pytest.fixture
def write(faces, tmp_path) -> Callable[[str, Sequence[float | None]], str]:
    """Write the annotation shifted by some pixels in x and y, one number for each face; None leaves out the face."""

    def write_shifted(name: str, shifts: Sequence[float | None]) -> str:
        rows = [
            (str(sample.path), sample.points + shift, sample.mask)
            for sample, shift in zip(read_samples(faces), shifts, strict=True)
            if shift is not None
        ]
        write_csv(tmp_path / name, rows)
        return str(tmp_path / name)

    return write_shifted


def test_win_loss_and_tie(faces, write):
    near, far = write("near.csv", [0.1] * 12), write("far.csv", [0.5] * 12)
    won = compare(near, far, faces).subsets["all"].nme
    assert won.verdict == "win"
    unit = np.mean([np.sqrt(2) / np.linalg.norm(s.points[36] - s.points[45]) for s in read_samples(faces)])
    assert won.difference == pytest.approx(-0.4 * unit, rel=1e-2)
    assert won.low <= won.difference <= won.high < 0
    lost = compare(far, near, faces).subsets["all"].nme
    assert (lost.verdict, lost.difference) == ("loss", -won.difference)
    assert compare(write("mixed.csv", [0.1, 0.9] * 6), far, faces).subsets["all"].nme.verdict == "tie"


def test_missed_faces_count_as_failures_only(faces, write):
    result = compare(write("a.csv", [None] * 6 + [0.2] * 6), write("b.csv", [20.0] * 3 + [0.2] * 9), faces)
    assert (result.a.num_missed, result.b.num_missed) == (6, 0)
    metrics = result.subsets["all"]
    assert metrics.nme.a == metrics.nme.b
    assert (metrics.failure_rate.a, metrics.failure_rate.b) == (0.5, 0.25)
    assert metrics.failure_rate.verdict == "tie"


def test_model_against_predictions(faces, write):
    result = compare("ibug68-fast", write("exact.csv", [0.0] * 12), faces, box="noisy", seed=3)
    assert (result.a.name, result.num_points, result.subsets["all"].nme.verdict) == ("ibug68-fast", 68, "loss")
    assert "seed 3" in result.a.box_source
    assert result.b.box_source == "predictions"
    assert json.loads(json.dumps(result.to_dict()))["subsets"]["all"]["nme"]["verdict"] == "loss"


def test_schemes_are_compared_in_their_common_points(shared_data, tmp_path):
    wflw = shared_data / "WFLW"
    rows = [(str(s.path), s.points, s.mask) for s in read_samples(wflw, "test")]
    write_csv(tmp_path / "exact.csv", rows)
    result = compare("ibug68-fast", str(tmp_path / "exact.csv"), wflw, subset="test")
    assert (result.scheme, result.num_points, result.protocol.name) == ("ibug68", 68, "wflw")
    assert {"all", "pose", "blur"} <= set(result.subsets)
    assert result.subsets["pose"].nme.verdict == "loss"


def test_occluded_and_visible_landmarks_are_compared_separately(shared_data, tmp_path):
    cofw = shared_data / "coco-json" / "cofw"
    for name, shift in (("a.csv", 1.0), ("b.csv", 2.0)):
        write_csv(tmp_path / name, [(str(s.path), s.points + shift, s.mask) for s in read_samples(cofw)])
    result = compare(str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), cofw)
    assert result.occluded.nme.verdict == result.visible.nme.verdict == "win"
    assert result.occluded.failure_rate is None


def test_programs_without_a_common_face_are_an_error(faces, write):
    a, b = write("a.csv", [0.1] * 6 + [None] * 6), write("b.csv", [None] * 6 + [0.1] * 6)
    with pytest.raises(DataError, match=r"a\.csv and b\.csv share no landmark on any face"):
        compare(a, b, faces)
