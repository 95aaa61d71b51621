import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError, MissingDependencyError, SchemeError
from facelattice.schemes import SCHEMES, Scheme, convert, get_scheme, mean_shape

every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))


@pytest.mark.parametrize(
    ("name", "points", "pairs"),
    [("ibug68", 68, 29), ("wflw98", 98, 44), ("cofw29", 29, 11), ("aflw19", 19, 8), ("five", 5, 2),
     ("jd106", 106, 48), ("insightface106", 106, 48)],
)  # fmt: skip
def test_number_of_points_and_pairs(name, points, pairs):
    scheme = get_scheme(name)
    assert (scheme.name, len(scheme), len(scheme.pairs)) == (name, points, pairs)


def test_pairs_of_well_known_points():
    def pairs(name):
        return {frozenset(pair) for pair in get_scheme(name).pairs}

    def sets(text):
        return {frozenset(map(int, pair.split("-"))) for pair in text.split()}

    assert pairs("aflw19") == sets("0-5 1-4 2-3 6-11 7-10 8-9 12-14 15-17")
    assert pairs("cofw29") == sets("0-1 4-6 2-3 5-7 8-9 10-11 12-14 16-17 13-15 18-19 22-23")
    assert pairs("ibug68") == sets(
        "0-16 1-15 2-14 3-13 4-12 5-11 6-10 7-9 17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 38-43 39-42 "
        "40-47 41-46 48-54 49-53 50-52 55-59 56-58 60-64 61-63 65-67"
    )
    assert pairs("wflw98") >= sets(
        "0-32 15-17 33-46 37-42 38-50 41-47 60-72 64-68 65-75 67-73 55-59 76-82 83-87 93-95 96-97"
    )


@pytest.mark.parametrize(
    ("name", "ocular", "tip", "corners"),
    [
        ("ibug68", ((36,), (45,)), 30, (48, 54)),
        ("wflw98", ((60,), (72,)), 54, (76, 82)),
        ("cofw29", ((8,), (9,)), 20, (22, 23)),
        ("aflw19", ((6,), (11,)), 13, (15, 17)),
        ("five", None, 2, (3, 4)),
    ],
)
def test_names_of_well_known_points(name, ocular, tip, corners):
    scheme = get_scheme(name)
    assert scheme.ocular == ocular
    if ocular is not None:
        assert [scheme.names[ids[0]] for ids in ocular] == ["left_eye_outer", "right_eye_outer"]
    assert scheme.names[tip] == "nose_tip"
    assert [scheme.names[i] for i in corners] == ["left_mouth", "right_mouth"]


def test_pupils_of_the_schemes():
    pupils = {name: scheme.pupils for name, scheme in SCHEMES.items()}
    assert pupils == {
        "ibug68": ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47)),
        "wflw98": ((96,), (97,)),
        "cofw29": ((16,), (17,)),
        "aflw19": ((7,), (10,)),
        "five": ((0,), (1,)),
        "jd106": ((104,), (105,)),
        "insightface106": ((38,), (92,)),
    }


@every_scheme
def test_regions_contain_each_point_once_and_each_line_is_in_one_region(scheme):
    assert sorted(i for ids in scheme.regions.values() for i in ids) == list(range(len(scheme)))
    for line in scheme.lines:
        assert any(set(line) <= set(ids) for ids in scheme.regions.values())


@every_scheme
def test_mirror_is_its_own_inverse(scheme):
    assert (scheme.mirror[scheme.mirror] == np.arange(len(scheme))).all()


@every_scheme
def test_mean_shape_is_symmetric(scheme):
    mean = mean_shape(scheme)
    assert mean.shape == (len(scheme), 2)
    assert mean.dtype == np.float32
    assert mean.min() >= 0
    assert mean.max() <= 1
    np.testing.assert_allclose(mean[scheme.mirror] * [-1, 1] + [1, 0], mean, atol=1e-7)
    for left, right in scheme.pairs:
        sides = (left, right) if "left" in scheme.names[left] else (right, left)
        assert mean[sides[0], 0] < 0.5 < mean[sides[1], 0]


def test_mean_shapes_have_the_same_nose_tip():
    tips = {name: scheme.names.index("nose_tip") for name, scheme in SCHEMES.items()}
    for name, tip in tips.items():
        np.testing.assert_allclose(mean_shape(SCHEMES[name])[tip], [0.5, 0.434], atol=1e-6)


def test_mean_shape_of_another_scheme_is_rejected():
    with pytest.raises(SchemeError, match="no mean shape is stored for 'dog'"):
        mean_shape(Scheme.from_dict({"name": "dog", "points": 3}))


@every_scheme
def test_to_dict_and_from_dict_round_trip(scheme):
    copy = Scheme.from_dict(json.loads(json.dumps(scheme.to_dict())))
    assert copy.to_dict() == scheme.to_dict()
    assert copy.names == scheme.names
    assert copy.regions == scheme.regions


def test_unknown_name_suggests_the_nearest_and_lists_all():
    with pytest.raises(SchemeError, match=r"'ibug86'; did you mean ibug68\?.*wflw98, cofw29, aflw19, five"):
        get_scheme("ibug86")


# --- conversions


def wflw_points(shared_data: Path) -> np.ndarray:
    lists = shared_data / "WFLW/WFLW_annotations/list_98pt_rect_attr_train_test"
    rows = (lists / "list_98pt_rect_attr_train.txt").read_text(encoding="utf-8").splitlines()
    return np.array([row.split()[:196] for row in rows], np.float32).reshape(-1, 98, 2)


@pytest.mark.data
def test_98_to_68_points_and_back_on_real_faces(shared_data):
    wflw, ibug = get_scheme("wflw98"), get_scheme("ibug68")
    for points in wflw_points(shared_data)[:20]:
        out, known = convert(points, np.ones(98, bool), wflw, ibug)
        assert known.all()
        assert out.dtype == np.float32
        back, known = convert(out, known, ibug, wflw)
        assert known.sum() == 68
        assert np.isnan(back[~known]).all()
        np.testing.assert_array_equal(back[known], points[known])
        # Mirroring before or after the conversion gives the same points.
        mirrored, _ = convert(points[wflw.mirror], np.ones(98, bool), wflw, ibug)
        np.testing.assert_array_equal(mirrored, out[ibug.mirror])


@pytest.mark.data
def test_mean_of_converted_wflw_faces_is_close_to_the_mean_of_annotated_300w_faces(shared_data):
    wflw, ibug = get_scheme("wflw98"), get_scheme("ibug68")
    files = sorted((shared_data / "300W/helen/trainset").glob("*.pts"))[:100]
    annotated = [np.loadtxt(file, skiprows=3, comments="}") for file in files]
    converted = [convert(points, np.ones(98, bool), wflw, ibug)[0] for points in wflw_points(shared_data)]

    def mean(shapes):
        shapes = np.array(shapes, float)
        shapes = np.concatenate([shapes, shapes[:, ibug.mirror] * [-1, 1]])
        shapes -= shapes.mean(1, keepdims=True)
        return (shapes / np.linalg.norm(shapes, axis=(1, 2), keepdims=True)).mean(0)

    a, b = mean(annotated), mean(converted)
    error = np.linalg.norm(a - b, axis=1) / np.linalg.norm(a[45] - a[36])
    assert error.mean() < 0.06
    assert error.max() < 0.2


@pytest.mark.parametrize(("name", "tip", "corners"), [("ibug68", 30, [48, 54]), ("wflw98", 54, [76, 82])])
def test_conversion_to_five_points_and_back(name, tip, corners):
    source, five = get_scheme(name), get_scheme("five")
    points = mean_shape(source)
    out, known = convert(points, np.ones(len(source), bool), source, five)
    assert known.all()
    eye = points[[i for i in source.regions["left_eye"] if "pupil" not in source.names[i]]]
    np.testing.assert_allclose(out[0], eye.mean(0), atol=1e-6)
    np.testing.assert_array_equal(out[2:], points[[tip, *corners]])
    back, known = convert(out, known, five, source)
    assert np.flatnonzero(known).tolist() == sorted([tip, *corners])
    np.testing.assert_array_equal(back[[tip, *corners]], out[2:])


def test_converted_point_needs_all_of_its_source_points():
    source, five = get_scheme("ibug68"), get_scheme("five")
    mask = np.ones(68, bool)
    mask[[37, 54]] = False
    out, known = convert(mean_shape(source), mask, source, five)
    assert known.tolist() == [False, True, True, True, False]
    assert np.isnan(out).any(1).tolist() == [True, False, False, False, True]


def test_conversion_to_the_same_scheme_changes_nothing():
    scheme = get_scheme("cofw29")
    points, mask = mean_shape(scheme), np.arange(29) % 3 > 0
    out, known = convert(points, mask, scheme, scheme)
    np.testing.assert_array_equal(out, points)
    np.testing.assert_array_equal(known, mask)


def test_impossible_conversions_are_rejected():
    with pytest.raises(SchemeError, match="no conversion from aflw19 to cofw29"):
        convert(np.zeros((19, 2)), np.ones(19, bool), get_scheme("aflw19"), get_scheme("cofw29"))
    with pytest.raises(ArgumentError, match=r"ibug68 has 68 points, but points are \(98, 2\)"):
        convert(np.zeros((98, 2)), np.ones(98, bool), get_scheme("ibug68"), get_scheme("five"))


# --- custom schemes


def test_yaml_with_names_and_indices(tmp_path):
    file = tmp_path / "dog.yaml"
    file.write_text(
        "name: dog\npoints: [left_eye, right_eye, nose]\npairs: [[left_eye, 1]]\nregions: {eyes: [0, right_eye]}\n"
        "lines: [[left_eye, nose, 1]]\nocular: [left_eye, right_eye]\npupils: [[0], [1]]\n",
        encoding="utf-8",
    )
    dog = get_scheme(file)
    assert (dog.name, dog.names) == ("dog", ("left_eye", "right_eye", "nose"))
    assert (dog.pairs, dog.lines, dog.regions) == (((0, 1),), ((0, 2, 1),), {"eyes": [0, 1]})
    assert dog.ocular == dog.pupils == ((0,), (1,))
    assert dog.mirror.tolist() == [1, 0, 2]
    assert Scheme.from_dict(json.loads(json.dumps(dog.to_dict()))).to_dict() == dog.to_dict()


def test_yaml_with_a_number_of_points(tmp_path):
    file = tmp_path / "hand.yml"
    file.write_text("name: hand\npoints: 3\n", encoding="utf-8")
    hand = get_scheme(str(file))
    assert hand.names == ("point_0", "point_1", "point_2")
    assert (hand.pairs, hand.lines, hand.regions, hand.ocular) == ((), (), {}, None)


def test_pairs_are_found_by_name_unless_given():
    points = ["tip", "right_ear_top", "bright", "left_ear_top", "left"]
    assert Scheme.from_dict({"name": "cat", "points": points}).pairs == ((1, 3),)
    assert Scheme.from_dict({"name": "cat", "points": points, "pairs": []}).pairs == ()


def test_schemes_with_the_same_names_are_converted_by_name():
    first = Scheme.from_dict({"name": "a", "points": ["eye", "nose", "mouth"]})
    second = Scheme.from_dict({"name": "b", "points": ["mouth", "eye", "nose"]})
    points, mask = convert(np.array([[1, 1], [2, 2], [3, 3]]), np.array([True, False, True]), first, second)
    assert points[:, 0].tolist() == [3, 1, 2]
    assert mask.tolist() == [True, True, False]
    numbered = [Scheme.from_dict({"name": name, "points": 3}) for name in "ab"]
    with pytest.raises(SchemeError, match="no conversion from a to b"):  # numbers do not say what the points are
        convert(points, mask, *numbered)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "keys name, points"),
        ("name: [", "dog.yaml"),
        ("points: 3", "name: this key is missing"),
        ("name: dog", "points: this key is missing"),
        ("name: dog\npoints: 0", "points: the number must be from 1 to 100000, not 0"),
        ("name: dog\npoints: 500000000", "points: the number must be from 1 to 100000"),
        ("name: dog\npoints: &a [b]\nlines: [*a]", "aliases, and lists in more than 20 lists, are not supported"),
        (f"name: dog\npoints: {'[' * 50_000}", "lists in more than 20 lists"),
        ("name: dog\npoints: many", "points: must be a list.*'many'"),
        ("name: dog\npoints: [a, 2]", "points: 2 is not a name"),
        ("name: dog\npoints: [a, b, a]", "points: 'a' occurs 2 times"),
        ("name: dog\npoints: 3\npair: [[0, 1]]", "pair: unknown key"),
        ("name: dog\npoints: 3\npairs: 1", "pairs: must consist of lists"),
        ("name: dog\npoints: 3\npairs: [[0, 3]]", "pairs: there is no point 3; indices go from 0 to 2"),
        ("name: dog\npoints: 3\npairs: [[0, -1]]", "pairs: there is no point -1"),
        ("name: dog\npoints: 3\npairs: [[0, 1], [2, 0]]", r"pairs: point 0 \(point_0\) is in 2 pairs"),
        ("name: dog\npoints: 3\npairs: [[1, 1]]", r"pairs: \[1, 1\] is not two different points"),
        ("name: dog\npoints: 3\npairs: [[0, 1, 2]]", r"pairs: \[0, 1, 2\] is not two"),
        ("name: dog\npoints: [nose, eye]\nlines: [[nose, eyes]]", "lines: there is no point 'eyes'; did you mean eye"),
        ("name: dog\npoints: 3\nlines: [0, 1]", "lines: must consist of lists of points"),
        ("name: dog\npoints: 3\nregions: [0]", "regions: must map names"),
        ("name: dog\npoints: 3\nocular: [0]", "ocular: must be two"),
        ("name: ibug68\npoints: 3", "name: 'ibug68' is a built-in scheme"),
    ],
)
def test_wrong_yaml_is_rejected_with_file_and_key(tmp_path, text, message):
    file = tmp_path / "dog.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SchemeError, match=message) as caught:
        get_scheme(file)
    assert str(file) in str(caught.value)


def test_missing_yaml_file_and_missing_package(tmp_path, monkeypatch):
    (tmp_path / "nome.yml").touch()
    with pytest.raises(SchemeError, match=r"none\.yaml: cannot be read \(No such file .*\); did you mean nome\.yml\?"):
        get_scheme(tmp_path / "none.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SchemeError, match=r"folder\.yaml: cannot be read \(.*\)$"):
        get_scheme(tmp_path / "folder.yaml")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "facelattice\[evaluate\]"'):
        get_scheme(tmp_path / "none.yaml")


def test_106_points_are_those_of_98_and_eight_more():
    jd, wflw = get_scheme("jd106"), get_scheme("wflw98")
    more = {f"{side}_nose_side_{i}" for side in ("left", "right") for i in range(3)} | {
        "left_eye_center",
        "right_eye_center",
    }
    assert set(jd.names) == set(wflw.names) | more
    points = np.arange(212, dtype=np.float32).reshape(106, 2)
    converted, known = convert(points, np.ones(106, bool), jd, wflw)
    assert known.all()
    for i, name in enumerate(wflw.names):
        np.testing.assert_array_equal(converted[i], points[jd.names.index(name)])


def test_both_orders_of_106_points_give_the_same_68():
    # The indices of InsightFace's points for the 68 of iBUG, as published by many users of its model.
    published = [
        1, 10, 12, 14, 16, 3, 5, 7, 0, 23, 21, 19, 32, 30, 28, 26, 17, 43, 48, 49, 51, 50, 102, 103, 104, 105, 101, 72,
        73, 74, 86, 78, 79, 80, 85, 84, 35, 41, 42, 39, 37, 36, 89, 95, 96, 93, 91, 90, 52, 64, 63, 71, 67, 68, 61, 58,
        59, 53, 56, 55, 65, 66, 62, 70, 69, 57, 60, 54,
    ]  # fmt: skip
    jd, insightface, ibug = get_scheme("jd106"), get_scheme("insightface106"), get_scheme("ibug68")
    points, every = np.random.default_rng(0).normal(size=(106, 2)).astype(np.float32), np.ones(106, bool)
    converted, known = convert(points, every, insightface, ibug)
    assert known.all()
    np.testing.assert_array_equal(converted, points[published])
    reordered, known = convert(points, every, insightface, jd)
    assert known.all()
    np.testing.assert_array_equal(convert(reordered, known, jd, ibug)[0], converted)


@pytest.mark.data
def test_106_points_of_lapa(shared_data):
    data = json.loads((shared_data / "coco-json/lapa/test_lapa.json").read_text(encoding="utf-8"))
    jd, ibug = get_scheme("jd106"), get_scheme("ibug68")
    for annotation in data["annotations"]:
        points = np.array(annotation["keypoints"], np.float32).reshape(106, 3)[:, :2]
        converted, _ = convert(points, np.ones(106, bool), jd, ibug)
        assert (np.diff(points[jd.regions["jaw"][:17], 1]) > 0).all()
        assert converted[30].tolist() == points[54].tolist()  # the tip of the nose
        for eye in ("left_eye", "right_eye"):
            center = points[jd.names.index(f"{eye}_center")]
            assert np.abs(converted[ibug.regions[eye]].mean(0) - center).max() < 0.03 * np.ptp(points, axis=0).max()


def test_equal_schemes_are_unpickled_as_one_object():
    assert pickle.loads(pickle.dumps(get_scheme("wflw98"))) is get_scheme("wflw98")
    dog = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"], "regions": {"eyes": [0, 1]}})
    copies = [pickle.loads(pickle.dumps(dog)) for _ in range(2)]
    assert copies[0] is copies[1]
    assert copies[0].to_dict() == dog.to_dict()
