"""The data sets that lie in MATLAB files, written here as their descriptions say, and the parts of the 300-W tree.

COFW: the README of COFW.zip, and Burgos-Artizzu et al., ICCV 2013. COFW68: the README and VisualizeAnnotations.m of
github.com/golnazghiasi/cofw68-benchmark. AFLW-19: the readme of AFLWinfo_release.mat, Zhu et al., CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import DataError
from facelattice.formats import write_pts
from facelattice.image_io import load_image
from facelattice.schemes import get_scheme, mean_shape

RNG = np.random.default_rng(0)
COLOR, GRAY = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8), RNG.integers(0, 256, (12, 9), dtype=np.uint8)
SHAPE = np.concatenate([np.arange(29) + 1.5, 2 * np.arange(29) + 1.0, np.arange(29) % 2])  # x, y, covered; from 1


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FACELATTICE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_cofw(path: Path, ending: str = "T", shapes=None, **left_out) -> Path:
    """As MATLAB 7.3 does: axes in the other order, a cell array as references to what lies in #refs#."""
    shapes = np.stack([SHAPE, SHAPE + 1]) if shapes is None else shapes
    with h5py.File(path, "w") as file:
        images = [file.create_dataset(f"#refs#/{i}", data=p.T) for i, p in enumerate((COLOR, GRAY))]
        cell = file.create_dataset(f"Is{ending}", (1, 2), dtype=h5py.ref_dtype)
        cell[0, :] = [image.ref for image in images]
        file[f"phis{ending}"] = shapes.T
        if "boxes" not in left_out:
            file[f"bboxes{ending}"] = np.array([[1, 2, 10, 20], [3, 4, 5, 6]], float).T
    return path


def test_cofw(tmp_path, cache):
    file = write_cofw(tmp_path / "COFW_test_color.mat")
    first, second = read_samples(file)
    assert first.scheme.name == "cofw29"
    assert first.points[3].tolist() == [3.5, 6]
    assert first.hidden.tolist() == [i % 2 == 1 for i in range(29)]
    assert first.dataset_box.tolist() == [0, 1, 10, 21]
    assert (first.benchmark, first.group != second.group) == ("cofw", True)
    assert np.array_equal(load_image(first.path), COLOR)
    assert np.array_equal(load_image(second.path), np.repeat(GRAY[:, :, None], 3, axis=2))
    assert first.path.is_relative_to(cache)


def test_cofws_photos_are_taken_out_once(tmp_path):
    file = write_cofw(tmp_path / "COFW_test_color.mat")
    path = read_samples(file)[0].path
    before = path.stat().st_mtime_ns
    assert read_samples(file)[0].path == path
    assert path.stat().st_mtime_ns == before


def test_a_folder_of_cofw_needs_a_subset(tmp_path):
    write_cofw(tmp_path / "COFW_test_color.mat")
    assert len(read_samples(tmp_path)) == 2
    write_cofw(tmp_path / "COFW_train_color.mat", "Tr")
    with pytest.raises(DataError, match="choose a subset out of train, test, not None"):
        read_samples(tmp_path)
    assert len(read_samples(tmp_path, "train")) == len(read_samples(tmp_path, "test")) == 2


def test_broken_cofw(tmp_path):
    file = tmp_path / "COFW_test_color.mat"
    for content, message in ((b"", "not a MATLAB file"), (b"MATLAB 5.0" + bytes(500), "not a MATLAB file")):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_samples(file)
    whole = write_cofw(file).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a MATLAB file"):
        read_samples(file)
    with pytest.raises(DataError, match=r"it has no bboxesT; found .*phisT"):
        read_samples(write_cofw(file, boxes=False))
    with pytest.raises(DataError, match=r"points \(3, 87\)"):
        read_samples(write_cofw(file, shapes=np.zeros((3, 87))))
    with pytest.raises(DataError, match="face 1: fewer than two points"):
        read_samples(write_cofw(file, shapes=np.full((2, 87), np.nan)))


def write_cofw68(folder: Path) -> Path:
    annotations = folder / "COFW68_Data" / "test_annotations"
    annotations.mkdir(parents=True)
    points = mean_shape(get_scheme("ibug68")) * 50 + 1
    for number in (1, 2):
        covered = (np.arange(68) < number)[:, None].astype(np.uint8)
        scipy.io.savemat(annotations / f"{number}_points.mat", {"Points": np.float64(points), "Occ": covered})
    boxes = np.array([[1, 2, 10, 20], [3, 4, 5, 6]], float)
    scipy.io.savemat(annotations.parent / "cofw68_test_bboxes.mat", {"bboxes": boxes})
    return annotations


def test_cofw68(tmp_path):
    annotations = write_cofw68(tmp_path)
    with pytest.raises(DataError, match=r"put COFW_test_color\.mat beside it"):
        read_samples(tmp_path)
    write_cofw(tmp_path / "COFW_test_color.mat")
    with pytest.raises(DataError, match=r"several things fit: COFW's .mat files, COFW68's test_annotations"):
        read_samples(tmp_path)
    first, second = read_samples(tmp_path / "COFW68_Data")
    assert np.allclose(first.points, mean_shape(get_scheme("ibug68")) * 50, atol=1e-4)
    assert (first.hidden.sum(), second.hidden.sum(), second.benchmark) == (1, 2, "cofw68")
    assert second.dataset_box.tolist() == [2, 3, 7, 9]
    assert load_image(first.path).shape == COLOR.shape
    scipy.io.savemat(annotations / "3_points.mat", {"Points": np.zeros((68, 2)), "Occ": np.zeros(68)})
    with pytest.raises(DataError, match=r"3_points.mat: there is no photo 3; COFW_test_color.mat has 2"):
        read_samples(annotations)


def write_aflw(folder: Path, **changes) -> Path:
    names = np.empty((4, 1), object)
    names[:, 0] = [f"0/image{i}.jpg" for i in range(4)]
    data = np.concatenate([np.arange(19) + 5.0, 3 * np.arange(19) + 7.0])
    seen = np.ones((4, 19))
    seen[2, :9] = 0
    content = {
        "nameList": names, "bbox": np.tile([10.0, 40.0, 20.0, 60.0], (4, 1)), "data": np.tile(data, (4, 1)),
        "mask_new": seen, "ra": np.array([[3, 1, 4, 2]]),
    } | changes  # fmt: skip
    scipy.io.savemat(folder / "AFLWinfo_release.mat", content)
    return folder


def test_aflw(tmp_path, monkeypatch):
    monkeypatch.setattr("facelattice.datasets.readers.aflw.TRAINING", 2)
    (tmp_path / "data" / "flickr").mkdir(parents=True)
    train = read_samples(write_aflw(tmp_path), "train")
    assert [sample.path.name for sample in train] == ["image2.jpg", "image0.jpg"]
    assert train[0].path.is_relative_to(tmp_path / "data" / "flickr" / "0")
    assert (train[0].hidden.sum(), train[1].hidden.sum()) == (9, 0)
    assert train[0].points[2].tolist() == [7, 13]
    assert train[0].dataset_box.tolist() == [10, 20, 40, 60]
    assert (train[0].scheme.name, train[0].benchmark) == ("aflw19", "aflw19")
    assert [sample.path.name for sample in read_samples(tmp_path, "full")] == ["image3.jpg", "image1.jpg"]
    assert len(read_samples(tmp_path, "frontal")) == 2
    write_aflw(tmp_path, ra=np.array([[1, 2, 3, 4]]))
    assert [sample.path.name for sample in read_samples(tmp_path, "frontal")] == ["image3.jpg"]


def test_wrong_aflw(tmp_path):
    with pytest.raises(DataError, match="choose a subset out of train, full, frontal, not None"):
        read_samples(write_aflw(tmp_path))
    with pytest.raises(DataError, match=r"4 names do not go with .*\(3, 38\)"):
        read_samples(write_aflw(tmp_path, data=np.zeros((3, 38))), "train")
    with pytest.raises(DataError, match="none is in the subset 'full'"):  # fewer faces than those for training
        read_samples(write_aflw(tmp_path), "full")
    (tmp_path / "AFLWinfo_release.mat").write_bytes(b"")
    with pytest.raises(DataError, match="not a MATLAB file"):
        read_samples(tmp_path, "train")


def write_300w(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        write_pts(root / folder / "a_1.pts", mean_shape(get_scheme("ibug68")) * 40)
        cv2.imwrite(str(root / folder / "a_1.png"), np.zeros((50, 50, 3), np.uint8))
    return root


def test_the_parts_of_300w(tmp_path):
    root = write_300w(tmp_path, "helen/trainset", "Helen/testset", "lfpw/testset", "afw", "ibug")
    with pytest.raises(DataError, match="say which subset: challenging, common, train, full"):
        read_samples(root)
    assert [s.attributes for s in read_samples(root, "train")] == [{}, {}]
    assert len(read_samples(root, "common")) == 2
    assert [s.attributes for s in read_samples(root, "full")] == [
        {"common": True},
        {"challenging": True},
        {"common": True},
    ]
    assert {sample.benchmark for sample in read_samples(root, "full")} == {"300w"}
    assert [s.benchmark for s in read_samples(root / "ibug")] == ["300w"]
    with pytest.raises(DataError, match=r"no subset 'full' here; found train"):
        read_samples(root / "afw", "full")


def test_300w_private(tmp_path):
    root = write_300w(tmp_path, "01_Indoor", "02_Outdoor")
    assert [s.attributes for s in read_samples(root)] == [{"indoor": True}, {"outdoor": True}]
    (outdoor,) = read_samples(root, "outdoor")
    assert outdoor.benchmark == "300w-private"


@pytest.mark.parametrize("folder", ["photos", "not_ibug", "drafw"])
def test_a_folder_of_ones_own_is_no_benchmark(tmp_path, folder):
    (sample,) = read_samples(write_300w(tmp_path, folder))
    assert (sample.benchmark, sample.attributes) == ("", {})
    with pytest.raises(DataError, match="no subset 'train' here; found none"):
        read_samples(tmp_path, "train")


def test_real_300w_in_parts(shared_data):
    assert len(read_samples(shared_data / "300W", "full")) == 157
    assert len(read_samples(shared_data / "300W", "train")) == 870 + 337
