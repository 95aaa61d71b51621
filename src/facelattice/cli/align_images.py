"""`facelattice align` for images."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import typer

from facelattice.cli.console import print_error, progress_bar
from facelattice.cli.earlier_results import check_parquet_folder, without_done, without_results
from facelattice.cli.image_summary import ImageSummary, JsonList, print_written
from facelattice.exceptions import FacelatticeError, FormatError, ImageError, SchemeError
from facelattice.face import Face
from facelattice.formats import FORMATS, Sink, open_sink, unique_stem
from facelattice.image_io import save_image
from facelattice.inference.parallel import align_all
from facelattice.visualization.faces import draw_faces


@dataclass(frozen=True)
class AlignImagesOptions:
    """Options of `align_images`.

    Attributes:
        settings: Arguments of `FaceAligner`.
        out_dir: Folder of the output files; None to write only drawings, into the current folder.
        format: Format of the landmarks, one of `FORMATS`.
        draw: Draw the landmarks. None for True with ``out_dir`` unless the format is "parquet", and for a single image
            without ``as_json``.
        crops: Template of `Face.crop` for a crop of each face; None to write none.
        masks: Write the mask of each face.
        as_json: Print JSON instead of a table.
        resume: Skip images whose landmarks are in ``out_dir``.
        shard: "I/N" to process only the I-th of N parts.
    """

    settings: dict[str, Any]
    out_dir: Path | None = None
    format: str = "json"
    draw: bool | None = None
    crops: str | None = None
    masks: bool = False
    as_json: bool = False
    resume: bool = False
    shard: str | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise typer.BadParameter(f"unknown format {self.format!r}; expected one of {', '.join(FORMATS)}")
        if self.as_json and self.format == "parquet":
            raise typer.BadParameter("--json prints the content of --format parquet; use one of them")
        if self.resume and (self.out_dir is None or self.format not in ("json", "parquet")):
            raise typer.BadParameter("--resume needs --out DIR with --format json or parquet")


def align_images(found: list[Path], options: AlignImagesOptions) -> None:
    """Align images, write the output files, and print a summary.

    An image that cannot be read is reported, and the others are still processed.

    Args:
        found: The images.
        options: The options.

    Raises:
        typer.Exit: With status 1 if an image could not be processed.
    """
    out_dir, format = options.out_dir, options.format
    found = without_results(found, r"(_faces\.jpg|_\d+_(crop|mask)\.png)", out_dir)
    images, label = _select_shard(found, options.shard)
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)  # now, so that an error is not reported after the work
        if options.resume:
            images = without_done(images, out_dir, format)
        elif format == "parquet":
            check_parquet_folder(out_dir, label)
    draw = options.draw
    if draw is None:
        draw = format != "parquet" if out_dir is not None else len(found) == 1 and not options.as_json
    pictures: list[Callable[[list[Face]], Pictures]] = [_draw] if draw else []
    if options.crops is not None:
        pictures.append(partial(_crop, template=options.crops))
    if options.masks:
        pictures.append(_mask)
    taken: set[str] = set()
    stems = {path: unique_stem(path.stem, taken) for path in found}  # of all images, so that shards agree
    sink = None if out_dir is None else open_sink(format, out_dir, stems, label)
    run = _Run(options, stems, sink, _Pictures(out_dir or Path(), pictures) if pictures else None)
    interruption: BaseException | None = None
    try:
        with sink or nullcontext():
            run.process(images)
    except (KeyboardInterrupt, FacelatticeError, OSError) as error:  # the files are complete with the images so far
        interruption = error
    if not options.as_json and (interruption is None or run.summary.num_images):
        run.summary.print()
        print_written(run.paths, out_dir or Path().absolute())
    if interruption is not None:
        raise interruption
    if run.summary.num_failed:
        raise typer.Exit(1)


class _Run:
    """Processes images one after another.

    Args:
        options: The options.
        stems: The stem of the output files of each image.
        sink: Writes the landmarks; None to write none.
        pictures: Writes drawings, crops and masks; None to write none.
    """

    def __init__(
        self, options: AlignImagesOptions, stems: dict[Path, str], sink: Sink | None, pictures: _Pictures | None
    ):
        self.summary = ImageSummary()
        self._options, self._stems, self._sink, self._pictures = options, stems, sink, pictures

    @property
    def paths(self) -> list[Path]:
        """The files written so far."""
        return [
            *(self._sink.paths if self._sink is not None else []),
            *(self._pictures.paths if self._pictures is not None else []),
        ]

    def process(self, images: list[Path]) -> None:
        """Align images, and write and report each."""
        errors: dict[Path, Exception] = {}
        keep_images = self._pictures is not None or self._options.format == "coco"  # COCO states the size of images
        results = align_all(images, self._options.settings, errors.__setitem__, keep_images=keep_images)
        with JsonList() if self._options.as_json else nullcontext() as json_list:
            for image, faces in zip(_track_progress(images), results, strict=True):
                error = errors.pop(image, None) or self._write(image, faces)
                if error is not None:
                    self.summary.num_failed += 1
                    print_error(str(error))
                else:
                    self.summary.add(str(image), faces)
                if json_list is not None:
                    result = {"faces": [face.to_dict() for face in faces]} if error is None else {"error": str(error)}
                    json_list.add({"image": str(image)} | result)

    def _write(self, image: Path, faces: list[Face]) -> Exception | None:
        """Write the files of an image; return an error that is about this image only."""
        stem = self._stems[image]
        try:
            if self._sink is not None:
                stem = self._sink.write(image, faces)
            if self._pictures is not None:
                self._pictures.write(stem, faces)
        except (FormatError, ImageError, SchemeError) as error:
            return error
        return None


Pictures = Iterator[tuple[str, np.ndarray]]
"""The endings of file names, and the images."""


def _draw(faces: list[Face]) -> Pictures:
    assert faces[0].image is not None
    yield "_faces.jpg", draw_faces(faces[0].image, faces)


def _crop(faces: list[Face], template: str) -> Pictures:
    for k, face in enumerate(faces):
        yield f"_{k}_crop.png", face.crop(template=template)


def _mask(faces: list[Face]) -> Pictures:
    for k, face in enumerate(faces):
        yield f"_{k}_mask.png", face.mask()


class _Pictures:
    """Writes images that show the faces: STEM_faces.jpg, STEM_0_crop.png, STEM_0_mask.png.

    An image of an earlier run is replaced, one that another process wrote meanwhile is not.

    Args:
        folder: The folder.
        makers: Make the images from the faces of an image.

    Attributes:
        paths: The files written so far.
    """

    def __init__(self, folder: Path, makers: list[Callable[[list[Face]], Pictures]]):
        self.paths: list[Path] = []
        self._folder, self._makers = folder, makers
        self._earlier = set(os.listdir(folder))

    def write(self, stem: str, faces: list[Face]) -> None:
        """Write the images of the faces of one image, unless there are none."""
        if not faces or faces[0].image is None:
            return
        for make in self._makers:
            for ending, picture in make(faces):
                self._save(stem, ending, picture)

    def _save(self, stem: str, ending: str, picture: np.ndarray) -> None:
        for k in count(1):
            path = self._folder / f"{stem}{f'-{k}' if k > 1 else ''}{ending}"
            try:
                save_image(path, picture, overwrite=path.name in self._earlier)
                break
            except FileExistsError:
                pass
        self._earlier.discard(path.name)
        self.paths.append(path)


def _select_shard(images: list[Path], shard: str | None) -> tuple[list[Path], str]:
    """Return every N-th image from the I-th on, and the label of its tables."""
    if shard is None:
        return images, ""
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    i, n = map(int, match.groups()) if match else (0, 0)
    if not 1 <= i <= n:
        raise typer.BadParameter(f"--shard is I/N with I from 1 to N, such as 2/4, not {shard!r}")
    return images[i - 1 :: n], f"{i}of{n}"


def _track_progress(images: list[Path]) -> Iterator[Path]:
    """Yield the images, with a progress bar if there are several."""
    if len(images) < 2:
        yield from images
        return
    with progress_bar() as progress:
        task = progress.add_task("", total=len(images))
        for image in images:
            yield image
            progress.update(task, advance=1, description=image.name)
