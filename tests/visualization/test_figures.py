from __future__ import annotations

import os
import sys

import pytest
from matplotlib.figure import Figure

from facelattice.exceptions import ArgumentError, MissingDependencyError
from facelattice.visualization.figures import figure_format, save_figure


@pytest.mark.parametrize(
    ("name", "format"), [("a.svg", "svg"), ("a.JPG", "jpg"), ("a.b.pdf", "pdf"), ("a.png", "png"), ("a", "png")]
)
def test_suffix_decides_the_format(name, format):
    assert figure_format(name) == format


def test_unknown_suffix_is_rejected(tmp_path):
    with pytest.raises(ArgumentError, match=r"a\.bmp: unknown file type; use \.png"):
        save_figure(Figure(), tmp_path / "a.bmp")
    assert os.listdir(tmp_path) == []


def test_equal_figures_give_equal_files(tmp_path):
    for name in ("a.svg", "b.svg"):
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().plot([0, 1], [1, 0])
        save_figure(figure, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    with pytest.raises(MissingDependencyError, match=r"facelattice\[evaluate\]"):
        figure_format("a.png")
