"""Finding of files: annotations below a folder, and the images that annotations name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path

from facelattice.file_search import walk_files


def find_files(folder: Path, ending: str) -> list[Path]:
    """Find regular files at any depth, also behind links to folders, by the ending of their names in any case.

    Hidden files and folders are left out, such as the ``._NAME`` that macOS writes beside a file, and so are devices
    and FIFOs.

    Args:
        folder: Where to search.
        ending: Ending of the names, in lower case.

    Returns:
        The files, sorted by path.
    """
    return sorted(_iterate(folder, ending))


def has_files(folder: Path, ending: str) -> bool:
    """Return whether `find_files` finds any file; it stops at the first."""
    return next(_iterate(folder, ending), None) is not None


def find_annotation_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Find regular files directly in a folder by their suffixes (in lower case), without hidden files.

    Returns:
        The files, sorted; none if there is no such folder.
    """
    if not folder.is_dir():
        return []
    files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in suffixes and file.is_file()]
    return [file for file in files if not file.name.startswith(".")]


def _iterate(folder: Path, ending: str) -> Iterator[Path]:
    return (path for path in walk_files(folder) if path.name.lower().endswith(ending) and path.is_file())


class ImageFinder:
    """Finds the images that a file of annotations names.

    A name is looked for in each folder as it is written, with slashes for backslashes, in the other Unicode
    normalization, and in any case.

    Args:
        folders: Folders that names can be relative to, the most likely one first.
    """

    def __init__(self, *folders: Path):
        self.folders = folders
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str, *others: str) -> Path:
        """Find an image.

        Args:
            name: Path of the image as the annotation states it.
            others: Other paths that the image may have.

        Returns:
            The first match; if there is none, the path in the first folder, with slashes.
        """
        found = (self._find(written) for written in (name, *others))
        return next((path for path in found if path is not None), self.folders[0] / name.replace("\\", "/"))

    def _find(self, name: str) -> Path | None:
        names = [name, name.replace("\\", "/")] if "\\" in name else [name]
        for folder in self.folders:
            for written in names:
                path = folder / written
                if os.path.exists(path):  # false also for names that are too long
                    return path
        for folder in self.folders:
            found = self._find_similar(folder, Path(names[-1]))
            if found is not None:
                return found
        return None

    def _find_similar(self, folder: Path, name: Path) -> Path | None:
        """Follow a path part by part; each part may differ in case and normalization if only one entry fits."""
        path = Path(name.anchor) if name.is_absolute() else folder
        for part in name.parts[1:] if name.is_absolute() else name.parts:
            if part != ".." and not os.path.exists(path / part):
                entries = self._listing(path).get(_normalize(part), [])
                if len(entries) != 1:
                    return None
                part = entries[0]
            path = path / part
        return path

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listings:
            listing: dict[str, list[str]] = {}
            try:
                entries = sorted(os.listdir(folder))
            except (OSError, ValueError):
                entries = []
            for entry in entries:
                listing.setdefault(_normalize(entry), []).append(entry)
            self._listings[folder] = listing
        return self._listings[folder]


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
