from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation import html_report
from facelattice.evaluation.evaluate import evaluate, evaluate_predictions
from facelattice.evaluation.html_report import render_report, write_report
from facelattice.evaluation.predict import FacePrediction, Predictions
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.evaluation.result import EvaluationResult
from facelattice.formats import write_csv
from facelattice.schemes import Scheme

MODEL = "ibug68-fast"


class Page(HTMLParser):
    """The tags and headings of a page, and the addresses that a browser would load."""

    def __init__(self, html: str):
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for key, value in attributes if key in ("src", "href", "xlink:href", "data") and value]

    def handle_data(self, data):
        if self.tags and self.tags[-1] in ("h1", "h2") and data.strip():
            self.headings.append(data.strip())


@pytest.fixture(scope="module")
def result(faces) -> EvaluationResult:
    return evaluate(MODEL, faces)


@pytest.fixture(scope="module")
def html(result) -> str:
    return render_report(result)


def test_report_has_all_sections(result, html):
    page = Page(html)
    assert page.headings[1:] == [
        "Cumulative error distribution",
        "Error of each landmark",
        "Expected and true error",
        "Histogram of the NME",
        "Faces with the largest error",
        "How to reproduce",
    ]
    assert page.headings[0].startswith(f"Landmark errors of {MODEL} on faces")
    assert page.tags.count("image") == 12
    assert page.tags.count("circle") == 68
    assert "prefers-color-scheme: dark" in html
    assert f"{100 * result.nme:.2f} %" in html
    assert result.provenance.source_sha256 in html


def test_subsets_are_in_the_table_and_the_curve(tree_300w):
    result = evaluate(MODEL, tree_300w)
    html = render_report(result)
    assert "Subsets" in Page(html).headings
    for name, row in result.table.items():
        assert f"<td>{name}</td><td>{row.num_faces}</td><td>0</td><td>{100 * row.nme:.2f} %</td>" in html
        label = f"{name}: FR {100 * row.failure_rate:.1f} %, AUC {100 * row.auc:.1f} %"
        assert label in html
    assert list(result.table) == ["full", "common", "challenging"]


def test_random_faces_are_other_faces_than_the_worst(result, monkeypatch):
    monkeypatch.setattr(html_report, "NUM_FACES", 3)
    html = render_report(result)
    sections = re.split(r"<h2>|<div class=\"others\">", html)
    [worst] = [part for part in sections if part.startswith("Faces with the largest error")]
    [random] = [part for part in sections if part.startswith("Random faces")]
    others = sections[sections.index(random) + 1]
    numbers = [[int(i) for i in re.findall(r'id="face-(\d+)"', part)] for part in (worst, random, others)]
    assert numbers[0] == np.argsort(-result.scores.nme)[:3].tolist()
    assert [len(part) for part in numbers] == [3, 3, 6]
    assert sorted(i for part in numbers for i in part) == [*range(12)]


def test_each_dot_leads_to_the_picture_of_its_face(html):
    page = Page(html)
    chart = html[html.index("<h2>Expected and true error") : html.index("<h2>Histogram")]
    links = re.findall(r'xlink:href="#(face-\d+)"', chart)
    assert sorted(links) == sorted(f"face-{i}" for i in range(12))
    assert all(f'id="{link}"' in html for link in links)
    assert page.tags.count("figure") == 12


def test_layers_can_be_switched(html):
    figure = html[html.index("<figure") : html.index("</figure>")]
    assert re.findall(r">(annotation|ibug68-fast)</label>", figure) == ["annotation", MODEL]
    assert figure.count('<input type="checkbox" checked') == 2


def test_report_loads_nothing_from_a_network(html):
    page = Page(html)
    assert page.addresses
    assert all(address.startswith(("#", "data:image/jpeg;base64,")) for address in page.addresses)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert "@import" not in html
    assert "url(http" not in html


def test_report_is_deterministic(faces, result, html):
    again = evaluate(MODEL, faces)
    assert render_report(replace(again, provenance=result.provenance)) == html


def test_names_of_images_are_escaped(faces, tmp_path):
    name = '<script>alert("1")</script>.png'.replace("/", "⁄")
    shutil.copy(faces / "face00.png", tmp_path / name)
    shutil.copy(faces / "face00.pts", (tmp_path / name).with_suffix(".pts"))
    html = render_report(evaluate(MODEL, tmp_path))
    assert "script" not in Page(html).tags
    assert "&lt;script&gt;" in html


def test_custom_scheme_with_missed_and_unreadable_faces(tmp_path):
    """Without a built-in mean shape and without expected errors."""
    scheme = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})
    points = np.array([[10, 10], [40, 12], [25, 30]], float)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 50, 3), 90, np.uint8))
    samples = [make_sample(tmp_path / name, points, scheme, name, "here") for name in ("a.png", "gone.png")]
    shifted = FacePrediction(points.astype(np.float32) + 1, None)
    predictions = Predictions("dog", scheme, "predictions", [shifted, None], [])
    html = render_report(evaluate_predictions(samples, predictions, PROTOCOLS["box"]))
    page = Page(html)
    assert "Missed faces" in page.headings
    assert "Expected and true error" not in page.headings
    assert page.tags.count("circle") == 3
    # The left eye is drawn at (4, 4), a pixel is 92 / 30 units, and the offset of 1 px is drawn 10 times larger.
    assert '<path d="M4.00 4.00L34.67 34.67M' in html


def test_exact_predictions_have_a_report(faces):
    samples = read_samples(faces)
    exact = [FacePrediction(sample.points, None) for sample in samples]
    predictions = Predictions("exact", samples[0].scheme, "predictions", exact, [])
    html = render_report(evaluate_predictions(samples, predictions, PROTOCOLS["300w"]))
    assert Page(html).tags.count("circle") == 68


def test_report_without_any_found_face(faces, tmp_path):
    far = np.full((68, 2), 5000.0) + np.arange(136).reshape(68, 2)
    write_csv(tmp_path / "far.csv", [("face00.png", far, np.ones(68, bool))])
    result = evaluate(str(tmp_path / "far.csv"), faces)
    assert (result.num_missed, result.nme, result.failure_rate) == (12, None, 1)
    assert "Missed faces" in Page(render_report(result)).headings


def test_page_and_json_are_written(result, tmp_path):
    write_report(result, tmp_path / "report")
    values = json.loads((tmp_path / "report" / "result.json").read_text(encoding="utf-8"))
    assert values == json.loads(json.dumps(result.to_dict()))
    assert "<h1>" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_failed_write_leaves_no_files(result, tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(OSError, match="index"):
        write_report(result, tmp_path)
    assert [path.name for path in Path(tmp_path).iterdir()] == ["index.html"]
