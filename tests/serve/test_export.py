"""Export of landmarks: the formats, and data that cannot be written."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats import read_coco, read_csv, read_dlib_xml, read_pts
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import get_scheme
from facelattice.serve.export import export_faces
from facelattice.serve.jobs import ExportJob

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def face() -> Face:
    (face,) = FaceAligner("ibug68-fast")(PHOTO)
    return face


@pytest.fixture(scope="module")
def job(face) -> ExportJob:
    images = [{"image": "a.jpg", "width": 512, "height": 512, "faces": [face.to_dict(), face.to_dict()]}]
    return ExportJob(json.dumps({"images": images}).encode(), "ibug68-fast", "json")


def files(job: ExportJob, format: str, folder: Path) -> list[Path]:
    """Write the files of an export into a folder."""
    paths = []
    for file in json.loads(export_faces(replace(job, format=format), get_scheme("ibug68")))["files"]:
        paths.append(folder / file["name"])
        paths[-1].write_bytes(file["text"].encode() if "text" in file else base64.b64decode(file["base64"]))
    return paths


def test_tables_and_pts_can_be_read_again(job, face, tmp_path):
    points = np.round(face.points, 2)
    (table,) = files(job, "csv", tmp_path)
    np.testing.assert_allclose([row[1] for row in read_csv(table)], [points] * 2, atol=2e-3)
    (coco,) = files(job, "coco", tmp_path)
    assert json.loads(coco.read_text(encoding="utf-8"))["images"] == [
        {"id": 1, "file_name": "a.jpg", "height": 512, "width": 512}
    ]
    np.testing.assert_allclose([annotation.points for annotation in read_coco(coco)], [points] * 2, atol=2e-3)
    (xml,) = files(job, "dlib", tmp_path)
    np.testing.assert_allclose(read_dlib_xml(xml)[0].points, points, atol=0.51)
    first, second = files(job, "pts", tmp_path)
    assert (first.name, second.name) == ("a.pts", "a_1.pts")
    np.testing.assert_allclose(read_pts(first), points, atol=1e-3)


def test_masks(job, face, tmp_path):
    first, _ = files(replace(job, region="lips"), "masks", tmp_path)
    assert first.name == "a_0_lips.png"
    with Image.open(io.BytesIO(first.read_bytes())) as image:
        difference = np.abs(np.array(image, int) - face.mask("lips"))
    assert difference.mean() < 0.05


def test_pose_and_crop_of_moved_points(job, face):
    moved = face.to_dict()
    moved["points"] = np.add(moved["points"], [10, 0]).tolist()
    data = json.dumps({"images": [{"image": "a", "width": 512, "height": 512, "faces": [moved]}]}).encode()
    result = json.loads(export_faces(replace(job, data=data, template="arcface"), face.scheme))
    (found,) = result["images"][0]["faces"]
    assert result["size"] == 112
    np.testing.assert_allclose([found["pose"][k] for k in ("yaw", "roll")], [face.pose.yaw, face.pose.roll], atol=0.2)
    matrix = np.array(face.crop_matrix(template="arcface"))
    np.testing.assert_allclose(np.array(found["crop_matrix"])[:, :2], matrix[:, :2], atol=1e-3)
    np.testing.assert_allclose(found["box"][0], face.box[0] + 10, atol=0.02)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b'{"images": [{"image": "a", "width": 9, "height": 9}]}', r"images\[0\]: .*'faces' is missing"),
        (b'{"images": [{"image": "a", "width": 9, "height": 9, "faces": [{"points": [[1, 2]]}]}]}', r"shape \(68, 2\)"),
        (b'{"images": [{"image": "a", "width": 1e6, "height": 1e6, "faces": []}]}', "1000000 x 1000000"),
        (b'{"images": [{"image": "a", "width": 0, "height": 9, "faces": []}]}', "0 x 9"),
    ],
)
def test_wrong_data(face, data, message):
    with pytest.raises(FormatError, match=message):
        export_faces(ExportJob(data, "ibug68-fast", "csv"), face.scheme)


def test_points_that_are_not_finite(face):
    faces = [{"points": [[float("nan"), 1.0]] * 68}]
    data = json.dumps({"images": [{"image": "a", "width": 9, "height": 9, "faces": faces}]}).encode()
    with pytest.raises(FormatError, match="finite"):
        export_faces(ExportJob(data, "ibug68-fast", "pts"), face.scheme)


def test_route(client, job):
    response = client.post("/v1/export?model=ibug68-fast&format=csv", content=bytes(job.data))
    assert response.json()["files"][0]["text"].startswith("image,face,score,x0")
    response = client.post("/v1/export?model=ibug68-fast", content=b"no")
    assert (response.status_code, response.json()["detail"]) == (
        422,
        'expected JSON {"images": [...]}: JSONDecodeError',
    )
    assert client.get("/v1/export").status_code == 405
