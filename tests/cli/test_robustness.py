from __future__ import annotations

import json
import shutil


def test_curves_and_values_are_written(run, faces, tmp_path):
    for path in faces.glob("face00.*"):
        shutil.copy(path, tmp_path)
    shutil.copy(tmp_path / "face00.pts", tmp_path / "broken.pts")
    (tmp_path / "broken.png").write_bytes(b"broken")
    status, out, err = run("robustness", "ours=ibug68-fast", "--data", tmp_path, "-o", "curves.svg")
    assert (status, err.count("broken.png: not an image")) == (1, 1)
    assert "written: curves.svg, curves.json" in out
    assert "patch: flat" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    curves = json.loads((tmp_path / "curves.json").read_text(encoding="utf-8"))
    assert curves["num_faces"] == 1
    assert {point["model"] for point in curves["points"]} == {"ours"}


def test_unknown_image_format_is_an_error_before_the_work(run):
    status, _, err = run("robustness", "no model", "--data", "no faces", "-o", "a.xyz")
    assert status == 2
    assert err.startswith("a.xyz: ")
