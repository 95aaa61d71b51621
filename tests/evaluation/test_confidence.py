"""Whether a face's score tells it from none, and whether the unsure faces are the bad ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation.confidence import SYNTHETIC_BACKGROUNDS, paint, presence
from facelattice.evaluation.evaluate import assess, run
from facelattice.evaluation.predict import Answer, Predictions, ask
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import Scheme


def test_real_faces_are_told_from_none(shared_data, tmp_path):
    folder = shared_data / "300W" / "helen" / "trainset"
    samples = read_samples(folder)[:20]
    aligner = FaceAligner("ibug68")
    answers = ask(aligner, samples)
    result = presence(aligner, samples, answers)
    assert (result["faces"], result["painted"]) == (20, 60)
    assert 10 <= result["beside"] <= 20
    assert result["auroc"] > 0.95
    assert result == presence(aligner, samples, answers)


def test_a_photo_full_of_faces_and_one_that_cannot_be_read_have_no_place_beside(tmp_path):
    cv2.imwrite(str(tmp_path / "full.png"), np.full((100, 100, 3), 90, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no image")
    whole = geometry.points_box(np.array([[0.0, 0], [99, 99]])).reshape(2, 2)
    points = np.concatenate([whole, np.full((66, 2), 50.0)])
    scheme = FaceAligner("ibug68").model.scheme
    samples = [make_sample(tmp_path / f"{name}.png", points, scheme, name, name) for name in ("full", "broken")]
    answers = Predictions("none", scheme, "annotation", [None, None], [])
    result = presence(FaceAligner("ibug68"), samples, answers)
    assert (result["faces"], result["beside"], result["auroc"], result["auroc_beside"]) == (0, 0, None, None)


def test_painted_images_are_what_they_say():
    flat, noise, texture = (paint(kind, 3).astype(int) for kind in SYNTHETIC_BACKGROUNDS)
    assert np.ptp(flat, axis=(0, 1)).max() == 0
    assert (noise.min(), noise.max(), texture.min(), texture.max()) == (0, 255, 0, 255)
    rough, smooth = (np.abs(np.diff(image, axis=0)).mean() for image in (noise, texture))
    assert rough > 5 * smooth
    assert (paint("noise", 3) == noise).all()
    assert (paint("noise", 4) != noise).any()


def test_the_share_of_the_failures_among_the_unsure_by_hand(tmp_path):
    """Twenty faces, four of them failures; the two with the largest expected error are a failure and a good one."""
    scheme = Scheme.from_dict({"name": "pair", "points": ["a", "b"]})
    truth = np.array([[0.0, 0], [100, 100]])
    samples = [make_sample(tmp_path / f"{i}.png", truth, scheme, str(i), str(i)) for i in range(20)]
    shifts, expected = np.zeros(20), np.ones(20)
    shifts[:4], expected[[0, 10]] = 30, (9, 8)
    each = [Answer((truth + s).astype(np.float32), np.full(2, e)) for s, e in zip(shifts, expected, strict=True)]
    result = assess(samples, Predictions("a", scheme, "annotation", each, []), PROTOCOLS["box"], {}).result
    assert result["failure_rate"] == 4 / 20
    assert result["unsure_tenth"] == pytest.approx(1 / 4)
    silent = [Answer(answer.points, None) for answer in each]
    result = assess(samples, Predictions("a", scheme, "annotation", silent, []), PROTOCOLS["box"], {}).result
    assert result["unsure_tenth"] is None


def test_a_run_measures_presence_only_if_asked(faces):
    assert run("ibug68", faces).result["presence"] is None
    result = run("ibug68", faces, with_presence=True).result["presence"]
    assert (result["faces"], result["painted"]) == (12, 60)
