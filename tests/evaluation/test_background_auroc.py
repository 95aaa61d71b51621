from __future__ import annotations

import cv2
import numpy as np

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation import background_auroc
from facelattice.evaluation.background_auroc import SYNTHETIC_BACKGROUNDS, face_background_auroc, synthetic_background
from facelattice.evaluation.predict import Predictions, predict_samples
from facelattice.inference.aligner import FaceAligner


def test_score_separates_real_faces_from_background(shared_data, monkeypatch):
    monkeypatch.setattr(background_auroc, "NUM_SYNTHETIC", 5)
    samples = read_samples(shared_data / "300W" / "helen" / "trainset")[:10]
    aligner = FaceAligner("ibug68-fast")
    predictions = predict_samples(aligner, samples)
    result = face_background_auroc(aligner, samples, predictions)
    assert (result.num_faces, result.num_synthetic_backgrounds) == (10, 15)
    assert 5 <= result.num_photo_backgrounds <= 10
    assert result.auroc > 0.95
    assert result == face_background_auroc(aligner, samples, predictions)


def test_full_and_unreadable_photos_have_no_background(tmp_path, monkeypatch):
    monkeypatch.setattr(background_auroc, "NUM_SYNTHETIC", 1)
    cv2.imwrite(str(tmp_path / "full.png"), np.full((100, 100, 3), 90, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no image")
    corners = geometry.points_box(np.array([[0.0, 0], [99, 99]])).reshape(2, 2)
    points = np.concatenate([corners, np.full((66, 2), 50.0)])
    aligner = FaceAligner("ibug68-fast")
    scheme = aligner.model.scheme
    samples = [make_sample(tmp_path / f"{name}.png", points, scheme, name, name) for name in ("full", "broken")]
    result = face_background_auroc(aligner, samples, Predictions("none", scheme, "annotation", [None, None], []))
    assert (result.num_faces, result.num_photo_backgrounds, result.auroc, result.photo_auroc) == (0, 0, None, None)


def test_synthetic_backgrounds_have_the_named_texture():
    flat, noise, texture = (synthetic_background(kind, 3).astype(int) for kind in SYNTHETIC_BACKGROUNDS)
    assert np.ptp(flat, axis=(0, 1)).max() == 0
    assert (noise.min(), noise.max(), texture.min(), texture.max()) == (0, 255, 0, 255)
    rough, smooth = (np.abs(np.diff(image, axis=0)).mean() for image in (noise, texture))
    assert rough > 5 * smooth
    assert (synthetic_background("noise", 3) == noise).all()
    assert (synthetic_background("noise", 4) != noise).any()
