import os
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.readers import csv, w300, wflw
from facelattice.datasets.readers.detect_layout import read_samples, read_samples_for
from facelattice.datasets.sample import convert_samples, full_face_box, make_sample, mean_shape_of
from facelattice.exceptions import DataError
from facelattice.face import Face
from facelattice.formats import save_faces, write_pts
from facelattice.image_io import load_image
from facelattice.schemes import Scheme, get_scheme, mean_shape

IBUG, WFLW, FIVE = get_scheme("ibug68"), get_scheme("wflw98"), get_scheme("five")


def save_image(path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))


def wflw_tree(root, lines: list[str]) -> None:
    folder = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    folder.mkdir(parents=True)
    (folder / "list_98pt_rect_attr_train.txt").write_text("\n".join(lines) + "\n")


def wflw_line(flags: str = "1 0 0 1 0 1", name: str = "1--Parade/a.jpg") -> str:
    points = mean_shape(WFLW) * 100 + 7
    return " ".join(f"{v:.4f}" for v in points.ravel()) + f" 7 8 107 109 {flags} {name}"


# --- the 300-W tree


def test_a_300w_tree(tmp_path):
    points = mean_shape(IBUG) * 50 + 3
    for name in ("b/photo_2.jpg", "b/photo_1.PNG", "a/image_0007.jpg"):
        save_image(tmp_path / name)
        write_pts((tmp_path / name).with_suffix(".pts"), points)
    samples = read_samples(tmp_path)
    assert [s.path.name for s in samples] == ["image_0007.jpg", "photo_1.PNG", "photo_2.jpg"]
    assert [s.group for s in samples] == ["image_0007", "photo", "photo"]  # two faces of one photo; one photo of a set
    assert samples[0].scheme is IBUG
    assert samples[0].points.dtype == np.float32
    np.testing.assert_allclose(samples[0].points, points, atol=1e-4)  # the file counts from 1, samples from 0
    np.testing.assert_allclose(samples[0].box, geometry.points_box(points), atol=1e-4)
    assert samples[0].mask.all()


def test_the_files_first_pixel_is_ours_at_0(tmp_path):
    save_image(tmp_path / "a.jpg")
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 5\n{\n1 1\n2 1\n1 2\n2 2\n3.5 4\n}\n")
    assert read_samples(tmp_path)[0].points.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1], [2.5, 3]]


def test_300w_errors_name_the_file_and_the_line(tmp_path):
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 2\n{\n1 1\n2 oops\n}\n")
    with pytest.raises(DataError, match=r"a\.pts: no image a\.jpg"):
        read_samples(tmp_path)
    save_image(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"a\.pts, line 5: expected two numbers, not '2 oops'"):
        read_samples(tmp_path)
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 2\n{\n1 1\n2 2\n}\n")
    with pytest.raises(DataError, match=r"a\.pts: no built-in scheme has 2 points .*68 \(ibug68\).*YAML"):
        read_samples(tmp_path)
    with pytest.raises(DataError, match=r"a\.pts: 2 points, but the scheme five has 5"):
        read_samples(tmp_path, scheme=FIVE)
    assert len(read_samples(tmp_path, scheme=Scheme.from_dict({"name": "mine", "points": 2}))) == 1
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 5\n{\n" + "4 4\n" * 5 + "}\n")
    with pytest.raises(DataError, match=r"a\.pts: all points lie on one spot \[3.0, 3.0\]"):
        read_samples(tmp_path)


@pytest.mark.parametrize(
    ("folder", "faces", "photos"), [("helen/trainset", 870, 783), ("afw", 337, 185), ("helen/testset", 157, 146)]
)
def test_real_300w(shared_data, folder, faces, photos):
    samples = w300.read(shared_data / "300W" / folder)
    assert (len(samples), len({s.group for s in samples})) == (faces, photos)
    for sample in samples[:: len(samples) // 5]:
        height, width = load_image(sample.path).shape[:2]
        assert geometry.iou(sample.box, np.array([0, 0, width, height])) > 0.02
        assert geometry.box_side(sample.box) > 50


# --- WFLW


def test_a_wflw_list(tmp_path):
    wflw_tree(tmp_path, [wflw_line(), "", wflw_line("0 1 1 0 1 0", "2--Demo/b.jpg"), wflw_line()])
    samples = read_samples(tmp_path, "train")
    assert [s.path for s in samples] == [
        tmp_path / "WFLW_images" / name for name in ("1--Parade/a.jpg", "2--Demo/b.jpg", "1--Parade/a.jpg")
    ]
    assert (samples[0].scheme, samples[0].group) == (WFLW, samples[2].group)
    assert samples[0].attributes == {
        "pose": True, "expression": False, "illumination": False, "make-up": True, "occlusion": False, "blur": True,
    }  # fmt: skip
    assert samples[1].attributes["expression"]
    assert (samples[0].dataset_box.tolist(), samples[0].benchmark) == ([7, 8, 107, 109], "wflw")
    np.testing.assert_allclose(samples[0].points, mean_shape(WFLW) * 100 + 7, atol=1e-3)
    np.testing.assert_allclose(samples[0].box, geometry.points_box(samples[0].points), atol=1e-4)


def test_a_wflw_list_that_another_program_saved(tmp_path):
    names = ["1--Parade/größe.jpg", os.fsdecode(b"caf\xe9.jpg")]
    wflw_tree(tmp_path, [])
    path = next(tmp_path.rglob("*_train.txt"))
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(os.fsencode(wflw_line(name=name)) + b"\r\n" for name in names))
    samples = read_samples(tmp_path, "train")
    assert [sample.path for sample in samples] == [tmp_path / "WFLW_images" / name for name in names]
    np.testing.assert_allclose(samples[0].points, mean_shape(WFLW) * 100 + 7, atol=1e-3)


def test_wflw_errors_name_the_file_and_the_line(tmp_path):
    good = wflw_line()
    wflw_tree(tmp_path, [good, good.replace("107 109", "107")])
    with pytest.raises(DataError, match=r"attr_train\.txt, line 2: 206 values, but .* make 207"):
        read_samples(tmp_path, "train")
    path = tmp_path / "WFLW_annotations" / "list_98pt_rect_attr_train_test" / "list_98pt_rect_attr_train.txt"
    path.write_text(f"\n{good}\n{'x' + good}\n")
    with pytest.raises(DataError, match=r"attr_train\.txt, line 3: .*'x"):
        read_samples(tmp_path, "train")
    with pytest.raises(DataError, match="choose a subset out of train, not 'val'"):
        read_samples(tmp_path, "val")
    with pytest.raises(DataError, match="choose a subset out of train, not None"):
        read_samples(tmp_path)


@pytest.mark.parametrize(("subset", "faces"), [("train", 262), ("test", 103), ("occlusion", 34), ("blur", 34)])
def test_real_wflw(shared_data, subset, faces):
    samples = read_samples(shared_data / "WFLW", subset)
    assert len(samples) == faces
    assert all(s.path.exists() for s in samples)
    assert 0 < sum(s.attributes["pose"] for s in samples) < faces / 2


# --- CSV


def test_a_csv_table(tmp_path):
    file = tmp_path / "faces.csv"
    file.write_text(
        "image,x0,y0,x1,y1,x2,y2\nsub/Ann_Lee_1.jpg,1,2,3.5,4,5,6\nsub/Ann_Lee_12.jpg,1,2,,,5,6\nBob.jpg,0,0,9,9,1,2\n"
    )
    mine = Scheme.from_dict({"name": "mine", "points": 3})
    samples = read_samples(file, scheme=mine)
    assert [s.path for s in samples] == [tmp_path / n for n in ("sub/Ann_Lee_1.jpg", "sub/Ann_Lee_12.jpg", "Bob.jpg")]
    assert samples[0].points.tolist() == [[1, 2], [3.5, 4], [5, 6]]
    assert samples[1].mask.tolist() == [True, False, True]
    assert np.isnan(samples[1].points[1]).all()
    assert samples[1].box.tolist() == [1, 2, 5, 6]
    assert samples[0].group == samples[1].group != samples[2].group


def test_csv_errors_name_the_file_and_the_place(tmp_path):
    file = tmp_path / "faces.csv"
    mine = Scheme.from_dict({"name": "mine", "points": 2})
    for text, message in (
        ("image,x0,y0,x1,y1\na.jpg,1,2,3\n", r"faces\.csv, line 2: 4 columns, but the header has 5"),
        ("image,x0,y0,x1,y1\na.jpg,1,2,3,4\n\nb.jpg,1,2,3,q\n", r"faces\.csv, line 4, point 1: expected two numbers"),
        ("image,x0,y0,x1,y1\na.jpg,1,2,3,4\nb.jpg,1,2,,\n", r"faces\.csv, face 2 \(b\.jpg\): fewer than two points"),
        ("image,x0,y0\na.jpg,1,2\n", r"faces\.csv, face 1 \(a\.jpg\): 1 points, but the scheme mine has 2"),
        ("image,x0,y0,x1,y1\n", r"no faces in faces\.csv"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            read_samples(file, scheme=mine)


def test_real_csv(shared_data):
    samples = csv.read(shared_data / "youtube-faces" / "train.csv")
    assert (len(samples), samples[0].scheme) == (3535, IBUG)
    assert Counter(s.group for s in samples)["train/Agbani_Darego"] == 15  # frames of one person
    assert samples[0].path.exists()
    five = csv.read(shared_data / "mtfl5" / "points.csv")
    assert (len(five), five[0].scheme) == (7146, FIVE)


# --- what a path holds


def test_paths_that_hold_no_data_set(tmp_path):
    for path, message in (
        (tmp_path / "none", "there is no such file or folder"),
        (tmp_path, "not a data set; looked for .pts files"),
        (tmp_path / "notes.txt", "not a data set"),
    ):
        (tmp_path / "notes.txt").write_text("hello")
        with pytest.raises(DataError, match=message):
            read_samples(path)
    (tmp_path / "a.csv").write_text("image,x0,y0,x1,y1\na.jpg,1,2,3,4\n")
    with pytest.raises(DataError, match="a table has no subsets, so there is no 'train'"):
        read_samples(tmp_path / "a.csv", "train", Scheme.from_dict({"name": "mine", "points": 2}))


def test_points_of_no_named_scheme_are_the_programs_only_if_that_is_the_users_own(tmp_path):
    (tmp_path / "t.csv").write_text("image,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,1,2,3,4,5,6,7,8,9,1\n")
    mine = Scheme.from_dict({"name": "mine", "points": 5})
    assert read_samples_for(mine, tmp_path / "t.csv")[0].scheme is mine
    assert read_samples_for(IBUG, tmp_path / "t.csv")[0].scheme is FIVE


# --- several schemes in one training set


def placed(scheme: Scheme, rotation: float = 0.0, scale: float = 200.0, center=(300, 250)):
    """A sample whose face is the scheme's mean shape, turned and put somewhere."""
    matrix = geometry.crop_transform(np.array([0.0, 0, 1, 1]), 2, 2 / scale, rotation)
    matrix[:, 2] = np.array(center) - matrix[:, :2] @ [0.5, 0.5]
    return make_sample("a.jpg", geometry.apply(matrix, mean_shape(scheme)), scheme, "a", "here")


def test_68_98_and_5_points_mix_by_conversion_and_mask():
    mixed = convert_samples([placed(IBUG), placed(WFLW), placed(FIVE)], IBUG, mean_shape(IBUG))
    assert [s.scheme for s in mixed] == [IBUG] * 3
    assert [s.points.shape for s in mixed] == [(68, 2)] * 3
    assert [int(s.mask.sum()) for s in mixed] == [68, 68, 3]
    assert np.flatnonzero(mixed[2].mask).tolist() == [30, 48, 54]  # not the eye centers
    assert np.isnan(mixed[2].points[~mixed[2].mask]).all()
    np.testing.assert_allclose(mixed[1].points, placed(IBUG).points, atol=1e-3)
    np.testing.assert_allclose(mixed[2].points[30], placed(FIVE).points[2], atol=1e-3)


@pytest.mark.parametrize("rotation", [0, 35, -90])
@pytest.mark.parametrize("source", [WFLW, FIVE], ids=["wflw98", "five"])
def test_the_box_is_always_that_of_the_whole_face(source, rotation):
    wanted = placed(IBUG, rotation).box
    box = convert_samples([placed(source, rotation)], IBUG, mean_shape(IBUG))[0].box
    assert geometry.iou(box, wanted) > 0.93
    assert geometry.box_side(placed(FIVE).box) < 0.6 * geometry.box_side(placed(IBUG).box)  # their own box would not do


def test_a_half_hidden_face_keeps_its_whole_box_and_its_outliers():
    whole = placed(IBUG, 20)
    mask = np.arange(68) >= 17  # the jaw is missing
    points = np.where(mask[:, None], whole.points, np.nan)
    half = replace(whole, points=points, mask=mask, box=geometry.points_box(points, mask))
    assert geometry.iou(half.box, whole.box) < 0.6
    assert geometry.iou(convert_samples([half], IBUG, mean_shape(IBUG))[0].box, whole.box) > 0.99
    half.points[40] = (0, 0)  # a point that the mean shape falls short of belongs to the face as well
    assert full_face_box(half, IBUG, mean_shape(IBUG))[:2].tolist() == [0, 0]


def test_without_a_mean_shape_the_box_is_the_samples_own():
    sample = placed(FIVE)
    assert convert_samples([sample], IBUG, None)[0].box is sample.box


def test_samples_without_a_point_in_common_are_left_out():
    sample = placed(WFLW)
    mask = np.zeros(98, bool)
    mask[96:] = True  # the pupils, which 68 points do not have
    assert convert_samples([replace(sample, mask=mask)], IBUG, mean_shape(IBUG)) == []
    with pytest.raises(ValueError, match="no conversion"):
        convert_samples([sample], get_scheme("aflw19"), None)


def test_one_point_in_common_is_enough_to_stay():
    sample = placed(FIVE)
    nose = np.arange(5) == 2
    (kept,) = convert_samples([replace(sample, points=np.where(nose[:, None], sample.points, np.nan), mask=nose)], IBUG, None)
    assert np.flatnonzero(kept.mask).tolist() == [30]
    assert kept.box is sample.box


def test_a_point_made_of_several_is_hidden_with_any_of_them():
    hidden = np.isin(np.arange(68), [0, 37, 48])  # the jaw's first, one of six around the left eye, a mouth corner
    (five,) = convert_samples([replace(placed(IBUG), hidden=hidden)], FIVE, mean_shape(FIVE))
    assert five.hidden.tolist() == [True, False, False, True, False]


def test_mean_face_is_over_complete_faces_each_in_its_own_box():
    expected = (placed(IBUG).points - geometry.box_center(placed(IBUG).box)) / geometry.box_side(placed(IBUG).box)
    incomplete = replace(placed(IBUG), mask=np.arange(68) > 3)
    mean = mean_shape_of([placed(IBUG, scale=50), placed(IBUG, scale=900, center=(9, 9)), incomplete])
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    assert mean_shape_of([incomplete]) is None


def test_real_sources_mix(shared_data):
    sources = [
        w300.read(shared_data / "300W" / "afw")[:50],
        wflw.read(shared_data / "WFLW", "train")[:50],
        csv.read(shared_data / "mtfl5" / "points.csv")[::500],
    ]
    mean = mean_shape_of([s for samples in sources for s in convert_samples(samples, IBUG, None)])
    mixed = [convert_samples(samples, IBUG, mean) for samples in sources]
    assert [len(samples) for samples in mixed] == [50, 50, len(sources[2])]
    for sample in mixed[2]:  # 80 px crops of heads: the box of 68 points is 30 to 80 px of them
        assert 25 < geometry.box_side(sample.box) < 90


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["img_1.jpg", "img_2.jpg", "img_31.jpg"], ["img_1", "img_2", "img_31"]),  # photos numbered through
        (["img_0001.jpg", "img_0002.jpg", "b.jpg"], ["img_0001", "img_0002", "b"]),
        (["ann_1.jpg", "ann_2.jpg", "bob_1.jpg"], ["ann", "ann", "bob"]),  # frames of people
        (["a.1_1.jpg", "a.1_2.jpg", "a.2_1.jpg"], ["a.1", "a.1", "a.2"]),
    ],
)
def test_a_table_groups_the_frames_of_a_person_but_not_photos_numbered_through(tmp_path, names, groups):
    lines = [f"{name},1,2,30,4,5,60,7,8,90,10" for name in names]
    (tmp_path / "t.csv").write_text("\n".join(["image," + ",".join(f"x{i},y{i}" for i in range(5)), *lines]))
    assert [s.group for s in read_samples(tmp_path / "t.csv")] == groups


@pytest.mark.parametrize("format", ["csv", "coco", "dlib", "pts"])
def test_every_kind_of_data_groups_as_a_table_does(tmp_path, format):
    points = np.array([[1, 2], [30, 4], [5, 60], [7, 8], [90, 10]], np.float32)
    face = Face(points, np.ones(5), 1.0, geometry.points_box(points), FIVE)
    for count, names in ((24, [f"img_{i:02}" for i in range(24)]), (2, ["ann_1", "ann_2", "ann_3", "bob_1"])):
        images = [tmp_path / f"{count}" / f"{name}.png" for name in names]
        for image in images:
            save_image(image)
            if format == "pts":
                write_pts(image.with_suffix(".pts"), points)
        if format != "pts":
            save_faces([(image, [face]) for image in images], tmp_path / f"{count}", format)
        samples = read_samples(tmp_path / f"{count}")
        groups = {sample.group for sample in samples}
        assert (len(samples), len(groups)) == (len(names), count)
        if count == 24:
            assert groups == set(names)  # the same whatever the format, so that a photo falls on one side
