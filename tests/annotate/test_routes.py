"""The requests of the page, and what is rejected."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from facelattice.annotate.app import create_app
from facelattice.annotate.project import UNTOUCHED, Project
from facelattice.annotate.session import Session
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.schemes import get_scheme

FACE = {"points": [[10, 20], [30.5, 20], None, [15, 40], [25, 40]], "hidden": [False, True, False, False, False]}


@pytest.fixture
def client(tmp_path, photos):
    project = Project(tmp_path / "points.csv", get_scheme("five"), sorted(photos.glob("*.png")))
    session = Session(project, None, "ibug68-fast")
    with TestClient(create_app(session), base_url="http://127.0.0.1") as client:
        yield client


def put(client, image=0, version=UNTOUCHED, done=True, faces=(FACE,)):
    return client.put(f"/api/images/{image}", json={"version": version, "done": done, "faces": list(faces)})


def test_images_and_their_faces(client, tmp_path):
    image = client.get("/api/images/0").json()
    assert (image["width"], image["height"], image["version"], len(image["faces"])) == (280, 240, UNTOUCHED, 1)
    pixels = cv2.imdecode(np.frombuffer(client.get("/api/images/0/image").content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (240, 280, 3)
    small = cv2.imdecode(np.frombuffer(client.get("/api/images/0/thumbnail").content, np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (82, 96, 3)
    saved = put(client).json()
    assert saved["faces"][0]["points"] == FACE["points"]
    assert put(client).status_code == 409
    assert put(client, version=saved["version"], done=False).status_code == 200
    project = client.get("/api/project").json()
    assert [entry["faces"] for entry in project["images"][:2]] == [1, None]
    assert project["scheme"]["editable"] is False


def test_export(client, tmp_path):
    put(client)
    put(client, image=1, done=False)
    for kind, name in (("coco", "landmarks.json"), ("dlib", "landmarks.xml"), ("csv", "landmarks.csv")):
        (file,) = client.post("/api/export", json={"format": kind}).json()
        assert file == str(tmp_path / f"points-{kind}" / name)
    (sample,) = read_samples(tmp_path / "points-coco" / "landmarks.json")
    assert sample.mask.tolist() == [True, True, False, True, True]
    assert sample.hidden.tolist() == [False, True, False, False, False]
    for kind, message in (
        ("json", "holds finite points"),
        ("pts", "holds finite points"),
        ("png", "format=png: must be "),
    ):
        response = client.post("/api/export", json={"format": kind})
        assert (response.status_code, message in response.json()["detail"]) == (422, True)


def test_wrong_requests(client, tmp_path):
    one, far = {"points": [[1, 2], *[None] * 4], "hidden": [False] * 5}, {**FACE, "points": [[1e9, 0], *[[0, 0]] * 4]}
    short = {"points": [[1, 2], [3, 4]], "hidden": [False, False]}
    for faces, message in (([one], "at least two points"), ([far], "too far"), ([short], "a face needs 5 points")):
        response = put(client, faces=faces)
        assert (response.status_code, message in response.json()["detail"]) == (422, True)
    nan = json.dumps({"version": UNTOUCHED, "done": True, "faces": [FACE]}).replace("30.5", "NaN")
    assert client.put("/api/images/0", content=nan, headers={"Content-Type": "application/json"}).status_code == 422
    assert client.post("/api/images/0/face", json={"box": [5, 5, 5, 9]}).status_code == 422
    assert client.get("/api/images/9").status_code == 404
    assert client.get("/api/images/-1").status_code == 404
    assert client.put("/api/scheme", json={"names": list("abcde"), "pairs": []}).status_code == 422
    assert client.post("/api/training", json={"epochs": 1}).json()["detail"].startswith("Training needs 5 faces")
    (tmp_path / "points.csv").mkdir()  # as a full disk: the table cannot be written
    response = put(client)
    assert response.status_code == 507
    assert response.json()["detail"].endswith("points.csv: is a folder, not a file")


def test_pages_of_other_hosts_are_rejected(client):
    assert client.get("/api/project", headers={"Host": "example.org"}).status_code == 421
    response = client.put("/api/images/0", json={}, headers={"Origin": "http://example.org"})
    assert response.status_code == 403
    policy = client.get("/").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
