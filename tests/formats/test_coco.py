from __future__ import annotations

import contextlib
import io
import os

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facelattice.exceptions import FormatError
from facelattice.formats import read_coco, write_coco
from facelattice.schemes import get_scheme


def test_pycocotools_read_and_evaluate_the_file(make_face, tmp_path):
    face, partial = make_face("ibug68"), make_face("ibug68", 80, missing=1)
    write_coco(tmp_path / "a.json", [("../in/a.jpg", [face, partial]), ("../in/b.jpg", [])])
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "a.json"))
        found = truth.loadRes(list(truth.anns.values()))
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.full(68, 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert (len(truth.imgs), len(truth.anns)) == (2, 2)
    assert truth.cats[1]["keypoints"] == list(get_scheme("ibug68").names)
    assert [1, 2] in truth.cats[1]["skeleton"]
    assert evaluation.stats[0] == 1  # the predictions equal the annotations


def test_round_trip(make_face, tmp_path):
    face, partial = make_face("ibug68"), make_face("ibug68", 80, missing=1)
    write_coco(tmp_path / "a.json", [("../in/a.jpg", [face, partial]), ("../in/b.jpg", [])])
    first, second = read_coco(tmp_path / "a.json")
    assert first.image == "../in/a.jpg"
    np.testing.assert_allclose(first.points, face.points, atol=6e-4)
    np.testing.assert_allclose(first.box, face.box, atol=2e-3)
    assert second.mask.tolist() == [False] + [True] * 67
    assert not second.hidden.any()


def test_two_schemes_in_one_file_are_rejected(make_face, tmp_path):
    with pytest.raises(FormatError, match=r"b.jpg: the scheme is ibug68, but five for the faces before"):
        write_coco(tmp_path / "a.json", [("a.jpg", [make_face()]), ("b.jpg", [make_face("ibug68")])])
    assert os.listdir(tmp_path) == []
