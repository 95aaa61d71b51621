"""The routes of the service, with a server and a worker process."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facelattice.formats import read_csv
from facelattice.inference.aligner import FaceAligner

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
ALIGN = "/v1/align?model=ibug68-fast"
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def face():
    (face,) = FaceAligner("ibug68-fast")(PHOTO)
    return face


def png(width: int, height: int) -> bytes:
    """A PNG file that claims a size and contains no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_image_as_body_or_as_form(client, photo, face):
    for response in (
        client.post(ALIGN, content=photo, headers={"Content-Type": "image/jpeg"}),
        client.post(ALIGN, content=photo),  # the content decides about the format
        client.post(ALIGN, files={"file": ("photo.txt", photo, "text/plain")}),
    ):
        assert response.status_code == 200
        (found,) = response.json()["faces"]
        np.testing.assert_allclose(found["points"], face.points, atol=0.01)
        np.testing.assert_allclose(found["expected_errors"], face.expected_errors, atol=0.01)
        assert response.json()["model"] == "ibug68-fast"
        assert response.json()["milliseconds"]["find"] > 0


def test_edge_weights_of_each_point_sum_to_one(client, photo):
    (face,) = client.post(f"{ALIGN}&edge_weights=true", content=photo).json()["faces"]
    sums = np.zeros(68)
    for point, neighbor, edge_weight in face["edge_weights"]:
        assert 0 <= neighbor < 68
        sums[point] += edge_weight
    np.testing.assert_allclose(sums, 1, atol=0.01)
    assert "edge_weights" not in client.post(ALIGN, content=photo).json()["faces"][0]


def test_response_formats(client, photo, face):
    pts = client.post(f"{ALIGN}&format=pts", content=photo)
    assert pts.text.startswith("version: 1\nn_points: 68\n{\n")
    x, y = map(float, pts.text.splitlines()[3].split())
    np.testing.assert_allclose([x - 1, y - 1], face.points[0], atol=0.01)
    header, row = client.post(f"{ALIGN}&format=csv", content=photo).text.splitlines()
    assert header.startswith("image,face,score,x0,y0")
    np.testing.assert_allclose(float(row.split(",")[3]), face.points[0, 0], atol=0.01)


def test_image_without_a_face(client, photo):
    nothing = f"{ALIGN}&min_score=0.99"
    assert client.post(nothing, content=photo).json()["faces"] == []
    assert client.post(f"{nothing}&format=csv", content=photo).text == "image,face,score\n"
    assert client.post(f"{nothing}&format=pts", content=photo).status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 422, "empty"),
        (b"<html>", 422, "not an image of a supported format"),
        (png(8000, 8000), 422, "8000 x 8000"),
        (png(60_000, 60_000), 422, "60000 x 60000"),
        (png(5000, 5000), 422, "cut short or damaged"),
        (b"\0" * 21_000_000, 413, "larger than 20 MB"),
    ],
)
def test_bad_image_is_rejected(client, content, status, message):
    response = client.post(ALIGN, content=content)
    assert (response.status_code, message in response.json()["detail"]) == (status, True)


def test_truncated_jpeg_is_rejected(client, photo):
    response = client.post(ALIGN, content=photo[:3000])
    assert (response.status_code, response.json()["detail"].split(" (")[0]) == (
        422,
        "uploaded image: the JPEG image is cut short or damaged",
    )


@pytest.mark.parametrize("format", ["TIFF", "PPM", "JPEG2000", "AVIF"])
def test_formats_for_files_only_are_rejected(client, format):
    data = io.BytesIO()
    Image.new("RGB", (32, 32)).save(data, format)
    response = client.post(ALIGN, content=data.getvalue())
    assert response.status_code == 422
    assert "not an image of a supported format" in response.json()["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("model=none", "model=none: must be 'ibug68', 'ibug68-fast' or 'wflw98'"),
        ("min_score=2", "min_score=2: must be less than or equal to 1"),
        ("max_faces=0", "max_faces=0: must be greater than or equal to 1"),
        ("format=xls", "format=xls: must be 'json', 'pts' or 'csv'"),
        ("max_faces=many", "max_faces=many: must be a valid integer, unable to parse string as an integer"),
        ("format=xls&max_faces=many", "format=xls: must be 'json', 'pts' or 'csv'; max_faces=many: must be a valid "
         "integer, unable to parse string as an integer"),
        ("modle=wflw98", "unknown parameter modle; did you mean model?"),
        ("q=1", "unknown parameter q; known: edge_weights, format, max_faces, min_score, model, stream, time"),
    ],
)  # fmt: skip
def test_wrong_parameter_is_rejected(client, photo, query, detail):
    response = client.post(f"/v1/align?{query}", content=photo)
    assert (response.status_code, response.json()["detail"]) == (422, detail)


@pytest.mark.parametrize("route", ["video", "export"])
def test_unknown_parameter_of_the_other_routes_is_rejected(client, route):
    response = client.post(f"/v1/{route}?modle=wflw98", content=b"{}")
    assert (response.status_code, response.json()["detail"]) == (422, "unknown parameter modle; did you mean model?")


def test_wrong_form_is_rejected(client):
    for content, headers, detail in (
        (b"nonsense", FORM, "the form cannot be read"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n', FORM, "the form contains no file"),
        (b"", {"Content-Type": "multipart/form-data"}, "names no boundary"),
    ):
        response = client.post(ALIGN, content=content, headers=headers)
        assert (response.status_code, detail in response.json()["detail"]) == (400, True)


def test_parameters_in_a_form_are_rejected(client, photo):
    response = client.post(ALIGN, files={"file": photo}, data={"min_score": "0.99", "model": "wflw98"})
    assert (response.status_code, response.json()["detail"]) == (
        400, "give min_score, model in the URL, not in the form: /v1/align?min_score=..."
    )  # fmt: skip
    assert client.post(ALIGN, files={"file": photo}, data={"note": "mine"}).status_code == 200


def test_align_allows_only_post(client):
    for method in ("GET", "HEAD"):
        response = client.request(method, "/v1/align")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert client.put("/v1/align").status_code == 405


def test_models_health_and_metrics(client, photo):
    assert any(model["name"] == "ibug68" and model["num_points"] == 68 for model in client.get("/v1/models").json())
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.head("/healthz").status_code == 200
    client.post(ALIGN, content=photo)
    metrics = client.get("/metrics").text
    assert 'facelattice_requests_total{path="/v1/align",status="200"}' in metrics
    assert "facelattice_faces_total" in metrics


def test_documentation_needs_no_other_host(client):
    page = client.get("/docs").text
    assert "http" not in page.replace("http-equiv", "")
    for file in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/docs/files/{file}").status_code == 200
    assert client.get("/openapi.json").json()["paths"]["/v1/align"]["post"]["requestBody"]["required"]


def test_body_without_a_length_is_limited(client):
    response = client.post(ALIGN, content=(bytes(1_000_000) for _ in range(25)))
    assert (response.status_code, response.json()["detail"]) == (413, "the body is larger than 20 MB")


def test_csv_contains_the_name_of_the_form(client, photo, tmp_path):
    form = client.post(f"{ALIGN}&format=csv", files={"file": ("me, too.jpg", photo)})
    (tmp_path / "form.csv").write_text(form.text, encoding="utf-8")
    body = client.post(f"{ALIGN}&format=csv", content=photo)
    (tmp_path / "body.csv").write_text(body.text, encoding="utf-8")
    assert [read_csv(tmp_path / name)[0][0] for name in ("form.csv", "body.csv")] == ["me, too.jpg", "image"]


def test_max_faces_keeps_the_best_face(client, photo):
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    both = Image.new("RGB", (2 * image.width, image.height))
    both.paste(image)
    both.paste(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(15), (image.width, 0))
    data = io.BytesIO()
    both.save(data, "BMP")
    best, *others = client.post(ALIGN, content=data.getvalue()).json()["faces"]
    assert others
    assert client.post(f"{ALIGN}&max_faces=1", content=data.getvalue()).json()["faces"] == [best]
    pts = client.post(f"{ALIGN}&format=pts", content=data.getvalue()).text.splitlines()[3]
    np.testing.assert_allclose(np.array(pts.split(), float) - 1, best["points"][0], atol=0.01)


def test_concurrent_requests_get_their_own_faces(client, photo, face):
    image = Image.open(io.BytesIO(photo)).convert("RGB")

    def align(shift: int) -> tuple[int, float]:
        data = io.BytesIO()
        image.crop((shift, 0, 512, 300)).save(data, "BMP")
        (found,) = client.post(ALIGN, content=data.getvalue()).json()["faces"]
        return shift, found["points"][30][0]

    with ThreadPoolExecutor(12) as pool:
        for shift, x in pool.map(align, range(0, 120, 10)):
            assert x == pytest.approx(face.points[30, 0] - shift, abs=4)
