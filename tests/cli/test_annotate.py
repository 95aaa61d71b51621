from __future__ import annotations

import json

import pytest

from facelattice.cli.annotate import _is_dataset, _read_dataset
from facelattice.schemes import get_scheme


@pytest.mark.parametrize(("arguments", "message"), [
    (["photos"], "which points? Give their number or names (--points 12"),
    (["photos", "--points", "3", "--scheme", "five"], "give either --points or --scheme"),
    (["photos", "--points", "0"], "points: the number must be from 1 to"),
    (["photos", "--points", "a,b,a"], "'a' occurs 2 times"),
    (["photos", "--scheme", "none"], "unknown point scheme 'none'"),
    (["photos", "--model", "none"], "no model is named 'none'"),
    (["photos", "--model", "ibug68-fast", "--scheme", "five"], "ibug68-fast has 68 points (ibug68), but five has 5"),
    (["photos", "--points", "3", "-o", "points.json"], "the table is a .csv file"),
    (["nothing", "--points", "3"], "no such file"),
    (["points.csv", "--points", "3"], "is the table of --out already"),
    (["photos/bad.jpg", "--points", "2", "-o", "other.csv"], "other.csv: its faces have 1 points, but other has 2"),
])  # fmt: skip
def test_mistakes(run, folder, tmp_path, arguments, message):
    (tmp_path / "points.csv").write_text("image,x0,y0\nphotos/ann.jpg,1,2\n", encoding="utf-8")
    (tmp_path / "other.csv").write_text("image,x0,y0\nphotos/ann.jpg,1,2\n", encoding="utf-8")
    status, _, err = run("annotate", *arguments)
    assert status == 2
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_the_scheme_of_the_command_line_is_a_file(run, folder, tmp_path, monkeypatch):
    """The command ends because its port is in use, after it has written the scheme."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, _, err = run("annotate", "photos", "--points", "left_eye, right_eye,nose", "--port", port)
        assert status == 2
        assert f"port {port} is in use; give another --port" in err
        scheme = get_scheme(tmp_path / "points.yaml")
        assert (scheme.names, scheme.pairs) == (("left_eye", "right_eye", "nose"), ((0, 1),))
        status, _, err = run("annotate", "photos", "--points", "4", "--port", port)
        assert "points.yaml has 3 points, not 4: give another --out" in " ".join(err.replace("│", " ").split())


def test_what_align_found_is_corrected(run, folder, tmp_path):
    """Also the images in which it found no face. The command ends because its port is in use."""
    import socket

    found = tmp_path / "found"
    found.mkdir()
    face = {"scheme": "five", "points": [[k, 2 * k] for k in range(5)], "expected_errors": [1] * 5}
    for name, faces in (("ann.jpg", [face]), ("wall.png", [])):
        text = json.dumps({"image": f"../{folder.name}/{name}", "faces": faces})
        (found / name).with_suffix(".json").write_text(text, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        status, _, err = run("annotate", "found", "--port", server.getsockname()[1])
    assert (status, "is in use" in err) == (2, True)
    assert not _is_dataset([str(found)], get_scheme("ibug68"))  # the points of another scheme are annotated
    scheme, given = _read_dataset(found, None, tmp_path / "points.csv")
    assert scheme.name == "five"
    assert [(path.name, len(faces)) for path, faces in given.items()] == [("ann.jpg", 1), ("wall.png", 0)]
