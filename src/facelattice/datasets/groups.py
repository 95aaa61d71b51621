"""Groups: which image files belong together and must not be split between training and validation."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

NUMBER = re.compile(r"_\d{1,2}$")


def group_names(names: Sequence[str]) -> list[str]:
    """The group of each image of a dataset, by the names of the files.

    NAME_1 and NAME_2 are one group: two faces of a photo, or two frames of a person. Numbers of three or more digits
    count as photos of their own, such as LFPW's image_0001. So do all images if a dataset would otherwise be a single
    group: photos that are numbered, which could not be split.

    Args:
        names: File names or relative paths, with suffixes.

    Returns:
        One group for each name.
    """
    stems = [os.path.splitext(name)[0] for name in names]
    groups = [NUMBER.sub("", stem) for stem in stems]
    return groups if len(set(groups)) > 1 else stems
