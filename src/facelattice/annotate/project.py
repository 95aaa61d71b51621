"""A project: the images to annotate, their annotated faces, and the table in which they are saved.

    project = Project(Path("points.csv"), scheme, images)
    record = project.records[3]
    project.update(3, record.version, faces, done=True)  # saved when the call returns

Each change replaces the whole table by renaming a finished file, so a killed process loses at most the current change.
A change contains the version of the image that it is based on. If another window has changed the image in the meantime,
the change is rejected.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facelattice.annotate.table import FaceAnnotation, header, image_rows, read_table, row_version
from facelattice.atomic_files import atomic_write, remove
from facelattice.datasets.groups import group_names
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import ArgumentError, DataError
from facelattice.formats.names import relative_path
from facelattice.formats.parsing import MAX_COORDINATE
from facelattice.schemes import Scheme

UNTOUCHED = "untouched"  # version of an image that is not annotated
MAX_FACES = 1000  # of an image


class VersionError(Exception):
    """A change is based on an old version of its image, because another window has changed the image."""


@dataclass(frozen=True, eq=False)
class ImageRecord:
    """One image of a project.

    Attributes:
        path: The image file.
        name: Path of the image relative to the table.
        faces: The annotated faces; None if the image is not annotated.
        done: Whether the image is finished.
        version: Changes when ``faces`` or ``done`` change.
    """

    path: Path
    name: str
    faces: tuple[FaceAnnotation, ...] | None
    done: bool
    version: str


class Project:
    """The images and annotations of one table. The methods can be called in several threads.

    Args:
        table: The table, a CSV file. An existing table is continued.
        scheme: Scheme of the points.
        images: The images, in order. Images that are only in the table are added.
        given: Annotated faces to be corrected, by image. The table has priority.

    Raises:
        DataError: If the table has another number of points, or is in use by another process.
        FormatError: If the table is damaged.
    """

    def __init__(
        self,
        table: Path,
        scheme: Scheme,
        images: Sequence[Path],
        given: Mapping[Path, Sequence[FaceAnnotation]] | None = None,
    ):
        self.table, self.scheme = table, scheme
        self._lock = threading.Lock()
        self._lock_file = _LockFile(table)
        self.revision = 0  # the number of changes so far
        self._done_samples: tuple[int, list[Sample]] | None = None  # with their revision
        saved = read_table(table, scheme) if table.exists() else {}
        paths = {relative_path(path, table.parent): path for path in images}
        paths |= {name: table.parent / name for name in saved if name not in paths}
        start = {relative_path(path, table.parent): (faces, False) for path, faces in (given or {}).items()}
        self.records: list[ImageRecord] = []
        self._rows: dict[int, str] = {}  # the text of each image in the table
        for index, (name, path) in enumerate(paths.items()):
            faces, done = saved.get(name, start.get(name, (None, False)))
            version = UNTOUCHED
            if faces is not None:
                rows = image_rows(name, faces, done, len(scheme))
                version = row_version(rows)
                if name in saved:
                    self._rows[index] = rows
            self.records.append(ImageRecord(path, name, None if faces is None else tuple(faces), done, version))

    def update(self, index: int, version: str, faces: Sequence[FaceAnnotation], done: bool) -> ImageRecord:
        """Replace the annotation of an image, and save the table.

        Args:
            index: Number of the image.
            version: The version of the record that the change is based on.
            faces: All faces of the image.
            done: Whether the image is finished.

        Returns:
            The new record.

        Raises:
            VersionError: If the image has another version.
            ArgumentError: If a face has fewer than two points, or points in one place or too far away.
            OSError: If the table cannot be written; the project is not changed.
        """
        for face in faces:
            _check_face(face, self.scheme)
        with self._lock:
            record = self.records[index]
            if record.version != version:
                raise VersionError
            rows = image_rows(record.name, faces, done, len(self.scheme))
            changed = {**self._rows, index: rows}
            with atomic_write(self.table) as file:
                file.write(header(len(self.scheme)))
                file.writelines(changed[i] for i in sorted(changed))
            self._rows = changed
            self.records[index] = ImageRecord(record.path, record.name, tuple(faces), done, row_version(rows))
            self.revision += 1
            return self.records[index]

    def change_scheme(self, scheme: Scheme) -> None:
        """Replace the scheme by one with the same number of points, in the same order."""
        with self._lock:
            self.scheme = scheme
            self.revision += 1

    def done_samples(self) -> list[Sample]:
        """Return the faces of the images that are done, as samples for training, made once for each revision."""
        revision = self.revision
        if self._done_samples is None or self._done_samples[0] != revision:
            done = [record for record in list(self.records) if record.done]
            groups = group_names([record.name for record in done])
            samples = [
                make_sample(record.path, face.points, self.scheme, group, record.name, hidden=face.hidden)
                for record, group in zip(done, groups, strict=True)
                for face in record.faces or ()
            ]
            self._done_samples = revision, samples
        return self._done_samples[1]

    def close(self) -> None:
        """Release the table for other processes."""
        self._lock_file.release()


def _check_face(face: FaceAnnotation, scheme: Scheme) -> None:
    if face.points.shape != (len(scheme), 2) or face.hidden.shape != (len(scheme),):
        raise ArgumentError(f"a face needs {len(scheme)} points")
    known = face.points[np.isfinite(face.points).all(1)]
    if np.abs(known).max(initial=0) > MAX_COORDINATE:
        raise ArgumentError("a point is too far from the image")
    if len(np.unique(known.round(3), axis=0)) < 2:
        raise ArgumentError("a face needs at least two points in different places; remove the face instead")


class _LockFile:
    """Reserves a table for this process, if the system and the disk support file locks.

    The lock ends with the process, even if it is killed.

    Raises:
        DataError: If another process has reserved the table.
    """

    def __init__(self, table: Path):
        self._path = table.with_name(f".{table.name}.lock")
        self._file: int | None = None
        try:
            import fcntl
        except ImportError:  # Windows
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = os.path.exists(self._path) and os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except BlockingIOError:
            is_held = False
        except OSError:  # a disk without locks
            is_held = True
        if not is_held:
            os.close(self._file)
            raise DataError(f"{table}: another `facelattice annotate` has it open; use its page, or stop it")

    def release(self) -> None:
        if self._file is not None:
            remove(self._path)
            os.close(self._file)
            self._file = None
