from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from facelattice.formats.names import OutputStems, escape_non_utf8, relative_path, truncate_stem, unique_stem


def test_stems_are_unique_also_without_case():
    taken: set[str] = set()
    assert [unique_stem(stem, taken) for stem in ("a", "a", "A", "a-2")] == ["a", "a-2", "A-3", "a-2-2"]


def test_long_stems_are_cut_between_characters():
    assert truncate_stem("x" * 300) == "x" * 200
    assert truncate_stem("ä" * 150) == "ä" * 100
    assert truncate_stem("x" + "ä" * 150) == "x" + "ä" * 99


def test_candidates_skip_the_stems_of_other_images():
    stems = OutputStems({Path("x/a.jpg"): "a", Path("y/a.jpg"): "a-2"})
    assert list(islice(stems.candidates(Path("y/a.jpg")), 3)) == ["a-2", "a-3", "a-4"]
    assert next(stems.candidates(Path("z/a.jpg"))) == "a-5"
    assert next(stems.candidates(Path("z/b.jpg"))) == "b"


def test_path_relative_to_a_folder(tmp_path):
    assert relative_path(tmp_path / "in" / "a.jpg", tmp_path / "out") == "../in/a.jpg"


def test_path_relative_to_a_linked_folder(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    (tmp_path / "a.jpg").touch()
    name = relative_path(tmp_path / "a.jpg", tmp_path / "link")
    assert (tmp_path / "link" / name).samefile(tmp_path / "a.jpg")
    (tmp_path / "album").symlink_to(tmp_path)  # the name of a link to an image is kept
    assert relative_path(tmp_path / "album" / "a.jpg", tmp_path / "out") == "../album/a.jpg"


def test_bytes_that_are_not_utf8_are_escaped():
    assert escape_non_utf8(os.fsdecode(b"caf\xe9 \xc3\xa4.jpg")) == "caf\\xe9 ä.jpg"
