from __future__ import annotations

import pytest


@pytest.mark.parametrize(("html", "foreign"), [
    ('<script src="https://unpkg.com/shim"></script>', ["https://unpkg.com/shim"]),
    ('<link rel="stylesheet" href="//fonts.example/a.css">', ["//fonts.example/a.css"]),
    ("<style>@font-face { src: url('https://fonts.example/a.woff') }</style>", ["https://fonts.example/a.woff"]),
    ('<img src="http://example.org/badge.svg">', ["http://example.org/badge.svg"]),
    ('<a href="https://example.org">a link is not loaded</a><link rel="canonical" href="https://example.org">', []),
    ('<script src="assets/bundle.js"></script><img src="images/face.jpg">', []),
])  # fmt: skip
def test_addresses_that_a_browser_loads(load_script, html, foreign):
    assert load_script("check_site").Page(html).foreign == foreign


def test_undescribed_name_of_the_api_is_a_problem(load_script, tmp_path):
    (tmp_path / "api.html").write_text('<h3 id="facelattice.Face">Face</h3>', encoding="utf-8")
    problems = load_script("check_site").find_problems(tmp_path)
    assert "api.html does not describe facelattice.FaceAligner" in problems
    assert "api.html does not describe facelattice.Face" not in problems
