from __future__ import annotations

import pytest
from aims import ACCURACY, accuracy_lines, detector_lines, is_better, peer_lines, turned_lines


@pytest.fixture
def accuracy():
    """Results that reach every aim exactly, with the same failures for both kinds of boxes."""
    return {
        "accuracy": {
            "rows": [
                {
                    "model": model,
                    "data": "WFLW" if subset == "test" else "300W",
                    "subset": subset,
                    "boxes": boxes,
                    "nme": nme,
                    "failure_rate": 0.03,
                }
                for model, aims in ACCURACY.items()
                for subset, nme in aims.items()
                for boxes in ("annotation", "detector")
            ]
        }
    }


def test_an_aim_that_is_reached_exactly_is_met(accuracy):
    lines = list(accuracy_lines(accuracy))
    assert lines[0] == ("`ibug68`, 300-W full, NME", "3.25 %", "3.25 %", True)
    assert all(met for *_, met in [*lines, *detector_lines(accuracy)])


def test_one_failure_more_with_detected_boxes_is_missed(accuracy):
    for row in accuracy["accuracy"]["rows"]:
        row["failure_rate"] += 0.01 * (row["boxes"] == "detector")
    assert not any(met for *_, met in detector_lines(accuracy))


def test_turned_photos_are_compared_with_upright_ones():
    rows = [
        {"model": model, "boxes": boxes, "search": search, "roll": roll, "failure_rate": rate}
        for model in ACCURACY
        for boxes in ("annotation", "detector")
        for search, rates in (("default", (0.05, 0.06 if model == "ibug68" else 0.08)), ("no", (0.04, 0.9)))
        for roll, rate in zip((0.0, 45.0), rates, strict=True)
    ]
    lines = list(turned_lines({"turned_faces": {"rows": rows}}))
    assert lines[0] == (
        "`ibug68`, highest failure rate of photos turned by 0, 45 degrees, boxes: annotation",
        "7.0 %",
        "6.0 %",
        True,
    )
    assert [met for *_, met in lines] == [True, True, False, False, False, False]


def test_a_program_is_better_if_it_is_faster_and_more_accurate_on_as_many_faces():
    ours = {"set": "LFPW", "boxes": "detector", "ms": 5.0, "nme": 0.04, "num_found": 10}
    theirs = {**ours, "ms": 4.0, "nme": 0.03}
    assert is_better(theirs, ours)
    for change in (
        {"ms": 5.0},
        {"nme": 0.04},
        {"num_found": 9},
        {"set": "HELEN"},
        {"boxes": "annotation"},
        {"nme": None},
    ):
        assert not is_better({**theirs, **change}, ours)
    rows = [{"program": "ibug68", **ours}, {"program": "dlib", **theirs}]
    lines = list(peer_lines({"peers": {"rows": rows}}))
    assert [met for *_, met in lines] == [False, True, True]
    assert lines[0][2] == "dlib on LFPW, boxes: detector"
