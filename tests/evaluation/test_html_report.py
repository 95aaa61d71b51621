"""The page of a report: whole by itself, and safe whatever images are called."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation.evaluate import assess, run, write_report
from facelattice.evaluation.predict import Answer, Predictions
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.formats import write_csv
from facelattice.schemes import Scheme


class Page(HTMLParser):
    """What a browser would fetch, and the headings and tags in their order."""

    def __init__(self, html: str):
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [value for key, value in attributes if key in ("src", "href", "xlink:href", "data") and value]

    def handle_data(self, data):
        if self.tags and self.tags[-1] in ("h1", "h2") and data.strip():
            self.headings.append(data.strip())


@pytest.fixture(scope="module")
def written(faces, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(run("ibug68", faces), folder)
    return folder


def test_the_page_has_all_its_parts_and_asks_nothing_of_a_network(written):
    html = (written / "index.html").read_text()
    page = Page(html)
    assert page.headings[1:] == [
        "How many faces stay under an error", "Error of each point", "The worst faces", "TrainingData drawn by lot",
        "Expected and true error", "Errors of the faces", "To make it again",
    ]  # fmt: skip
    assert page.fetched
    assert all(address.startswith(("#", "data:image/jpeg;base64,")) for address in page.fetched)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert "@import" not in html
    assert "url(http" not in html
    assert page.tags.count("image") == 24
    assert page.tags.count("circle") == 68
    assert "prefers-color-scheme: dark" in html
    result = json.loads((written / "result.json").read_text())
    assert f"{100 * result['nme']:.2f} %" in html
    assert result["made"]["sha256"] in html


def test_the_same_measurement_gives_the_same_page(faces, written, tmp_path):
    evaluation = run("ibug68", faces)
    evaluation.result["made"]["date"] = json.loads((written / "result.json").read_text())["made"]["date"]
    write_report(evaluation, tmp_path)
    assert (tmp_path / "index.html").read_text() == (written / "index.html").read_text()


def test_names_of_images_are_text(faces, tmp_path):
    name = '<script>alert("1")</script>.png'.replace("/", "⁄")
    shutil.copy(faces / "face00.png", tmp_path / name)
    shutil.copy(faces / "face00.pts", (tmp_path / name).with_suffix(".pts"))
    write_report(run("ibug68", tmp_path), tmp_path / "report")
    html = (tmp_path / "report" / "index.html").read_text()
    assert "script" not in Page(html).tags
    assert "&lt;script&gt;" in html


def test_points_of_ones_own_and_faces_that_are_gone(tmp_path):
    """No mean shape, no expected errors, a missed face and an image that cannot be read: the page is there still."""
    scheme = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})
    points = np.array([[10, 10], [40, 12], [25, 30]], float)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 50, 3), 90, np.uint8))
    samples = [make_sample(tmp_path / name, points, scheme, name, "here") for name in ("a.png", "gone.png")]
    answers = Predictions("dog", scheme, "predictions", [Answer(points.astype(np.float32) + 1, None), None], [])
    write_report(
        assess(
            samples, answers, PROTOCOLS["box"], {"model": "dog", "data": "d", "subset": None, "made": {"command": "c"}}
        ),
        tmp_path,
    )
    html = (tmp_path / "index.html").read_text()
    page = Page(html)
    assert "Missed faces" in page.headings
    assert "Expected and true error" not in page.headings
    assert page.tags.count("circle") == 3
    # The left eye lies at (4, 4), where a pixel is 92 / 30; it was found a pixel right of and below where it is.
    assert '<path d="M4.00 4.00L34.67 34.67M' in html


def test_points_without_any_error_have_a_page(faces, tmp_path):
    samples = read_samples(faces)
    answers = Predictions("exact", samples[0].scheme, "predictions", [Answer(s.points, None) for s in samples], [])
    head = {"model": "exact", "data": "d", "subset": None, "made": {"command": "c"}}
    write_report(assess(samples, answers, PROTOCOLS["300w"], head), tmp_path)
    assert Page((tmp_path / "index.html").read_text()).tags.count("circle") == 68


def test_no_face_at_all_was_found(faces, tmp_path):
    rows = [("face00.png", np.full((68, 2), 5000.0) + np.arange(136).reshape(68, 2), np.ones(68, bool))]
    write_csv(tmp_path / "far.csv", rows)
    evaluation = run(str(tmp_path / "far.csv"), faces)
    assert (evaluation.result["missed"], evaluation.result["nme"], evaluation.result["failure_rate"]) == (12, None, 1)
    write_report(evaluation, tmp_path)
    assert "Missed faces" in Page((tmp_path / "index.html").read_text()).headings


def test_a_report_that_cannot_be_written_leaves_nothing(written, faces, tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(OSError, match="index"):
        write_report(run("ibug68", faces), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
