from __future__ import annotations

import json
import time

import numpy as np
import pytest

from facelattice.annotate.project import UNTOUCHED, Project
from facelattice.annotate.round_recipe import choose_val_fraction, recipe_text
from facelattice.annotate.shapes import write_scheme
from facelattice.annotate.table import FaceAnnotation
from facelattice.annotate.training_job import TrainingJob, read_val_nme
from facelattice.datasets.sampling import split_validation
from facelattice.exceptions import TrainingError
from facelattice.formats import read_pts
from facelattice.schemes import SCHEMES, Scheme
from facelattice.training.recipe_file import load_recipe

IDS = [17, 21, 22, 26, 36, 39, 42, 45, 30, 48, 54, 8]


@pytest.fixture
def project(tmp_path, faces):
    """Twelve images with 12 points each; the first six are done."""
    scheme = Scheme.from_dict({"name": "twelve", "points": [SCHEMES["ibug68"].names[i] for i in IDS]})
    project = Project(tmp_path / "my points.csv", scheme, sorted(faces.glob("*.png")))
    for index in range(6):
        points = read_pts(project.records[index].path.with_suffix(".pts"))[IDS]
        face = FaceAnnotation(points, np.zeros(12, bool))
        project.update(index, UNTOUCHED, [face], done=True)
    yield project
    project.close()


def test_the_recipe_is_that_of_the_base_with_the_points_of_the_project(project, tmp_path):
    out = tmp_path / "my points-training" / "round-1"
    text = recipe_text(out, project.table, project.scheme, "ibug68-fast", 40, project.done_samples())
    assert text.startswith('# 6 faces, written by facelattice annotate\nname: "my points"\nscheme: "scheme.yaml"\n')
    write_scheme(out / "scheme.yaml", project.scheme)
    (out / "recipe.yaml").write_text(text, encoding="utf-8")
    recipe = load_recipe(out / "recipe.yaml")
    assert (recipe.name, recipe.init_from, recipe.epochs) == ("my points", "ibug68-fast", 40)
    assert [(source.path, source.repeat) for source in recipe.data] == [(str(project.table), 21)]
    network = recipe.network
    assert (network.backbone, network.max_stride, network.depth, network.k) == ("mobilenetv2_100", 16, 2, 3)
    assert network.annotation_styles == []
    job = TrainingJob(project, "ibug68-fast", print)
    assert job.next_recipe() == text.replace("epochs: 40", f"epochs: {job.default_epochs()}")
    own = recipe_text(out, project.table, SCHEMES["five"], str(tmp_path / "mine.onnx"), 40, project.done_samples())
    assert 'scheme: "five"' in own
    assert 'init_from: "../../mine.onnx"' in own


def test_both_sides_of_the_split_have_faces(project):
    samples = project.done_samples()
    fraction = choose_val_fraction(samples)
    train, val = split_validation(samples, fraction)
    assert len(train) >= 3
    assert len(val) >= 1
    assert choose_val_fraction(samples[:1] * 6) is None


def test_reasons_not_to_train(project, tmp_path, faces):
    empty = Project(tmp_path / "empty.csv", project.scheme, sorted(faces.glob("*.png")))
    job = TrainingJob(empty, "ibug68-fast", lambda path: None)
    assert job.blocked_reason() == "Training needs 5 faces in images that are done; there are 0."
    with pytest.raises(TrainingError, match="needs 5 faces"):
        job.start(1)
    assert not job.folder.exists()
    empty.close()
    job = TrainingJob(project, "ibug68-fast", lambda path: None)
    assert (job.blocked_reason(), job.default_epochs()) == ("", 48)


@pytest.mark.slow
def test_a_failed_round_says_why(project, tmp_path):
    job = TrainingJob(project, "ibug68-fast", lambda path: None)
    project.table.write_text("image\n", encoding="utf-8")
    job.start(1)
    while job.status().state == "training":
        time.sleep(0.05)
    status = job.status()
    assert (status.state, status.round) == ("failed", 1)
    assert "my points.csv, line 1: there are no points" in status.message
    job.close()


def test_closing_ends_the_round(project):
    job = TrainingJob(project, "ibug68-fast", lambda path: None)
    job.start(500)
    with pytest.raises(TrainingError, match="training runs already"):
        job.start(500)
    job.close()
    assert job.status().state in ("failed", "idle")
    assert not job.model_path.exists()
    scheme = (job.folder / "round-1" / "scheme.yaml").read_text(encoding="utf-8")
    assert json.loads(scheme.splitlines()[1].removeprefix("points: "))[0] == "left_brow_0"


def test_the_log_of_a_run(tmp_path):
    assert read_val_nme(tmp_path / "log.csv") == []
    (tmp_path / "log.csv").write_text("epoch,val_nme\n1,0.5\n2,0.25\n", encoding="utf-8")
    assert read_val_nme(tmp_path / "log.csv") == [0.5, 0.25]
