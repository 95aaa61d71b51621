from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.readers import wflw
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme, mean_shape

WFLW = get_scheme("wflw98")
POINTS = mean_shape(WFLW) * 100 + 7


def write_list(root: Path, data: bytes) -> Path:
    path = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test" / "list_98pt_rect_attr_train.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return root


def line(flags: str = "1 0 0 1 0 1", name: str = "1--Parade/a.jpg", end: str = "\n") -> bytes:
    return os.fsencode(" ".join(f"{v:.4f}" for v in POINTS.ravel()) + f" 7 8 107 109 {flags} {name}{end}")


def test_list(tmp_path):
    write_list(tmp_path, line() + b"\n" + line("0 1 1 0 1 0", "2--Demo/b.jpg") + line())
    samples = wflw.read(tmp_path, "train")
    assert [sample.path for sample in samples] == [
        tmp_path / "WFLW_images" / name for name in ("1--Parade/a.jpg", "2--Demo/b.jpg", "1--Parade/a.jpg")
    ]
    assert (samples[0].scheme, samples[0].group) == (WFLW, samples[2].group)
    assert samples[0].attributes == {
        "pose": True, "expression": False, "illumination": False, "make-up": True, "occlusion": False, "blur": True,
    }  # fmt: skip
    assert samples[1].attributes["expression"]
    assert (samples[0].dataset_box.tolist(), samples[0].protocol) == ([7, 8, 107, 109], "wflw")
    np.testing.assert_allclose(samples[0].points, POINTS, atol=1e-3)
    np.testing.assert_allclose(samples[0].box, geometry.points_box(samples[0].points), atol=1e-4)


def test_subset_for_tests_needs_the_test_list(tmp_path):
    write_list(tmp_path, line())
    assert wflw.find_test_subset(tmp_path) is None
    lists = tmp_path / wflw.LISTS
    (lists / "list_98pt_rect_attr_test.txt").write_bytes(line())
    assert wflw.find_test_subset(tmp_path) == "test"


def test_list_with_byte_order_mark_crlf_and_names_in_other_encodings(tmp_path):
    names = ["1--Parade/größe.jpg", os.fsdecode(b"caf\xe9.jpg")]
    write_list(tmp_path, b"\xef\xbb\xbf" + b"".join(line(name=name, end="\r\n") for name in names))
    samples = wflw.read(tmp_path, "train")
    assert [sample.path for sample in samples] == [tmp_path / "WFLW_images" / name for name in names]
    np.testing.assert_allclose(samples[0].points, POINTS, atol=1e-3)


def test_errors_name_file_and_line(tmp_path):
    write_list(tmp_path, line() + line().replace(b"107 109", b"107"))
    with pytest.raises(DataError, match=r"attr_train\.txt, line 2: 206 values; expected 207"):
        wflw.read(tmp_path, "train")
    write_list(tmp_path, b"\n" + line() + b"x" + line())
    with pytest.raises(DataError, match=r"attr_train\.txt, line 3: .*'x"):
        wflw.read(tmp_path, "train")
    with pytest.raises(DataError, match=": there is no subset 'val'; choose a subset: train"):
        wflw.read(tmp_path, "val")
    with pytest.raises(DataError, match=": choose a subset: train"):
        wflw.read(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(("subset", "faces"), [("train", 262), ("test", 103), ("occlusion", 34), ("blur", 34)])
def test_real_subsets(shared_data, subset, faces):
    samples = wflw.read(shared_data / "WFLW", subset)
    assert len(samples) == faces
    assert all(sample.path.exists() for sample in samples)
    assert 0 < sum(sample.attributes["pose"] for sample in samples) < faces / 2
