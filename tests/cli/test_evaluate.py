from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from facelattice import terminal
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation import background_auroc
from facelattice.formats import write_csv

MODEL = "ibug68-fast"


def test_table_names_metrics_and_protocol(run, faces):
    status, out, err = run("evaluate", MODEL, faces, "--protocol", "300w-pupil")
    assert (status, err) == (0, "")
    assert re.search(r"FR@8.*AUC@8", out)
    assert "Protocol: 300w-pupil. NME: inter-pupil" in out
    assert re.search(r"Rank correlation \(Spearman\) of expected and true errors: -?0\.\d+ over landmarks", out)


def test_progress_goes_to_stderr_without_a_terminal(run, faces, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
    status, out, err = run("evaluate", MODEL, faces, "--json")
    assert status == 0
    assert json.loads(out)["num_faces"] == 12
    assert re.fullmatch(r"(\d+/12 images  [\d.]+ images/s  \d+ s left\n){11}", err)


@pytest.mark.parametrize("box", ["annotation", "detector"])
def test_whole_300w_in_one_table(run, tree_300w, box):
    status, out, _ = run("evaluate", MODEL, tree_300w.name, "--box", box)
    assert status == 0
    assert f"{MODEL} on 300W, full" in out
    assert [row[:2] for row in re.findall(r"│ (\w+) +│ (\d+) ", out)] == [
        ("full", "3"), ("common", "2"), ("challenging", "1"),
    ]  # fmt: skip
    assert "Protocol: 300w. NME: inter-ocular" in out
    assert "FR@8: fraction of the faces with an NME above 8 %" in out


def test_offset_is_printed_in_words(run, faces, tmp_path):
    rows = [(str(s.path), s.points + np.array([2, -1]), s.mask) for s in read_samples(faces)]
    write_csv(tmp_path / "shifted.csv", rows)
    _, out, _ = run("evaluate", "shifted.csv", faces)
    assert re.search(r"Median offset from the annotation: \d\.\d+ % to the right, \d\.\d+ % up\.", out)


def test_json_and_report_have_the_same_metrics(run, faces, tmp_path, monkeypatch):
    monkeypatch.setattr(background_auroc, "NUM_SYNTHETIC", 1)
    status, out, err = run("evaluate", MODEL, faces, "--json", "--report", "report")
    assert status == 0
    result = json.loads((tmp_path / "report" / "result.json").read_text(encoding="utf-8"))
    assert json.loads(out) == result
    assert result["background_auroc"]["num_faces"] == 12
    assert "index.html" in err
    assert f"{100 * result['nme']:.2f} %" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "wlfw"], "unknown protocol 'wlfw'"),
        (["--protocol", "cofw"], "does not fit the 68 points of ibug68; choose one of 300w, 300w-pupil"),
        (["--box", "guess"], "unknown box source 'guess'; choose one of annotation, noisy, detector"),
        (["--subset", "train"], "train"),
        (["--report", "/dev/null/x"], "Not a directory"),
    ],
)
def test_wrong_option_is_one_line(run, faces, arguments, message):
    status, out, err = run("evaluate", MODEL, faces, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(tmp_path, faces):
    """Three images, of which one has two faces and one cannot be read, do not divide evenly."""
    pytest.importorskip("accelerate", reason="needs accelerate")
    for i in range(3):
        shutil.copy(faces / f"face{i:02}.png", tmp_path)
    (tmp_path / "face02.png").write_bytes(b"broken")
    samples = read_samples(faces)[:3]
    rows = [(s.path.name, s.points + off, s.mask) for s, off in zip([*samples, samples[0]], (0, 0, 0, 3), strict=True)]
    write_csv(tmp_path / "faces.csv", rows)
    arguments = ["-m", "facelattice", "evaluate", MODEL, str(tmp_path / "faces.csv"), "--box", "noisy", "--json"]
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    one, two = (
        subprocess.run([sys.executable, *start, *arguments], env=environment, capture_output=True, text=True)
        for start in ([], launcher)
    )
    assert (one.returncode, two.returncode) == (1, 1), two.stderr  # an image is unreadable
    results = [json.loads(done.stdout) for done in (one, two)]  # only the main process prints
    assert [result.pop("provenance")["num_processes"] for result in results] == [1, 2]
    assert results[0] == results[1]
    assert (results[0]["num_faces"], results[0]["num_missed"], len(results[0]["unreadable"])) == (4, 1, 1)


def test_unreadable_image_is_reported(run, faces, tmp_path):
    shutil.copy(faces / "face00.pts", tmp_path)
    (tmp_path / "face00.png").write_bytes(b"broken")
    status, out, err = run("evaluate", MODEL, tmp_path)
    assert status == 1
    assert "face00.png" in err
    assert np.array(re.search(r"all\W+(\d+)\W+(\d+)", out).groups(), int).tolist() == [1, 1]
