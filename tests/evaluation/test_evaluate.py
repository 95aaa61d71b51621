from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facelattice.cli import app
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.evaluate import evaluate
from facelattice.exceptions import DataError
from facelattice.formats import write_csv, write_pts
from facelattice.inference.aligner import FaceAligner

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def plain_pts(path: Path) -> np.ndarray:
    lines = path.read_text().splitlines()
    rows = [line.split() for line in lines[lines.index("{") + 1 : lines.index("}")]]
    return np.array(rows, dtype=float).astype(np.float32) - 1


@pytest.fixture
def eight(shared_data, tmp_path) -> Path:
    """Eight faces of HELEN's test part."""
    folder = tmp_path / "eight"
    folder.mkdir()
    for pts in sorted((shared_data / "300W" / "helen" / "testset").glob("*.pts"))[::20][:8]:
        for file in (pts, pts.with_suffix(".jpg")):
            shutil.copy(file, folder)
    return folder


def test_the_figures_are_those_worked_out_by_hand(eight):
    aligner, errors, expected = FaceAligner("ibug68"), [], []
    for pts in sorted(eight.glob("*.pts")):
        truth = plain_pts(pts)
        (face,) = aligner(pts.with_suffix(".jpg"), boxes=[[*truth.min(0), *truth.max(0)]])
        eyes = np.hypot(*(truth[36] - truth[45]))
        errors.append(np.hypot(*(face.points - truth).T).mean() / eyes)
        expected.append(face.expected_errors.mean() / eyes)
    result = evaluate("ibug68", eight)
    assert (result["faces"], result["missed"], result["unreadable"]) == (8, 0, [])
    assert (result["box"], result["normalizer"]) == ("annotation", "inter-ocular")
    assert result["nme"] == pytest.approx(np.mean(errors), abs=1e-6)
    assert result["expected_nme"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert result["failure_rate"] == np.mean(np.array(errors) > 0.1)
    assert result["auc"] == pytest.approx(np.clip(1 - np.array(errors) / 0.1, 0, 1).mean(), abs=1e-5)
    assert [each["nme"] for each in result["each"]] == pytest.approx(errors, abs=1e-6)
    assert result["nme"] < 0.06  # and they are those of a model that works


def test_the_command_gives_what_ten_lines_of_numpy_give(shared_data, tmp_path):
    data = shared_data / "300W" / "helen" / "testset"
    report = tmp_path / "out"
    assert CliRunner().invoke(app, ["evaluate", "ibug68", str(data), "--report", str(report)]).exit_code == 0
    aligner, errors = FaceAligner("ibug68"), []
    for pts in sorted(data.glob("*.pts")):
        truth = plain_pts(pts)
        (face,) = aligner(pts.with_suffix(".jpg"), boxes=[[*truth.min(0), *truth.max(0)]])
        distances = np.sqrt(((face.points - truth) ** 2).sum(1))
        errors.append(distances.mean() / np.sqrt(((truth[36] - truth[45]) ** 2).sum()))
    result = json.loads((report / "result.json").read_text())
    assert (len(errors), result["faces"]) == (157, 157)
    assert result["nme"] == pytest.approx(np.mean(errors), abs=1e-6)
    assert result["failure_rate"] == np.mean(np.array(errors) > 0.08)
    assert f"{100 * result['nme']:.2f} %" in (report / "index.html").read_text()


def test_two_processes_measure_what_one_does(tmp_path, faces):
    """Of three images, one has two faces and one cannot be read: nothing divides."""
    for i in range(3):
        shutil.copy(faces / f"face{i:02}.png", tmp_path)
    (tmp_path / "face02.png").write_bytes(b"broken")
    samples = read_samples(faces)[:3]
    rows = [(s.path.name, s.points + off, s.mask) for s, off in zip([*samples, samples[0]], (0, 0, 0, 3), strict=True)]
    write_csv(tmp_path / "faces.csv", rows)
    arguments = ["-m", "facelattice", "evaluate", "ibug68", str(tmp_path / "faces.csv"), "--box", "noisy", "--json"]
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    one, two = (
        subprocess.run([sys.executable, *start, *arguments], env=environment, capture_output=True, text=True)
        for start in ([], launch)
    )
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    one_result, two_result = json.loads(one.stdout), json.loads(two.stdout)  # one line: only one process prints
    assert (one_result.pop("made")["processes"], two_result.pop("made")["processes"]) == (1, 2)
    assert one_result == two_result
    assert (one_result["faces"], one_result["missed"], len(one_result["unreadable"])) == (4, 1, 1)


def test_offsets_are_those_that_were_put_in(faces, tmp_path):
    samples = read_samples(faces)
    off = np.tile(np.float32([2, -1]), (len(samples), 1))
    off[0] = 12, 9  # one face that is far off moves no median
    points = np.stack([s.points for s in samples]) + off[:, None]
    points[:, 6, 0] += 1
    mask = np.tile(np.arange(68) != 5, (len(samples), 1))
    write_csv(tmp_path / "moved.csv", [(str(s.path), p, m) for s, p, m in zip(samples, points, mask, strict=True)])
    result = evaluate(str(tmp_path / "moved.csv"), faces)
    sizes = np.array([np.hypot(*(s.points[36] - s.points[45])) for s in samples])
    each = [point["offset"] for point in result["per_point"]]
    assert each[4] == pytest.approx(np.median(off / sizes[:, None], 0), abs=1e-4)
    assert each[5] == [None, None]
    assert each[6] == pytest.approx(np.median((off + np.array([1, 0])) / sizes[:, None], 0), abs=1e-4)
    assert result["offset"] == pytest.approx(np.mean([e for e in each if None not in e], 0))
    output = CliRunner().invoke(app, ["evaluate", str(tmp_path / "moved.csv"), str(faces)]).output
    x, y = result["offset"]
    assert f"points lie {100 * x:.2f} % right of and {-100 * y:.2f} % above the annotation" in " ".join(output.split())


def test_noisy_boxes_depend_on_the_seed_alone(faces):
    once, again, other = (evaluate("ibug68", faces, "noisy", seed=seed)["nme"] for seed in (0, 0, 1))
    assert once == again != other
    assert "shift 0.05, growth 0.1, seed 1" in evaluate("ibug68", faces, "noisy", seed=1)["box"]


def test_evaluating_needs_no_torch(faces, tmp_path):
    script = (
        "import sys; from facelattice.cli import app\n"
        f"app(['evaluate', 'ibug68', {str(faces)!r}, '--report', {str(tmp_path)!r}], standalone_mode=False)\n"
        "assert not {'torch', 'accelerate'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "wlfw"], "unknown protocol 'wlfw'"),
        (["--box", "guess"], "boxes come from one of annotation, noisy, detector"),
        (["--subset", "train"], "no subset 'train' here"),
        (["--report", "/dev/null/x"], "Not a directory"),
    ],
)
def test_a_users_mistake_is_one_line(faces, arguments, message):
    result = CliRunner().invoke(app, ["evaluate", "ibug68", str(faces), *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_the_tables_of_both_verbs(faces, tmp_path):
    write_csv(tmp_path / "exact.csv", [(str(s.path), s.points, s.mask) for s in read_samples(faces)])
    result = CliRunner().invoke(app, ["evaluate", "ibug68", str(faces), "--protocol", "300w-pupil"])
    assert result.exit_code == 0
    assert "inter-pupil" in result.output
    assert "Failures: over 8 %" in result.output
    result = CliRunner().invoke(app, ["compare", "ibug68", str(tmp_path / "exact.csv"), str(faces)])
    assert result.exit_code == 0
    assert "loss" in result.output
    result = CliRunner().invoke(app, ["compare", "ibug68", "ibug68", str(faces), "--json"])
    assert json.loads(result.output)["parts"]["all"]["nme"]["difference"] == 0


def test_missed_faces_and_unreadable_images_are_failures(eight):
    before = evaluate("ibug68", eight, box="detector")
    assert before["missed"] == 0
    blank, broken = sorted(eight.glob("*.jpg"))[:2]
    cv2.imwrite(str(blank), np.full_like(cv2.imread(str(blank)), 128))
    broken.write_bytes(broken.read_bytes()[:100])
    result = evaluate("ibug68", eight, box="detector")
    assert (result["faces"], result["missed"]) == (8, 2)
    assert [each["nme"] is None for each in result["each"]] == [True, True] + [False] * 6
    assert len(result["unreadable"]) == 1
    assert str(broken) in result["unreadable"][0]
    found = [each["nme"] for each in before["each"]][2:]
    # The mean is over the faces found, failures and AUC are over all.
    assert result["nme"] == pytest.approx(np.mean(found))
    assert result["failure_rate"] == pytest.approx((2 + sum(error > 0.1 for error in found)) / 8)
    assert result["auc"] == pytest.approx(sum(max(0, 1 - error / 0.1) for error in found) / 8)


def test_a_face_that_is_found_elsewhere_is_missed(tmp_path):
    shutil.copy(PHOTO, tmp_path / "elsewhere.jpg")
    corner = "\n".join(f"{400 + i} {400 + i % 9}" for i in range(68))
    (tmp_path / "elsewhere.pts").write_text(f"version: 1\nn_points: 68\n{{\n{corner}\n}}\n")
    result = evaluate("ibug68", tmp_path, box="detector")
    assert (result["faces"], result["missed"], result["nme"], result["failure_rate"]) == (1, 1, None, 1.0)


def test_annotation_of_another_scheme_is_converted(shared_data):
    result = evaluate("ibug68", shared_data / "WFLW", subset="test")
    assert (result["faces"], result["subset"], result["missed"]) == (103, "test", 0)
    assert result["nme"] < 0.08


def test_a_face_whose_points_are_on_a_line_takes_no_part_and_stops_nothing(faces, tmp_path):
    folder = shutil.copytree(faces, tmp_path / "faces")
    line = np.column_stack([np.full(68, 50), np.arange(68)])
    line[45] = line[36]  # else the eyes would be a size
    write_pts(folder / "face03.pts", line)
    result = evaluate("ibug68", folder)
    assert (result["faces"], result["not_measurable"], result["missed"]) == (12, 1, 0)


def test_wrong_use(tmp_path):
    with pytest.raises(ValueError, match="boxes come from one of annotation, noisy, detector, not from 'guess'"):
        evaluate("ibug68", tmp_path, box="guess")
    with pytest.raises(DataError, match="not a data set; looked for"):
        evaluate("ibug68", tmp_path)
    with pytest.raises(ValueError, match="no model is named"):
        evaluate("ibug86", tmp_path)
