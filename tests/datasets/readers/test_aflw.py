"""AFLW-19 as the readme of AFLWinfo_release.mat describes it (Zhu et al., CVPR 2016)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from facelattice.datasets.readers import aflw
from facelattice.exceptions import DataError

pytestmark = pytest.mark.usefixtures("parse_here")


def write_aflw(folder: Path, **changes: Any) -> Path:
    names = np.empty((4, 1), object)
    names[:, 0] = [f"0/image{i}.jpg" for i in range(4)]
    data = np.concatenate([np.arange(19) + 5.0, 3 * np.arange(19) + 7.0])
    visible = np.ones((4, 19))
    visible[2, :9] = 0
    content = {
        "nameList": names, "bbox": np.tile([10.0, 40.0, 20.0, 60.0], (4, 1)), "data": np.tile(data, (4, 1)),
        "mask_new": visible, "ra": np.array([[3, 1, 4, 2]]),
    } | changes  # fmt: skip
    scipy.io.savemat(folder / "AFLWinfo_release.mat", content)
    return folder


def names(samples) -> list[str]:
    return [sample.path.name for sample in samples]


def test_subsets(tmp_path, monkeypatch):
    monkeypatch.setattr(aflw, "NUM_TRAINING_FACES", 2)
    (tmp_path / "data" / "flickr").mkdir(parents=True)
    train = aflw.read(write_aflw(tmp_path), "train")
    assert names(train) == ["image2.jpg", "image0.jpg"]
    assert train[0].path.is_relative_to(tmp_path / "data" / "flickr" / "0")
    assert (train[0].hidden.sum(), train[1].hidden.sum()) == (9, 0)
    assert (train[0].visible.sum(), train[1].visible.sum()) == (10, 19)
    assert train[0].points[2].tolist() == [7, 13]
    assert train[0].dataset_box.tolist() == [10, 20, 40, 60]
    assert (train[0].scheme.name, train[0].protocol) == ("aflw19", "aflw19")
    assert names(aflw.read(tmp_path, "full")) == ["image3.jpg", "image1.jpg"]
    assert len(aflw.read(tmp_path, "frontal")) == 2
    write_aflw(tmp_path, ra=np.array([[1, 2, 3, 4]]))
    assert names(aflw.read(tmp_path, "frontal")) == ["image3.jpg"]


def test_wrong_content_is_rejected(tmp_path):
    with pytest.raises(DataError, match=": choose a subset: train, full, frontal"):
        aflw.read(write_aflw(tmp_path))
    with pytest.raises(DataError, match=r"data of 4 names has the shape \(3, 38\); expected \(4, 38\)"):
        aflw.read(write_aflw(tmp_path, data=np.zeros((3, 38))), "train")
    with pytest.raises(DataError, match="nameList is not a cell array of names"):
        aflw.read(write_aflw(tmp_path, nameList=np.ones(4)), "train")
    with pytest.raises(DataError, match="ra is not an order of 4 faces"):
        aflw.read(write_aflw(tmp_path, ra=np.array([[1, 1, 2, np.nan]])), "train")
    with pytest.raises(DataError, match="mask_new of 4 names is not an array of numbers"):
        aflw.read(write_aflw(tmp_path, mask_new="yes"), "train")
    with pytest.raises(DataError, match="none of its 4 faces is in the subset 'full'"):  # all are for training
        aflw.read(write_aflw(tmp_path), "full")
