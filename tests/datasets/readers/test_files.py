from __future__ import annotations

import os
import unicodedata

import pytest

from facelattice.datasets.readers.files import ImageFinder, find_annotation_files, find_files, has_files


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_files_are_found_at_any_depth_in_any_case(tmp_path):
    files = [touch(tmp_path / name) for name in ("a.pts", "b/c.PTS", "b/d/e.pts")]
    touch(tmp_path / "f.txt")
    assert find_files(tmp_path, ".pts") == files
    assert has_files(tmp_path, ".pts")


def test_hidden_files_and_folders_are_left_out(tmp_path):
    for name in ("._a.pts", ".hidden/a.pts", "b/._c.pts", "._t.csv"):
        touch(tmp_path / name)
    assert find_files(tmp_path, ".pts") == []
    assert not has_files(tmp_path, ".pts")
    assert find_annotation_files(tmp_path, [".csv"]) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_fifos_are_left_out(tmp_path):
    for name in ("a.pts", "a.csv"):
        os.mkfifo(tmp_path / name)
    assert find_files(tmp_path, ".pts") == []
    assert find_annotation_files(tmp_path, [".csv"]) == []


def test_links_to_folders_are_followed_once(tmp_path):
    touch(tmp_path / "data" / "a.pts")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    assert find_files(tmp_path / "tree", ".pts") == [tmp_path / "tree" / "link" / "a.pts"]


def test_images_may_have_other_names(tmp_path):
    image = touch(tmp_path / "Train" / "a.jpg")
    assert ImageFinder(tmp_path).find("a.jpg", "train/a.jpg") == image
    assert ImageFinder(tmp_path).find("b.jpg", "Train/b.jpg") == tmp_path / "b.jpg"


def test_images_are_found_by_names_with_backslashes(tmp_path):
    image = touch(tmp_path / "sub" / "a.jpg")
    assert ImageFinder(tmp_path).find("sub\\a.jpg") == image


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_images_are_found_in_the_other_normalization(tmp_path, forms):
    on_disk, written = (unicodedata.normalize(form, "größe/müll.jpg") for form in forms)
    image = touch(tmp_path / on_disk)
    assert ImageFinder(tmp_path).find(written).samefile(image)


def test_images_are_found_in_another_case_if_only_one_fits(tmp_path):
    image = touch(tmp_path / "Sub" / "A.JPG")
    assert ImageFinder(tmp_path).find("sub/a.jpg").samefile(image)
    if not (tmp_path / "sub").exists():  # the file system tells cases apart
        touch(tmp_path / "Sub" / "a.JPG")
        assert not ImageFinder(tmp_path).find("sub/a.jpg").exists()


def test_folders_are_searched_in_their_order(tmp_path):
    first, second = (touch(tmp_path / name / "a.jpg") for name in "xy")
    finder = ImageFinder(tmp_path / "x", tmp_path / "y")
    assert finder.find("a.jpg") == first
    first.unlink()
    assert finder.find("a.jpg") == second
    assert finder.find("b\\c.jpg") == tmp_path / "x" / "b" / "c.jpg"


def test_absolute_paths_and_parent_folders(tmp_path):
    image = touch(tmp_path / "a.jpg")
    assert ImageFinder(tmp_path / "x").find(str(image)) == image
    (tmp_path / "x").mkdir()
    assert ImageFinder(tmp_path / "x").find("../A.jpg").samefile(image)
