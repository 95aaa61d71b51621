from __future__ import annotations

import pytest

from facelattice.datasets.readers.annotations import image_folders


def test_images_are_beside_the_file_or_in_images(tmp_path):
    assert image_folders(tmp_path / "faces.csv") == [tmp_path, tmp_path / "images"]


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["images/default", "images/other"], "images/default"),  # CVAT
        (["train_default", "val"], "train_default"),  # COCO
        (["images/all"], "images/all"),
    ],
)
def test_images_of_annotations_are_in_the_folder_of_their_subset(tmp_path, folders, expected):
    for folder in ["annotations", *folders]:
        (tmp_path / folder).mkdir(parents=True)
    found = image_folders(tmp_path / "annotations" / "person_keypoints_train_default.json")
    assert tmp_path / expected in found
    assert len([folder for folder in found if folder in [tmp_path / name for name in folders]]) == 1
