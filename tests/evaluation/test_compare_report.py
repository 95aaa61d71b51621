from __future__ import annotations

import json
import re

import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.evaluation.compare import Comparison, compare
from facelattice.evaluation.compare_report import render_comparison, write_comparison
from facelattice.formats import write_csv


@pytest.fixture(scope="module")
def comparison(faces, tmp_path_factory) -> Comparison:
    """A is off by 1 px, B by 3 px; in the first face A is off by 5 px, and B misses the last face."""
    samples = read_samples(faces)
    mask = np.ones(68, bool)
    folder = tmp_path_factory.mktemp("programs")
    a = [(s.path.name, s.points + (5 if i == 0 else 1), mask) for i, s in enumerate(samples)]
    b = [(s.path.name, s.points + 3, mask) for s in samples[:-1]]
    for name, rows in (("a.csv", a), ("b.csv", b)):
        write_csv(folder / name, rows)
    return compare(str(folder / "a.csv"), str(folder / "b.csv"), faces)


def test_report_names_programs_results_and_faces(comparison):
    html = render_comparison(comparison)
    assert "<h1>Landmark errors of a.csv and b.csv on faces" in html
    assert html.count(">A is better</td>") == 2
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == [
        "Mean error (NME)", "Failure rate (FR@10)", "Error of each face", "Faces where A has the larger error",
        "Faces where B has the larger error", "Faces that only one of them found",
    ]  # fmt: skip
    [worse_a] = re.findall("<h2>Faces where A has the larger error.*?(?=<h2>)", html, re.DOTALL)
    assert re.findall(r'id="face-(\d+)"', worse_a) == ["0"]
    assert re.findall(r'id="face-(\d+)"', html[html.index("<h2>Faces that only one") :]) == ["11"]
    assert re.findall(r">(annotation|A: a.csv|B: b.csv)</label>", worse_a) == ["annotation", "A: a.csv", "B: b.csv"]
    links = re.findall(r'xlink:href="#(face-\d+)"', html)
    assert len(links) == 11
    assert all(html.count(f'id="{link}"') == 1 for link in links)


def test_page_and_json_are_written(comparison, tmp_path):
    write_comparison(comparison, tmp_path / "report")
    values = json.loads((tmp_path / "report" / "result.json").read_text(encoding="utf-8"))
    assert values == json.loads(json.dumps(comparison.to_dict()))
    assert "faces" not in values
    assert "<h1>" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
