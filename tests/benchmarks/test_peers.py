from __future__ import annotations

import shutil

import cv2
import numpy as np
import peers
import pytest
from peer_programs import IBUG, BoxRule, Output, Program
from result import REQUIRED, read_results

from facelattice import geometry, metrics
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.evaluate import evaluate_predictions
from facelattice.evaluation.predict import predict_samples
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.exceptions import DataError
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import convert, get_scheme, mean_shape

MODEL = "ibug68-fast"


@pytest.fixture
def data(tree_300w):
    """A folder with a small 300-W and a WFLW of one face."""
    root = tree_300w.parent
    lists = root / "WFLW" / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (root / "WFLW" / "WFLW_images").mkdir()
    shutil.copy(tree_300w / "ibug" / "image_003_1.png", root / "WFLW" / "WFLW_images" / "a.png")
    points = mean_shape(get_scheme("wflw98")) * 50 + 20
    cells = [*points.ravel(), 0, 0, 90, 90, *[0] * 6, "a.png"]
    (lists / "list_98pt_rect_attr_test.txt").write_text(" ".join(map(str, cells)), encoding="utf-8")
    return root


@pytest.fixture
def helen(data) -> peers.FaceSet:
    return peers.load_set(data, "HELEN test", None)


def make_program(points: np.ndarray, boxes=(), ms: float = 1.0) -> Program:
    """A program that gives these points (K, N, 2) for any image."""
    output = Output(list(points), list(boxes), ms)
    return Program("fixed", "1", "none", IBUG, lambda image, box: output, lambda image: output)


def test_programs_are_measured_on_all_sets_and_boxes(data, tmp_path, capsys):
    peers.main(
        [
            str(data),
            "--only",
            MODEL,
            "--only",
            "face-api",
            "--json",
            str(tmp_path),
            "-o",
            str(tmp_path / "peers.svg"),
        ]
    )
    out, err = capsys.readouterr()
    assert "face-api is left out" in err
    assert "install it with: npm install" in err
    assert "| program | boxes | found | NME | median | FR@8 | AUC@8 | ms per face |" in out
    assert "WFLW subset as 68 points: 1 faces, protocol wflw (inter-ocular, 10 %)" in out
    result = read_results(tmp_path)["peers"]
    assert list(result) == [*REQUIRED[:-1], "programs", "left_out", "sets", "rows"]
    assert [(face_set["name"], face_set["num_faces"]) for face_set in result["sets"]] == [
        (name, 1) for name in peers.SETS
    ]
    assert [(row["set"], row["boxes"]) for row in result["rows"]] == [
        (name, boxes) for name in peers.SETS for boxes in ("annotation", "detector")
    ]
    assert "<svg" in (tmp_path / "peers.svg").read_text(encoding="utf-8")


def test_errors_in_annotated_boxes_are_those_of_evaluate(data, helen):
    rows = peers.measure([peers.load_facelattice(MODEL)], helen)
    samples = read_samples(data / "300W" / "helen" / "testset")
    # Not `evaluate`, which imitates the annotators of 300-W: the benchmark predicts with the mean of the styles.
    expected = evaluate_predictions(samples, predict_samples(FaceAligner(MODEL), samples), PROTOCOLS["300w"])
    assert rows[0].nme == rows[0].median_nme == pytest.approx(expected.nme, abs=1e-6)
    assert rows[0].auc == pytest.approx(expected.auc, abs=1e-5)
    assert rows[1].nme == pytest.approx(expected.nme, abs=0.02)
    assert all(row.ms > 0 for row in rows)


def test_summary_computed_by_hand(helen):
    nme = np.array([0.02, 0.03, 0.1, np.inf])
    row = peers.summarize(helen, "a", "detector", nme, np.array([1.0, 2, 3, 100]))
    assert (row.num_faces, row.num_found, row.nme, row.median_nme) == (4, 3, pytest.approx(0.05), 0.03)
    assert (row.failure_rate, row.ms) == (0.5, 2.5)
    assert row.auc == pytest.approx((0.75 + 0.625) / 4)
    assert peers.summarize(helen, "a", "detector", np.array([np.inf]), np.ones(1)).nme is None


def test_best_of_several_detected_faces_is_scored(helen):
    (sample,) = helen.samples
    _, matrix = peers.cut_view(cv2.imread(str(sample.path)), sample)
    truth = geometry.apply(matrix, sample.points)
    annotation, detector = peers.measure([make_program([truth + 500, truth + 1])], helen)
    eyes = np.linalg.norm(truth[36] - truth[45])
    assert (detector.num_found, detector.nme) == (1, pytest.approx(np.sqrt(2) / eyes, rel=1e-3))
    assert annotation.nme == pytest.approx(metrics.nme(truth + 500, sample.points, IBUG))  # however far
    _, missed = peers.measure([make_program([truth + 500])], helen)
    assert (missed.num_found, missed.nme, missed.failure_rate) == (0, None, 1)


def test_points_of_98_are_converted(helen):
    program = peers.load_facelattice("wflw98")
    points = mean_shape(program.scheme) * 10
    expected = convert(points, np.ones(98, bool), program.scheme, IBUG)[0]
    np.testing.assert_array_equal(peers.to_ibug(points, program), expected)
    assert expected.shape == (68, 2)


def test_faces_are_chosen_at_equal_distances(data, faces):
    folder = data / "300W" / "helen" / "testset"
    for i in range(8):
        for suffix in (".png", ".pts"):
            shutil.copy(faces / f"face{i:02}{suffix}", folder / f"20{i}_1{suffix}")
    chosen = peers.load_set(data, "HELEN test", 3)
    assert [sample.path.stem for sample in chosen.samples] == ["102_1", "202_1", "205_1"]
    assert chosen.protocol is PROTOCOLS["300w"]


def test_box_rule_is_the_median_of_detected_boxes(faces):
    samples = read_samples(faces)[:3]

    def detect(image: np.ndarray) -> Output:
        """Find the landmark box in the middle of the view, and give one that is higher, wider and moved up."""
        size = image.shape[0]
        side = size / peers.VIEW
        points = mean_shape(IBUG)
        points = (points - geometry.box_center(geometry.points_box(points))) * side + (size - 1) / 2
        center = geometry.box_center(geometry.points_box(points)) + np.array([0, -0.1 * side])
        half = np.array([0.6, 0.75]) * side
        return Output([points], [np.concatenate([center - half, center + half])], 1.0)

    rule = peers.fit_box_rule(Program("a", "1", "none", IBUG, None, detect), samples)
    assert (rule.width, rule.height) == (pytest.approx(1.2, abs=0.02), pytest.approx(1.5, abs=0.02))
    assert (rule.dx, rule.dy) == (pytest.approx(0, abs=0.02), pytest.approx(-0.1, abs=0.02))


def test_box_rule_computed_by_hand():
    box = BoxRule(dx=0.1, dy=-0.2, width=1.5, height=2).apply(np.array([0, 10, 40, 90.0]))
    assert box.tolist() == [20 + 8 - 60, 50 - 16 - 80, 20 + 8 + 60, 50 - 16 + 80]


def test_wrong_options(data, tmp_path):
    with pytest.raises(SystemExit):
        peers.main([str(data), "--faces", "0"])
    with pytest.raises(DataError, match="no such file or folder"):
        peers.main([str(tmp_path / "gone"), "--only", MODEL])
