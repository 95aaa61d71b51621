from __future__ import annotations

import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.compare import compare
from facelattice.exceptions import DataError
from facelattice.formats import write_csv


@pytest.fixture
def write(faces, tmp_path):
    """Predictions that are off by so many pixels on each face; None leaves the face out."""

    def write(name: str, offs) -> str:
        rows = [
            (str(s.path), s.points + off, s.mask)
            for s, off in zip(read_samples(faces), offs, strict=True)
            if off is not None
        ]
        write_csv(tmp_path / name, rows)
        return str(tmp_path / name)

    return write


def test_win_loss_and_tie(faces, write):
    near, far = write("near.csv", [0.1] * 12), write("far.csv", [0.5] * 12)
    won = compare(near, far, faces)["parts"]["all"]["nme"]
    assert won["verdict"] == "win"
    eyes = np.mean([np.sqrt(2) / np.linalg.norm(s.points[36] - s.points[45]) for s in read_samples(faces)])
    assert won["difference"] == pytest.approx(-0.4 * eyes, rel=1e-2)
    assert won["low"] <= won["difference"] <= won["high"] < 0
    lost = compare(far, near, faces)["parts"]["all"]["nme"]
    assert (lost["verdict"], lost["difference"]) == ("loss", -won["difference"])
    mixed = write("mixed.csv", [0.1, 0.9] * 6)
    assert compare(mixed, far, faces)["parts"]["all"]["nme"]["verdict"] == "tie"


def test_missed_faces_are_failures_and_no_part_of_the_mean(faces, write):
    result = compare(write("a.csv", [None] * 6 + [0.2] * 6), write("b.csv", [20.0] * 3 + [0.2] * 9), faces)
    part = result["parts"]["all"]
    assert result["missed"] == {"a": 6, "b": 0}
    assert part["nme"]["a"] == part["nme"]["b"]
    assert (part["failure_rate"]["a"], part["failure_rate"]["b"]) == (0.5, 0.25)
    assert part["failure_rate"]["verdict"] == "tie"


def test_a_model_against_points_in_a_file(faces, write):
    result = compare("ibug68", write("exact.csv", [0.0] * 12), faces, box="noisy", seed=3)
    assert (result["a"], result["points"], result["parts"]["all"]["nme"]["verdict"]) == ("ibug68", 68, "loss")
    assert "seed 3" in result["box"]["a"]
    assert result["box"]["b"] == "predictions"


def test_schemes_meet_in_the_points_that_both_know(shared_data, tmp_path):
    wflw = shared_data / "WFLW"
    samples = read_samples(wflw, "test")
    write_csv(tmp_path / "exact.csv", [(str(s.path), s.points, s.mask) for s in samples])
    result = compare("ibug68", str(tmp_path / "exact.csv"), wflw, subset="test")
    assert (result["scheme"], result["points"], result["protocol"]) == ("ibug68", 68, "wflw")
    assert {"all", "pose", "blur"} <= set(result["parts"])
    assert result["parts"]["pose"]["nme"]["verdict"] == "loss"


def test_hidden_points_apart(shared_data, tmp_path):
    cofw = shared_data / "coco-json" / "cofw"
    samples = read_samples(cofw)
    for name, off in (("a.csv", 1.0), ("b.csv", 2.0)):
        write_csv(tmp_path / name, [(str(s.path), s.points + off, s.mask) for s in samples])
    parts = compare(str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), cofw)["parts"]
    assert parts["hidden points"]["nme"]["verdict"] == parts["visible points"]["nme"]["verdict"] == "win"


def test_nothing_in_common(faces, write):
    with pytest.raises(DataError, match=r"share no point on a face|no face on which both give points"):
        compare(write("a.csv", [0.1] * 6 + [None] * 6), write("b.csv", [None] * 6 + [0.1] * 6), faces)
