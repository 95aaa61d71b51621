"""Data of the built-in point schemes: names, regions, lines, conversions and a mean shape.

"left" is the left side of the image. Names of mirrored points differ only in "left" and "right", which defines the
mirror pairs. Points on a contour are counted from the outside to the center of the face on both sides.
"""

from __future__ import annotations

from typing import Any

Conversion = tuple[tuple[int, ...], ...]
"""For each target point, the source points of which it is the mean."""


def other_side(name: str) -> str:
    """Swap the words left and right in a name: "left_eye_outer" becomes "right_eye_outer"."""
    sides = {"left": "right", "right": "left"}
    return "_".join(sides.get(word, word) for word in name.split("_"))


def _each(prefix: str, words: str) -> list[str]:
    return [f"{prefix}_{word}" for word in words.split()]


def _across(left: list[str], *middle: str) -> list[str]:
    """List names from the left of the face over its center to the right."""
    return [*left, *middle, *map(other_side, reversed(left))]


def _ring(start: int, stop: int) -> list[int]:
    return [*range(start, stop), start]


def _one_each(*ids: int) -> Conversion:
    return tuple((i,) for i in ids)


_NOSE = [
    *_each("nose", "bridge_0 bridge_1 bridge_2 tip"),
    *_across(["left_nostril", "left_nostril_inner"], "nose_base"),
]
_MOUTH = [
    *_across(["left_mouth", "left_upper_lip_0", "left_upper_lip_1"], "upper_lip"),
    *reversed(_across(["left_lower_lip_0", "left_lower_lip_1"], "lower_lip")),
    *_across(["left_mouth_inner", "left_upper_lip_inner"], "upper_lip_inner"),
    *reversed(_across(["left_lower_lip_inner"], "lower_lip_inner")),
]

_JAW_33 = _across(_each("left_jaw", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), "chin")
_BROWS_18 = [
    *_each("left_brow", "outer top_0 top_1 top_2 top_3 bottom_3 bottom_2 bottom_1 bottom_0"),
    *_each("right_brow", "top_3 top_2 top_1 top_0 outer bottom_0 bottom_1 bottom_2 bottom_3"),
]
_LEFT_EYE_8 = _each("left_eye", "outer top_0 top_1 top_2 inner bottom_2 bottom_1 bottom_0")
_RIGHT_EYE_8 = _each("right_eye", "inner top_2 top_1 top_0 outer bottom_0 bottom_1 bottom_2")

# The points of the datasets LaPa and JD-landmark. The names are those of wflw98, with six more points of the nose and
# the centers of the eyes.
_JD_NAMES = [
    *_JAW_33, *_BROWS_18, *_NOSE[:4],
    *_across([*_each("left_nose_side", "0 1 2"), "left_nostril", "left_nostril_inner"], "nose_base"),
    *_LEFT_EYE_8, "left_eye_center", *_RIGHT_EYE_8, "right_eye_center", *_MOUTH, *_across(["left_pupil"]),
]  # fmt: skip
# For each point of jd106, its index in InsightFace's model 2d106det.
_INSIGHTFACE_ORDER = [
    1, *range(9, 17), *range(2, 9), 0, *range(24, 17, -1), *range(32, 24, -1), 17,
    43, 48, 49, 51, 50, 46, 47, 45, 44, 102, 103, 104, 105, 101, 100, 99, 98, 97,
    72, 73, 74, 86, 75, 76, 77, 78, 79, 80, 85, 84, 83, 82, 81,
    35, 41, 40, 42, 39, 37, 33, 36, 34, 89, 95, 94, 96, 93, 91, 87, 90, 88,
    52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55, 65, 66, 62, 70, 69, 57, 60, 54, 38, 92,
]  # fmt: skip


def _scheme_106(name: str, order: list[int]) -> dict[str, Any]:
    """Return a scheme with the points of jd106, each at the index that ``order`` gives."""

    def at(ids: Any) -> list[int]:
        return [order[i] for i in ids]

    names = [""] * len(order)
    for point, i in zip(_JD_NAMES, order, strict=True):
        names[i] = point
    return {
        "name": name,
        "points": names,
        "regions": {"jaw": at(range(33)), "left_brow": at(range(33, 42)), "right_brow": at(range(42, 51)),
                    "nose": at(range(51, 66)), "left_eye": at([*range(66, 75), 104]),
                    "right_eye": at([*range(75, 84), 105]), "mouth": at(range(84, 104))},
        "lines": [at(line) for line in ([*range(33)], _ring(33, 42), _ring(42, 51), [*range(51, 55)], [*range(55, 66)],
                                        _ring(66, 74), _ring(75, 83), _ring(84, 96), _ring(96, 104))],
        "ocular": at([66, 79]),
        "pupils": at([104, 105]),
    }  # fmt: skip


BUILT_IN: list[dict[str, Any]] = [
    {
        "name": "ibug68",
        "points": [
            *_across(_each("left_jaw", "0 1 2 3 4 5 6 7"), "chin"),
            *_across(_each("left_brow", "0 1 2 3 4")),
            *_NOSE,
            *_each("left_eye", "outer top_0 top_1 inner bottom_1 bottom_0"),
            *_each("right_eye", "inner top_1 top_0 outer bottom_0 bottom_1"),
            *_MOUTH,
        ],
        "regions": {"jaw": [*range(17)], "left_brow": [*range(17, 22)], "right_brow": [*range(22, 27)],
                    "nose": [*range(27, 36)], "left_eye": [*range(36, 42)], "right_eye": [*range(42, 48)],
                    "mouth": [*range(48, 68)]},
        "lines": [[*range(17)], [*range(17, 22)], [*range(22, 27)], [*range(27, 31)], [*range(31, 36)], _ring(36, 42),
                  _ring(42, 48), _ring(48, 60), _ring(60, 68)],
        "ocular": [36, 45],
        "pupils": [[*range(36, 42)], [*range(42, 48)]],
    },
    {
        "name": "wflw98",
        "points": [
            *_JAW_33, *_BROWS_18, *_NOSE, *_LEFT_EYE_8, *_RIGHT_EYE_8, *_MOUTH,
            *_across(["left_pupil"]),
        ],
        "regions": {"jaw": [*range(33)], "left_brow": [*range(33, 42)], "right_brow": [*range(42, 51)],
                    "nose": [*range(51, 60)], "left_eye": [*range(60, 68), 96], "right_eye": [*range(68, 76), 97],
                    "mouth": [*range(76, 96)]},
        "lines": [[*range(33)], _ring(33, 42), _ring(42, 51), [*range(51, 55)], [*range(55, 60)], _ring(60, 68),
                  _ring(68, 76), _ring(76, 88), _ring(88, 96)],
        "ocular": [60, 72],
        "pupils": [96, 97],
    },
    {
        "name": "cofw29",
        "points": [
            *_across(["left_brow_outer"]), *_across(["left_brow_inner"]), *_each("left_brow", "top bottom"),
            *_each("right_brow", "top bottom"), *_across(["left_eye_outer"]), *_across(["left_eye_inner"]),
            *_each("left_eye", "top bottom"), *_each("right_eye", "top bottom"), *_across(["left_pupil"]),
            *_across(["left_nostril"]), "nose_tip", "nose_base", *_across(["left_mouth"]), "upper_lip",
            "upper_lip_inner", "lower_lip_inner", "lower_lip", "chin",
        ],
        "regions": {"jaw": [28], "left_brow": [0, 4, 2, 5], "right_brow": [3, 6, 1, 7], "nose": [18, 19, 20, 21],
                    "left_eye": [8, 12, 10, 13, 16], "right_eye": [11, 14, 9, 15, 17], "mouth": [*range(22, 28)]},
        "lines": [[0, 4, 2, 5, 0], [3, 6, 1, 7, 3], [20, 21], [18, 21, 19], [8, 12, 10, 13, 8], [11, 14, 9, 15, 11],
                  [22, 24, 23, 27, 22], [22, 25, 23, 26, 22]],
        "ocular": [8, 9],
        "pupils": [16, 17],
    },
    {
        "name": "aflw19",
        "points": [
            *_across(_each("left_brow", "outer middle inner")),
            *_across(["left_eye_outer", "left_eye", "left_eye_inner"]),
            *_across(["left_nostril"], "nose_tip"),
            *_across(["left_mouth"], "mouth"),
            "chin",
        ],
        "regions": {"jaw": [18], "left_brow": [0, 1, 2], "right_brow": [3, 4, 5], "nose": [12, 13, 14],
                    "left_eye": [6, 7, 8], "right_eye": [9, 10, 11], "mouth": [15, 16, 17]},
        "lines": [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14], [15, 16, 17]],
        "ocular": [6, 11],
        "pupils": [7, 10],
    },
    {
        "name": "five",
        "points": ["left_eye", "right_eye", "nose_tip", "left_mouth", "right_mouth"],
        "regions": {"left_eye": [0], "right_eye": [1], "nose": [2], "mouth": [3, 4]},
        "lines": [[3, 4]],
        "pupils": [0, 1],  # no ocular, because it has no eye corners
    },
    _scheme_106("jd106", [*range(106)]),
    _scheme_106("insightface106", _INSIGHTFACE_ORDER),
]  # fmt: skip

_JD_OF_98 = [*range(55), *range(58, 63), *range(66, 74), *range(75, 83), *range(84, 106)]  # indices in jd106

# Keys are (source, target). The center of an eye is the mean of its contour, even if the pupil is annotated, because a
# pupil moves with the gaze.
CONVERSIONS: dict[tuple[str, str], Conversion] = {
    ("wflw98", "ibug68"): _one_each(
        *range(0, 33, 2), *range(33, 38), *range(42, 47), *range(51, 60),
        60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, *range(76, 96)
    ),
    ("ibug68", "five"): (tuple(range(36, 42)), tuple(range(42, 48)), *_one_each(30, 48, 54)),
    ("wflw98", "five"): (tuple(range(60, 68)), tuple(range(68, 76)), *_one_each(54, 76, 82)),
}  # fmt: skip
for _name, _order in (("jd106", [*range(106)]), ("insightface106", _INSIGHTFACE_ORDER)):
    _order_98 = [_order[i] for i in _JD_OF_98]
    CONVERSIONS[_name, "wflw98"] = _one_each(*_order_98)
    for _target in ("ibug68", "five"):
        CONVERSIONS[_name, _target] = tuple(tuple(_order_98[i] for i in ids) for ids in CONVERSIONS["wflw98", _target])

# For mean faces: the annotations of COFW and AFLW place some of these points differently, and the sides of the nose of
# the schemes with 106 points (indices 55 to 57 and 63 to 65 of jd106) are approximate.
_MEAN_JD106: list[tuple[int, ...]] = [
    *_one_each(*range(55)), (64, 64, 52), (64, 55, 55), (76, 66, 55, 55), *_one_each(*range(55, 60)), (82, 74, 59, 59),
    (68, 59, 59), (68, 68, 52), *_one_each(*range(60, 68)), tuple(range(60, 68)), *_one_each(*range(68, 76)),
    tuple(range(68, 76)), *_one_each(*range(76, 98)),
]  # fmt: skip
MEAN_FROM_98: dict[str, Conversion] = {
    "cofw29": (*_one_each(33, 46), (37, 38), (42, 50), *_one_each(35, 40, 44, 48, 60, 72, 64, 68, 62, 66, 70, 74),
               *_one_each(96, 97, 55, 59, 54, 57, 76, 82, 79, 90, 94, 85, 16)),
    "aflw19": ((33,), (35, 40), (37, 38), (42, 50), (44, 48), (46,), *_one_each(60, 96, 64, 68, 97, 72, 55, 54, 59, 76),
               (90, 94), *_one_each(82, 16)),
    "jd106": tuple(_MEAN_JD106),
    "insightface106": tuple(_MEAN_JD106[_INSIGHTFACE_ORDER.index(i)] for i in range(106)),
}  # fmt: skip

# Mean of 140 nearly frontal WFLW annotations and their mirror images, aligned by the eyes, in 1/1000 of the box.
MEAN_98 = (
    (0, 153), (2, 220), (6, 288), (11, 355), (20, 421), (32, 487), (47, 552), (68, 616), (95, 677), (128, 735),
    (167, 789), (211, 839), (260, 884), (313, 923), (371, 955), (434, 976), (500, 983), (566, 976), (629, 955),
    (687, 923), (740, 884), (789, 839), (833, 789), (872, 735), (905, 677), (932, 616), (953, 552), (968, 487),
    (980, 421), (989, 355), (994, 288), (998, 220), (1000, 153), (121, 77), (190, 21), (262, 17), (335, 27),
    (405, 45), (405, 90), (334, 75), (262, 65), (190, 65), (595, 45), (665, 27), (738, 17), (810, 21), (879, 77),
    (810, 65), (738, 65), (666, 75), (595, 90), (500, 169), (500, 259), (500, 349), (500, 434), (390, 476),
    (445, 487), (500, 498), (555, 487), (610, 476), (187, 174), (229, 148), (277, 138), (332, 147), (377, 180),
    (327, 196), (275, 201), (229, 193), (623, 180), (668, 147), (723, 138), (771, 148), (813, 174), (771, 193),
    (725, 201), (673, 196), (307, 636), (377, 597), (461, 584), (500, 585), (539, 584), (623, 597), (693, 636),
    (644, 695), (578, 737), (500, 750), (422, 737), (356, 695), (323, 639), (407, 621), (500, 621), (593, 621),
    (677, 639), (595, 679), (500, 693), (405, 679), (280, 170), (720, 170),
)  # fmt: skip
