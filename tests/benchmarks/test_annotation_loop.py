from __future__ import annotations

import json

import annotation_loop
import numpy as np
import pytest

POINTS = "36,39,42,45,30,48,54"


def test_work_with_mean_shapes(faces, tmp_path, capsys):
    arguments = [str(faces), "--points", POINTS, "--rounds", "12", "--json", str(tmp_path)]
    annotation_loop.main(arguments)  # a round after the last image is not trained
    first, second = (line for line in capsys.readouterr().out.splitlines() if line.startswith(("| mean", "| the loop")))
    assert first.removeprefix("| mean shape") == second.removeprefix("| the loop")
    result = json.loads(next(tmp_path.glob("*-annotation_loop_7_points.json")).read_text(encoding="utf-8"))
    row = result["rows"][0]
    images = result["images"]["mean shape"]
    assert len(images) == 12
    # In the first image, each point is dragged from the place that the page suggests without any face.
    assert (images[0]["corrections"], images[0]["boxes"]) == (7, 0)
    assert images[0]["seconds"] > 7 * annotation_loop.DRAG_START
    # The later ones are copies of one face, turned by up to 20 degrees.
    assert row["corrections"] == sum(image["corrections"] for image in images) <= 84
    assert row["by_round"] == [row["corrections"] / 12]
    assert 0 < row["nme"] < annotation_loop.TOLERANCE
    annotation_loop.draw_curve(result, tmp_path / "loop.svg")
    assert "<svg" in (tmp_path / "loop.svg").read_text(encoding="utf-8")


def test_seconds_of_a_drag_by_fitts_law():
    tolerance = 0.02
    distances = np.array([0.04, 0.12])  # one and three widths: one and two bits
    assert annotation_loop.drag_seconds(distances, tolerance) == pytest.approx(2 * 0.135 + 3 * 0.249)
    assert annotation_loop.drag_seconds(np.zeros(0), tolerance) == 0
