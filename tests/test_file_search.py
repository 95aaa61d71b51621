from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from facelattice.exceptions import ImageError
from facelattice.file_search import find_images, image_suffixes, suggest_path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_find_images(tmp_path):
    touch(tmp_path, "b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.jpeg", ".cache/d.jpg", "sub/more/e.webp")

    def names(*inputs: str | Path) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in find_images(inputs)]

    assert names(tmp_path) == ["a.PNG", "b.jpg", "sub/c.jpeg", "sub/more/e.webp"]
    assert names(tmp_path / "sub", tmp_path) == ["sub/c.jpeg", "sub/more/e.webp", "a.PNG", "b.jpg"]
    assert names(f"{tmp_path}/*") == ["a.PNG", "b.jpg"]
    assert names(f"{tmp_path}/**/*.jp*g") == ["b.jpg", "sub/c.jpeg"]
    assert names(tmp_path / "notes.txt", tmp_path / "gone.jpg", tmp_path / "gone.jpg") == ["notes.txt", "gone.jpg"]
    touch(tmp_path, "odd [1].jpg")
    assert names(tmp_path / "odd [1].jpg") == ["odd [1].jpg"]
    touch(tmp_path, "none/notes.txt")
    with pytest.raises(ImageError, match="none: no images found there"):
        find_images([tmp_path / "none"])
    with pytest.raises(ImageError, match=r"\*\.gif: no images"):
        find_images([f"{tmp_path}/*.gif"])


def test_similar_names_are_suggested(tmp_path, monkeypatch):
    touch(tmp_path, "my-points.yaml", "Faces.csv", "data/300W/a.jpg", ".my-pionts.yaml")
    monkeypatch.chdir(tmp_path)
    assert suggest_path(tmp_path / "my-pionts.yaml") == "; did you mean my-points.yaml?"
    assert suggest_path(Path("my-pionts.yaml")) == "; did you mean my-points.yaml?"
    assert suggest_path(Path("my-points.yml")) == "; did you mean my-points.yaml?"
    assert suggest_path(Path("faces.csv")) == "; did you mean Faces.csv?"
    assert suggest_path(tmp_path / "zzz") == ""
    missing = tmp_path / "dta"
    assert suggest_path(missing / "300W") == f"; there is no folder {missing}; did you mean data?"
    file = tmp_path / "Faces.csv"
    assert suggest_path(file / "a") == f"; {file} is a file"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_linked_folders_are_searched_once(tmp_path):
    touch(tmp_path, "photos/one.jpg", "real/two.jpg")
    for link, target in (("link", "../real"), ("again", "../real"), ("loop", ".")):
        (tmp_path / "photos" / link).symlink_to(target)
    found = [path.relative_to(tmp_path).as_posix() for path in find_images([tmp_path / "photos"])]
    assert found == ["photos/again/two.jpg", "photos/one.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_fifos_are_left_out_and_broken_links_are_not(tmp_path):
    touch(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").symlink_to("gone.jpg")
    for item in (tmp_path, tmp_path / "*.jpg"):
        assert find_images([item]) == [tmp_path / "a.jpg", tmp_path / "c.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limit on paths of Linux")
def test_subfolder_that_cannot_be_read_is_named(tmp_path, monkeypatch, caplog):
    """Its path is longer than the system allows, which not even root can read."""
    touch(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    for _ in range(25):
        os.mkdir("x" * 200)
        os.chdir("x" * 200)
    assert find_images([tmp_path]) == [tmp_path / "a.jpg"]
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/xxx")
    assert message.endswith("x: is left out, it cannot be read (File name too long)")


def test_files_that_are_not_decoded_are_counted_by_kind(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # not installed
    touch(tmp_path, "a.jpg", "IMG_1.HEIC", "sub/IMG_2.heic", "raw/b.NEF", "clip.mp4", "more/clip.mov", "notes.txt")
    assert find_images([tmp_path]) == [tmp_path / "a.jpg"]
    assert caplog.messages == [
        'skipped 2 .heic: images that need: pip install "facelattice[heif]"',
        "skipped 1 .nef: images that cannot be decoded; convert them to JPEG or PNG",
        "skipped 1 .mov, 1 .mp4: videos; give them by name",
        "skipped 1 file that is neither image nor video: notes.txt",
    ]
    touch(tmp_path, "other/a.jpg", "other/1.pts", "other/2.pts", "other/3.pts", "other/README")
    caplog.clear()
    find_images([tmp_path / "other"])
    assert caplog.messages == ["skipped 4 files that are neither images nor videos: 1.pts, 2.pts, 3.pts, ..."]
    with pytest.raises(ImageError, match=r'no images found there \(.*\); skipped 1 \.heic: .*"facelattice\[heif\]"'):
        find_images([tmp_path / "sub"])


def test_heic_photos_are_found_with_the_extra(tmp_path):
    pytest.importorskip("pillow_heif", reason="needs pillow_heif")
    touch(tmp_path, "a.HEIC", "b.heif", "c.hif")
    assert [path.name for path in find_images([tmp_path])] == ["a.HEIC", "b.heif", "c.hif"]
    assert ".heic" in image_suffixes()
