"""Sinks: write the faces of many images into a folder, one image after another.

Example:
    with open_sink("csv", "out") as sink:
        for image in images:
            sink.write(image, aligner(image))
    print(sink.paths)

When the block raises, also KeyboardInterrupt, the images written so far are kept in complete files. Several processes
can write into one folder; none replaces a file that another one wrote in the meantime.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from io import FileIO
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from facelattice.atomic_files import (
    errors_for,
    file_version,
    locked,
    publish,
    remove,
    resolve_link,
    temporary_path,
    write_file,
)
from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.formats.coco import CocoTable
from facelattice.formats.csv import CsvTable
from facelattice.formats.dlib_xml import DlibTable
from facelattice.formats.json import image_in_json, write_json
from facelattice.formats.names import OutputStems, relative_path
from facelattice.formats.parquet import image_rows, import_pyarrow, part_path, write_part
from facelattice.formats.pts import pts_text

FORMATS = ("json", "pts", "csv", "coco", "dlib", "parquet")
IMAGES_PER_PART = 500  # in each part of a Parquet table; a killed process loses at most one part


class Sink(ABC):
    """Writes the faces of images into files of a folder. Use it as a context manager.

    Args:
        folder: The folder.
        stems: Chooses the stems of the files of an image.

    Attributes:
        paths: The files written so far.
    """

    def __init__(self, folder: Path, stems: OutputStems):
        self.paths: list[Path] = []
        self._folder, self._stems = folder, stems

    @abstractmethod
    def write(self, image: str | os.PathLike[str], faces: Sequence[Face]) -> str:
        """Write the faces of an image.

        Args:
            image: Path of the image. Files state it relative to their folder, so that training finds the image.
            faces: Its faces; may be empty.

        Returns:
            The stem of the image's files, also for other files of the image, such as drawings.

        Raises:
            FormatError: If the format cannot hold the faces or the name of the image. Other images can follow.
            OSError: If a file cannot be written.
        """

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:  # noqa: B027, files are complete
        pass


def open_sink(
    format: str, out_dir: str | os.PathLike[str], stems: Mapping[Any, str] | None = None, label: str = ""
) -> Sink:
    """Open a sink for the faces of images.

    Formats:
        json: STEM.json for each image. If a file of another image has that name, the stem is STEM-2, STEM-3, ...
        pts: STEM_K.pts for each face, K from 0. A file with other points is kept, and the next stem is used.
        csv: One landmarks.csv with a row for each face: image,face,score,x0,y0,...,yaw,pitch,roll,...
        coco: One landmarks.json with COCO keypoints.
        dlib: One landmarks.xml of dlib's imglab, in whole pixels.
        parquet: landmarks-00000.parquet, landmarks-00001.parquet, ... Earlier parts are kept.

    The table of csv, coco or dlib is complete when the block ends; then it replaces the table of an earlier run. It is
    named landmarks-2 if another process has written a table in the meantime, or if the block raised and an earlier
    table exists.

    Args:
        format: One of `FORMATS`.
        out_dir: The folder; it is created.
        stems: The preferred stem of each image. By default the name without its suffix, made unique.
        label: Part of the names of tables, landmarks-LABEL, which distinguishes the shards of a large job.

    Raises:
        ArgumentError: If the format is unknown.
        MissingDependencyError: If pyarrow is not installed, for parquet.
        OSError: If the folder or the table cannot be written.
    """
    folder, output_stems = Path(out_dir), OutputStems(stems)
    if format not in FORMATS:
        raise ArgumentError(f"unknown format {format!r}; expected one of {', '.join(FORMATS)}")
    if format == "parquet":
        import_pyarrow()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"landmarks-{label}" if label else "landmarks"
    if format == "json":
        return _JsonSink(folder, output_stems)
    if format == "pts":
        return _PtsSink(folder, output_stems)
    if format == "csv":
        return _TableSink(folder / f"{name}.csv", CsvTable(), output_stems)
    if format == "coco":
        return _TableSink(folder / f"{name}.json", CocoTable(), output_stems)
    if format == "dlib":
        return _TableSink(folder / f"{name}.xml", DlibTable(), output_stems)
    return _ParquetSink(folder, output_stems, label)


class _JsonSink(Sink):
    """One JSON file for each image."""

    def write(self, image: str | os.PathLike[str], faces: Sequence[Face]) -> str:
        name = relative_path(image, self._folder)
        for stem in self._stems.candidates(image):
            path = self._folder / f"{stem}.json"
            if _claim_json(path, name, faces):
                break
        self.paths.append(path)
        return stem


def _claim_json(path: Path, image: str, faces: Sequence[Face]) -> bool:
    """Write the file unless it belongs to another image, and return whether it was written."""
    if image_in_json(path) != image:
        try:
            write_json(path, image, faces, overwrite=False)
            return True
        except (FileExistsError, IsADirectoryError):
            if image_in_json(path) != image:  # another process may just have written the same image
                return False
    write_json(path, image, faces)
    return True


class _PtsSink(Sink):
    """One .pts file for each face. The files do not name their image, so only equal files are replaced."""

    def write(self, image: str | os.PathLike[str], faces: Sequence[Face]) -> str:
        texts = [pts_text(face.points) for face in faces]
        for stem in self._stems.candidates(image):
            paths = [self._folder / f"{stem}_{k}.pts" for k in range(len(faces))]
            if _claim_texts(paths, texts):
                break
        self.paths += paths
        return stem


def _claim_texts(paths: list[Path], texts: list[str]) -> bool:
    """Write all files, unless one exists with another text, and return whether they were written."""
    new = []
    for path, text in zip(paths, texts, strict=True):
        try:
            write_file(path, text, overwrite=False)
            new.append(path)
        except (FileExistsError, IsADirectoryError):
            if not path.is_file() or path.read_bytes() != text.encode():
                for written in new:
                    remove(written)
                return False
    return True


class _Table(Protocol):
    def add(self, image: str, faces: Sequence[Face]) -> str:
        """Return the text of an image."""
        ...

    def end(self) -> str:
        """Return the text that completes the file."""
        ...


class _TableSink(Sink):
    """One table of all images, which appears when the sink is left."""

    def __init__(self, path: Path, table: _Table, stems: OutputStems):
        super().__init__(path.parent, stems)
        self._path, self._table = resolve_link(path), table
        self._earlier = file_version(self._path)
        self._temporary = temporary_path(self._path)
        with errors_for(self._path, self._temporary):
            self._file = FileIO(self._temporary, "x")  # unbuffered, so closing it cannot fail for lack of space
        self._size = self._num_images = 0

    def write(self, image: str | os.PathLike[str], faces: Sequence[Face]) -> str:
        text = self._table.add(relative_path(image, self._folder), faces)
        self._append(text)
        self._num_images += 1
        return next(self._stems.candidates(image))

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            with self._file:
                if kind is not None and not self._num_images:
                    return
                self._append(self._table.end())
                self._file.truncate(self._size)
            with errors_for(self._path, self._temporary):
                self.paths.append(self._publish(replace=kind is None))
        finally:
            remove(self._temporary)

    def _append(self, text: str) -> None:
        data = memoryview(text.encode("utf-8", "surrogateescape"))
        self._file.seek(self._size)  # an incomplete image is overwritten here, or truncated at the end
        size = self._size + len(data)
        with errors_for(self._path, self._temporary):
            while data:
                data = data[self._file.write(data) :]
        self._size = size

    def _publish(self, replace: bool) -> Path:
        if replace and self._earlier is not None:
            with locked(self._path.parent):
                if file_version(self._path) == self._earlier:
                    publish(self._temporary, self._path)
                    return self._path
        for k in count(1):
            path = self._path if k == 1 else self._path.with_name(f"{self._path.stem}-{k}{self._path.suffix}")
            try:
                publish(self._temporary, path, overwrite=False)
                break
            except FileExistsError:
                pass
        return path


class _ParquetSink(Sink):
    """Parquet tables of `IMAGES_PER_PART` images."""

    def __init__(self, folder: Path, stems: OutputStems, label: str):
        super().__init__(folder, stems)
        self._label = label
        self._numbers = count()
        self._rows: list[dict[str, Any]] = []
        self._num_images = 0

    def write(self, image: str | os.PathLike[str], faces: Sequence[Face]) -> str:
        self._rows += image_rows(relative_path(image, self._folder), faces)
        self._num_images += 1
        if self._num_images % IMAGES_PER_PART == 0:
            self._write_part()
        return next(self._stems.candidates(image))

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._rows:
            self._write_part()

    def _write_part(self) -> None:
        for number in self._numbers:
            path = part_path(self._folder, self._label, number)
            if os.path.lexists(path):
                continue
            try:
                write_part(path, self._rows)
                break
            except FileExistsError:  # from another process
                pass
        self._rows = []
        self.paths.append(path)
