from __future__ import annotations

import pytest

from facelattice.point_names import contains_side, find_pairs, match_names, parse_numbers, split_name
from facelattice.schemes import SCHEMES


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("left_eye", ("left", "eye")),
        ("eyeLeft", ("eye", "left")),
        ("LEye", ("l", "eye")),
        ("LEFT-EYE 2", ("left", "eye", "2")),
        ("brow.L12", ("brow", "l", "12")),
    ],
)
def test_names_are_split_into_words(name, words):
    assert split_name(name) == words


@pytest.mark.parametrize(
    "names",
    [
        "left_eye right_eye", "leftEye rightEye", "left-eye right-eye", "Left_Eye Right_Eye", "eye.left eye.right",
        "eyeLeft eyeRight", "EYE_LEFT EYE_RIGHT", "LeftEye RightEye", "lefteye righteye", "eyeleft eyeright",
        "LEFTEYE RIGHTEYE", "l_eye r_eye", "L_eye R_eye", "eye_L eye_R", "LEye REye", "eyeL1 eyeR1", "l1 r1",
        "leye reye", "Leye Reye", "eyel eyer", "LE RE", "upper_leye upper_reye", "lt_ear rt_ear", "左眼 右眼",
        "linkes_auge rechtes_auge", "ceja_izquierda ceja_derecha", "olho_esquerdo olho_direito",
        "linke_braue rechte_braue", "linker_mundwinkel rechter_mundwinkel", "oeil_gauche oeil_droit", "ojo_izq ojo_der",
        "olho_esq olho_dir", "occhio_sx occhio_dx", "vänster_öga höger_öga", "левый_глаз правый_глаз",
        "왼쪽_눈 오른쪽_눈",
    ],
)  # fmt: skip
def test_common_ways_to_name_sides_are_paired(names):
    assert find_pairs(["nose", *names.split()]) == ((1, 2),)


def test_names_with_spaces_are_paired():
    assert find_pairs(["left eye", "right eye"]) == ((0, 1),)


def test_both_sides_in_a_name_are_swapped_together():
    assert find_pairs(["left_eye_l", "left_eye_r", "right_eye_l", "right_eye_r"]) == ((0, 3), (1, 2))


@pytest.mark.parametrize(
    "names", [["bright", "left"], ["tail", "rail"], ["left_eye", "left_eye_2", "nose"], ["lip", "r"]]
)
def test_other_names_are_not_paired(names):
    assert find_pairs(names) == ()


def test_every_point_has_one_partner_at_most():
    assert find_pairs(["left_eye", "LeftEye", "right_eye"]) == ()  # either of the first two could be meant


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_built_in_schemes_are_paired_by_name(scheme):
    assert find_pairs(scheme.names) == scheme.pairs


def test_sides_in_names():
    assert all(map(contains_side, ["left_eye", "eyeR", "lefteye"]))
    assert not any(map(contains_side, ["nose", "chin_2", "lip"]))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["00", "01", "10"], [0, 1, 10]),
        (["p2", "p1"], [2, 1]),
        (["point_1", "point_2"], [1, 2]),
        (["eye1", "nose1"], None),
        (["p1", "p01"], None),
        (["nose", "1"], None),
        ([], None),
    ],
)
def test_names_that_only_count(names, numbers):
    assert parse_numbers(names) == numbers


def test_names_are_matched_apart_from_capitals_and_separators():
    for names in (["Nose Tip", "RIGHT_EYE", "leftEye"], ["nosetip", "righteye", "lefteye"]):
        assert match_names(names, ["left_eye", "right_eye", "nose_tip"]) == [2, 1, 0]


def test_exact_names_are_matched_first():
    assert match_names(["eye_1", "eye1"], ["eye1", "eye_1"]) == [1, 0]


def test_the_only_name_with_the_same_words_is_matched():
    assert match_names(["nose", "left_eye"], ["left_eye_center", "nose_tip"]) == [1, 0]
    assert match_names(["nose"], ["nose_tip", "nose_base"]) == [None, None]


def test_numbers_match_no_other_names():
    assert match_names(["1", "2"], ["left_eye_1", "nose_2"]) == [None, None]


def test_names_of_the_file_that_the_scheme_does_not_have_are_left_out():
    assert match_names(["ear", "eye", "nose"], ["eye", "mouth"]) == [1, None]
