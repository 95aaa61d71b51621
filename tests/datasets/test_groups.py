from __future__ import annotations

import pytest

from facelattice.datasets.groups import group_names


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["ann_1.jpg", "ann_2.jpg", "bob_1.jpg"], ["ann", "ann", "bob"]),  # frames of two people
        (["a.1_1.jpg", "a.1_2.jpg", "a.2_1.jpg"], ["a.1", "a.1", "a.2"]),
        (["x/ann_1.jpg", "x/ann_12.jpg", "bob.jpg"], ["x/ann", "x/ann", "bob"]),
        (["img_0001.jpg", "img_0002.jpg", "b.jpg"], ["img_0001", "img_0002", "b"]),  # numbered photos
        (["img_1.jpg", "img_2.jpg", "img_31.jpg"], ["img_1", "img_2", "img_31"]),  # they would be a single group
    ],
)
def test_numbers_of_one_or_two_digits_share_a_group(names, groups):
    assert group_names(names) == groups


@pytest.mark.parametrize(
    "version",
    [
        "img_0001_mirror.jpg",
        "img_0001_Mirrored.png",
        "img_0001-flip.jpg",
        "img_0001_rot90.jpg",
        "img_0001 copy.jpg",
        "img_0001_jpg.rf.0a1b2c3d4e5f.jpg",
        "img_0001_mirror_2.jpg",
        "img_0001_flip1.jpg",
        "img_0001_aug_3.jpg",
        "img_0001 (1).jpg",
        "img_0001 - Copy.jpg",
        "img_0001 - Copy (2).jpg",
        "img_0001 copy 2.jpg",
        "img_0001_rotated_-15.jpg",
        "img_0001_mirror_jpg.rf.0a1b2c.jpg",
    ],
)
def test_versions_of_a_photo_share_a_group(version):
    assert group_names(["img_0001.jpg", version, "img_0002.jpg"]) == ["img_0001", "img_0001", "img_0002"]


def test_versions_of_numbered_photos_share_a_group():
    names = ["img_1.jpg", "img_1_mirror.jpg", "img_2.jpg", "img_2_mirror.jpg"]
    assert group_names(names) == ["img_1", "img_1", "img_2", "img_2"]


def test_a_name_that_is_only_a_version_is_kept():
    assert group_names([".mirror.jpg", "b.jpg"]) == [".mirror", "b"]
