from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.readers import w300
from facelattice.datasets.readers.detect_layout import find_test_subset, read_samples
from facelattice.exceptions import DataError, FormatError
from facelattice.formats import write_pts
from facelattice.image_io import load_image
from facelattice.schemes import Scheme, get_scheme, mean_shape

IBUG, FIVE = get_scheme("ibug68"), get_scheme("five")


def write_points(path, *lines: str) -> None:
    path.write_text("\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""]), encoding="utf-8")


def test_tree_of_pts_files(tmp_path, write_image):
    points = mean_shape(IBUG) * 50 + 3
    for name in ("b/photo_2.jpg", "b/photo_1.PNG", "a/image_0007.jpg"):
        write_pts(write_image(tmp_path / name).with_suffix(".pts"), points)
    samples = w300.read(tmp_path)
    assert [s.path.name for s in samples] == ["image_0007.jpg", "photo_1.PNG", "photo_2.jpg"]
    assert [s.group for s in samples] == ["image_0007", "photo", "photo"]
    assert samples[0].scheme is IBUG
    assert samples[0].points.dtype == np.float32
    np.testing.assert_allclose(samples[0].points, points, atol=1e-4)
    np.testing.assert_allclose(samples[0].box, geometry.points_box(points), atol=1e-4)
    assert samples[0].mask.all()


def test_points_of_the_file_count_from_1(tmp_path, write_image):
    write_image(tmp_path / "a.jpg")
    write_points(tmp_path / "a.pts", "1 1", "2 1", "1 2", "2 2", "3.5 4")
    assert w300.read(tmp_path)[0].points.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1], [2.5, 3]]


def test_suffix_and_head_may_be_written_otherwise(tmp_path, write_image):
    write_image(tmp_path / "a.JPG")
    (tmp_path / "a.PTS").write_text("version : 1\nn_points : 5\n{\n1 1\n2 1\n1 2\n2 2\n3 4\n}\n", encoding="utf-8")
    assert len(w300.read(tmp_path)) == 1


def test_hidden_files_are_left_out(tmp_path, write_300w):
    (write_300w(tmp_path, "afw") / "afw" / "._a_1.pts").write_bytes(b"\0\5\x16\7")
    assert len(w300.read(tmp_path)) == 1


def test_image_in_the_other_unicode_normalization_is_found(tmp_path, write_image):
    image = write_image(tmp_path / unicodedata.normalize("NFD", "müll.jpg"))
    write_points(tmp_path / unicodedata.normalize("NFC", "müll.pts"), *["1 1", "2 1", "1 2", "2 2", "3 4"])
    (sample,) = w300.read(tmp_path)
    assert sample.path.samefile(image)


def test_errors_name_file_and_line(tmp_path, write_image):
    write_points(tmp_path / "a.pts", "1 1", "2 oops")
    with pytest.raises(DataError, match=r"a\.pts: there is no image a\.jpg"):
        w300.read(tmp_path)
    write_image(tmp_path / "a.jpg")
    with pytest.raises(FormatError, match=r"a\.pts, line 5: expected two numbers, not '2 oops'"):
        w300.read(tmp_path)
    write_points(tmp_path / "a.pts", "1 1", "2 2")
    with pytest.raises(DataError, match=r"a\.pts: no built-in scheme has 2 points"):
        w300.read(tmp_path)
    with pytest.raises(DataError, match=r"a\.pts: 2 points, but the scheme five has 5"):
        w300.read(tmp_path, scheme=FIVE)
    assert len(w300.read(tmp_path, scheme=Scheme.from_dict({"name": "mine", "points": 2}))) == 1


def test_parts_of_300w_are_subsets(tmp_path, write_300w):
    root = write_300w(tmp_path, "helen/trainset", "Helen/testset", "lfpw/testset", "afw", "ibug")
    with pytest.raises(DataError, match="choose a subset: challenging, common, train, full"):
        w300.read(root)
    assert [s.attributes for s in w300.read(root, "train")] == [{}, {}]
    assert len(w300.read(root, "common")) == 2
    full = w300.read(root, "full")
    assert [s.attributes for s in full] == [{"common": True}, {"challenging": True}, {"common": True}]
    assert {s.protocol for s in full} == {"300w"}
    assert [s.protocol for s in w300.read(root / "ibug")] == ["300w"]
    with pytest.raises(DataError, match=r"no subset 'full'; found train"):
        w300.read(root / "afw", "full")


def test_private_test_set_is_two_subsets(tmp_path, write_300w):
    root = write_300w(tmp_path, "01_Indoor", "02_Outdoor")
    assert [s.attributes for s in w300.read(root)] == [{"indoor": True}, {"outdoor": True}]
    assert len(w300.read(root, "outdoor")) == 1


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("232194_1", "300w"),
        ("image_0018", "300w"),
        ("image_003_1", "300w"),
        ("image_09", "300w"),
        ("image_092 _01", "300w"),
        ("232194_1_mirror", "300w"),
        ("indoor_001", "300w-private"),
        ("outdoor_300", "300w-private"),
        ("frame_0001", ""),
        ("photo", ""),
        ("my_232194_1", ""),
    ],
)
def test_protocol_follows_from_the_file_and_not_from_the_folder(tmp_path, write_image, name, protocol):
    for folder in ("ibug", "photos"):
        write_pts(write_image(tmp_path / folder / f"{name}.jpg").with_suffix(".pts"), mean_shape(IBUG) * 50)
    assert [sample.protocol for sample in w300.read(tmp_path)] == [protocol] * 2
    assert w300.find_protocol(name, 5) == ""


@pytest.mark.parametrize(
    ("folders", "subset"),
    [
        (["helen/trainset", "helen/testset", "lfpw/testset", "ibug", "afw"], "full"),
        (["helen/testset", "ibug"], "full"),
        (["helen/trainset", "helen/testset"], "common"),
        (["helen/testset"], None),
        (["afw"], None),
        (["01_Indoor", "02_Outdoor"], None),
        (["photos"], None),
    ],
)
def test_subset_for_tests(tmp_path, write_300w, folders, subset):
    assert find_test_subset(write_300w(tmp_path, *folders)) == subset


def test_incomplete_subset_is_a_warning(tmp_path, write_300w, caplog):
    w300.read(write_300w(tmp_path, "helen/testset", "lfpw/testset"), "common")
    assert caplog.messages == [f"{tmp_path}: 2 faces; the subset common of 300-W has 554"]


@pytest.mark.parametrize("folder", ["photos", "not_ibug", "drafw"])
def test_other_folders_are_no_part_of_300w(tmp_path, write_300w, folder):
    (sample,) = read_samples(write_300w(tmp_path, folder))
    assert sample.attributes == {}
    with pytest.raises(DataError, match="no subset 'train'; found none"):
        w300.read(tmp_path, "train")


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "faces", "photos"), [("helen/trainset", 870, 783), ("afw", 337, 185), ("helen/testset", 330, 298)]
)
def test_real_folders(shared_data, folder, faces, photos):
    samples = w300.read(shared_data / "300W" / folder)
    assert (len(samples), len({s.group for s in samples})) == (faces, photos)
    for sample in samples[:: len(samples) // 5]:
        height, width = load_image(sample.path).shape[:2]
        assert geometry.iou(sample.box, np.array([0, 0, width, height])) > 0.02
        assert geometry.box_side(sample.box) > 50


@pytest.mark.data
def test_real_subsets(shared_data):
    counts = {name: len(w300.read(shared_data / "300W", name)) for name in ("train", "common", "challenging", "full")}
    assert counts == {"train": 870 + 337 + 805, "common": 554, "challenging": 135, "full": 689}
