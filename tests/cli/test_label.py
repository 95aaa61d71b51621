from __future__ import annotations

from importlib import import_module
from pathlib import Path

import cv2
import numpy as np

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.formats import read_csv, write_csv
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import convert, get_scheme

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_labels_of_a_folder_can_be_trained_on(run, folder, tmp_path):
    status, out, err = run("label", folder, "-o", tmp_path / "labels.csv")
    assert status == 1  # one image could not be read
    assert "bad.jpg" in err
    assert "2 faces in 4 images" in out
    rows = read_csv(tmp_path / "labels.csv")
    assert sorted(image for image, _, _ in rows) == ["photos/ann.jpg", "photos/more/ann.png"]
    (plain, mirrored) = (points for _, points, _ in sorted(rows, key=lambda row: len(row[0])))
    width, mirror = load_image(PHOTO).shape[1], get_scheme("ibug68").mirror
    off = mirrored[mirror] * [-1, 1] + [width - 1, 0] - plain
    assert np.nanmean(np.hypot(*off.T)) < 2  # of a face of about 110 px
    assert len(read_samples(tmp_path / "labels.csv")) == 2


def test_a_table_of_five_points_gets_68_points(run, folder, tmp_path):
    (face,) = FaceAligner()(folder / "ann.jpg")
    five, _ = convert(face.points, np.ones(68, bool), get_scheme("ibug68"), get_scheme("five"))
    write_csv(tmp_path / "five.csv", [("photos/ann.jpg", five, np.ones(5, bool))])
    status, out, err = run("label", tmp_path / "five.csv", "-o", tmp_path / "labels.csv")
    assert (status, err) == (0, "")
    assert "1 face of 1 annotated face" in out
    ((image, points, mask),) = read_csv(tmp_path / "labels.csv")
    assert image == "photos/ann.jpg"
    assert points.shape == (68, 2)
    assert np.linalg.norm(points - face.points, axis=1)[mask].max() < 10


def test_nothing_is_written_without_a_face(run, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 300), 90, np.uint8))
    status, _, err = run("label", "wall.png", "-o", "labels.csv")
    assert status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["wall.png"]
    assert "no face in 1 image has consistent predictions" in err


def test_stop_keeps_the_labels_so_far(run, tmp_path, monkeypatch):
    def label_one(aligner, images, on_error):
        yield PHOTO, np.ones((68, 2)), np.ones(68, bool)
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("facelattice.training.pseudo_labels"), "label_images", label_one)
    status, _, err = run("label", PHOTO, "-o", tmp_path / "labels.csv")
    assert (status, err) == (130, f"stopped; {tmp_path / 'labels.csv'} has the labels so far\n")
    assert len(read_csv(tmp_path / "labels.csv")) == 1
