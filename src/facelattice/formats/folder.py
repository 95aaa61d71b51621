"""Writing of a dataset as a folder of texts and copies of images."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from facelattice.atomic_files import atomic_write, write_file
from facelattice.exceptions import FormatError


def write_folder(texts: Mapping[Path, str], copies: Mapping[Path, Path]) -> None:
    """Write files. If one exists with another content, nothing is written.

    An interrupted conversion can be repeated: files with the same content are kept.

    Args:
        texts: Contents of files; they are written last, in this order.
        copies: Files to copy, by the path of the copy.

    Raises:
        FormatError: If a file exists with another content.
        OSError: If a file cannot be written.
    """
    data = {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}
    for path in (*data, *copies):
        if os.path.lexists(path) and not _has_content(path, data.get(path), copies.get(path)):
            raise FormatError(f"{path}: exists with another content; choose another folder, or move the file away")
    for path, source in copies.items():
        if not os.path.lexists(path):
            with open(source, "rb") as image, atomic_write(path, "wb", overwrite=False) as file:
                shutil.copyfileobj(image, file)
    for path, content in data.items():
        if not os.path.lexists(path):
            write_file(path, content, overwrite=False)


def _has_content(path: Path, content: bytes | None, source: Path | None) -> bool:
    if not path.is_file():
        return False
    return path.read_bytes() == content if source is None else filecmp.cmp(path, source, shallow=False)


def common_folder(images: Sequence[Path], folder: Path) -> Path:
    """Return the folder that the paths of images in a dataset are relative to.

    Args:
        images: The images.
        folder: The folder of the dataset; it is returned if it contains all images.

    Raises:
        FormatError: If the images have no common folder: they are on several drives.
    """
    parents = [os.path.realpath(image.parent) for image in images]
    root = os.path.realpath(folder)
    try:
        if os.path.commonpath([root, *parents]) == root:
            return Path(root)
        return Path(os.path.commonpath(parents))
    except ValueError:
        raise FormatError("the images are on several drives; copy them into one folder") from None


def relative_stems(images: Sequence[Path], root: Path) -> list[Path]:
    """Return the path of each image relative to a folder, without its suffix.

    Raises:
        FormatError: If two images differ in their suffix only.
    """
    stems: dict[Path, Path] = {}
    for image in images:
        stem = (Path(os.path.realpath(image.parent)) / image.name).relative_to(root).with_suffix("")
        other = stems.setdefault(stem, image)
        if other != image:
            raise FormatError(f"{image} and {other} would have one file of annotations; rename one of them")
    return list(stems)
