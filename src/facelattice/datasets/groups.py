"""Groups of image files that must not be split between training and validation."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

NUMBER = re.compile(r"_\d{1,2}$")
# Versions of one photo: mirror twins (dlib's 300-W has NAME_mirror), rotated and augmented copies, and those of
# Roboflow, NAME_jpg.rf.HASH.
VERSION = re.compile(
    r"((_(jpe?g|png|bmp|webp|tiff?))?\.rf\.[0-9a-z]+"
    r"|[_. -]+(mirror(ed)?|h?flip(ped)?|rot(ated)?|aug(mented)?|copy)([_ -]*\d+)?"
    r"| \(\d+\))$",
    re.IGNORECASE,
)


def group_names(names: Sequence[str]) -> list[str]:
    """Return the group of each image of a dataset, by the names of the files.

    NAME_1 and NAME_2 are one group: two faces of a photo, or two frames of a person. So are versions of one photo, such
    as NAME and NAME_mirror. Numbers of three or more digits, such as LFPW's image_0001, stand for different photos. So
    do all numbers if the dataset would otherwise be a single group, which could not be split.

    Args:
        names: File names or relative paths, with suffixes.

    Returns:
        One group for each name.
    """
    photos = [_strip_version(os.path.splitext(name)[0]) for name in names]
    groups = [_strip_version(NUMBER.sub("", photo)) for photo in photos]
    return groups if len(set(groups)) > 1 else photos


def _strip_version(stem: str) -> str:
    while (shorter := VERSION.sub("", stem)) not in (stem, ""):
        stem = shorter
    return stem
