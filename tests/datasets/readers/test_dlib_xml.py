from __future__ import annotations

from pathlib import Path

import pytest

from facelattice.datasets.readers import dlib_xml
from facelattice.exceptions import DataError


def write_xml(path: Path, parts: dict[str, tuple[float, float]], image: str = "photo.jpg") -> Path:
    elements = "".join(f'<part name="{name}" x="{x}" y="{y}"/>' for name, (x, y) in parts.items())
    box = f'<box top="2" left="1" width="10" height="20">{elements}</box>'
    path.write_text(f'<dataset><images><image file="{image}">{box}</image></images></dataset>', encoding="utf-8")
    return path


def test_file(tmp_path):
    file = write_xml(tmp_path / "faces.xml", {f"{i:02}": (i, i * i) for i in range(5)})
    (sample,) = dlib_xml.read(file).samples
    assert (sample.scheme.name, sample.points[3].tolist()) == ("five", [3, 9])
    assert sample.dataset_box.tolist() == [1, 2, 10, 21]
    assert sample.path == tmp_path / "photo.jpg"


def test_file_has_no_subsets(tmp_path):
    file = write_xml(tmp_path / "faces.xml", {"0": (1, 2), "1": (3, 4)})
    with pytest.raises(DataError, match="has no subsets, so there is no 'train'"):
        dlib_xml.read(file, "train")
