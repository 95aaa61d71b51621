from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.evaluation import robustness_curves
from facelattice.evaluation.robustness import PERTURBATIONS
from facelattice.evaluation.robustness_curves import (
    CurvePoint,
    RobustnessCurves,
    compute_curves,
    curves_from_dict,
    draw_curves,
    group_by_label,
)
from facelattice.exceptions import ArgumentError, DataError, SchemeError
from facelattice.formats import write_csv


@pytest.fixture(scope="module")
def three(faces, tmp_path_factory) -> Path:
    """A folder of three faces."""
    folder = tmp_path_factory.mktemp("three")
    for path in sorted(faces.glob("face0[012].*")):
        shutil.copy(path, folder)
    return folder


def test_curves_of_a_model(three):
    curves = compute_curves({"ours": ["ibug68-fast"]}, three)
    assert (curves.num_faces, curves.box_source) == (3, "annotation")
    blur = [point.nme for point in curves.points if point.perturbation == "blur"]
    assert len(blur) == len(PERTURBATIONS["blur"])
    assert blur[-1] > blur[0]
    patch = {point.region for point in curves.points if point.perturbation == "patch: flat"}
    assert patch == {"all", "occluded", "visible"}
    assert sum(point.num_faces for point in curves.points if point.perturbation == "yaw") == 3


def test_checkpoints_of_one_label_are_averaged(write_recipe, three, tmp_path, monkeypatch):
    monkeypatch.setattr(robustness_curves, "PERTURBATIONS", {"blur": (0.03,)})
    training_run = pytest.importorskip("facelattice.training.training_run", reason="needs torch")
    runs = [str(training_run.train(write_recipe(epochs=1, seed=seed), [], tmp_path / str(seed))) for seed in (0, 1)]
    curves = compute_curves({"both": runs, "one": runs[:1]}, three)
    blurred = {point.model: point for point in curves.points if point.perturbation == "blur"}
    assert blurred["one"].std is None
    assert blurred["both"].std == pytest.approx(2**0.5 * abs(blurred["both"].nme - blurred["one"].nme), rel=1e-6)


def test_models_of_different_crop_sizes_give_their_own_curves(three, monkeypatch):
    monkeypatch.setattr(robustness_curves, "PERTURBATIONS", {"roll": (0.0, 180.0)})
    together = compute_curves({"large": ["ibug68"], "fast": ["ibug68-fast"]}, three)
    alone = compute_curves({"fast": ["ibug68-fast"]}, three)
    assert [point for point in together.points if point.model == "fast"] == alone.points
    upright, turned = (point.nme for point in alone.points if point.perturbation == "roll")
    assert upright < 0.1 < turned  # the network alone, without looks at the turned image


def test_models_of_different_schemes_are_an_error(three):
    with pytest.raises(DataError, match="the same scheme: ibug68 and wflw98 differ"):
        compute_curves({"a": ["ibug68-fast"], "b": ["wflw98"]}, three)


def test_faces_of_another_scheme_are_an_error(faces, tmp_path):
    points = np.random.default_rng(0).uniform(0, 9, (19, 2))
    write_csv(tmp_path / "19.csv", [(str(faces / "face00.png"), points, np.ones(19, bool))])
    with pytest.raises(SchemeError, match="aflw19 to ibug68"):
        compute_curves({"a": ["ibug68-fast"]}, tmp_path / "19.csv")


@pytest.fixture
def curves() -> RobustnessCurves:
    """Two runs of one model, at two levels of blur and two bins of yaw."""
    points = [CurvePoint(name, level, "ours", "all", 5, 0.03, 0.01) for name in ("blur", "yaw") for level in (0.0, 0.1)]
    return RobustnessCurves(5, 0, "annotation", points)


def test_curves_are_drawn(curves, tmp_path):
    draw_curves(curves, tmp_path / "curves.png")
    assert cv2.imread(str(tmp_path / "curves.png")).shape[1] > 1000


def test_curves_from_json_are_the_same(curves):
    assert curves_from_dict(json.loads(json.dumps(curves.to_dict()))) == curves


def test_models_without_a_label_are_named_by_their_file():
    models = ["a=one.pt", "ibug68", "a=two.pt", "folder/b.onnx"]
    assert group_by_label(models) == {"a": ["one.pt", "two.pt"], "ibug68": ["ibug68"], "b": ["folder/b.onnx"]}


def test_unknown_image_format_leaves_no_file(curves, tmp_path):
    with pytest.raises(ArgumentError, match=r"curves\.txt"):
        draw_curves(curves, tmp_path / "curves.txt")
    assert list(tmp_path.iterdir()) == []
