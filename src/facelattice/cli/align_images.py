"""`facelattice align` for images."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from facelattice.cli.console import is_piped, print_error, progress_bar
from facelattice.cli.drawings import RESULT_NAMES, DrawingOptions, PictureWriter
from facelattice.cli.earlier_results import check_parquet_folder, drop_done, drop_results
from facelattice.cli.image_summary import ImageSummary, JsonList, print_rows, print_written
from facelattice.cli.signals import FILES_COMPLETE, hint_on_stop
from facelattice.exceptions import FacelatticeError, FormatError, ImageError, SchemeError
from facelattice.face import Face
from facelattice.formats import FORMATS, Sink, open_sink, unique_stem
from facelattice.formats.parquet import import_pyarrow
from facelattice.inference.parallel import align_all


@dataclass(frozen=True)
class AlignImagesOptions:
    """Options of `align_images`.

    Attributes:
        settings: Arguments of `FaceAligner`.
        out_dir: Folder of the output files; None to write only drawings, into the current folder.
        format: Format of the landmarks, one of `FORMATS`.
        draw: Draw the landmarks. None is True with ``out_dir`` unless the format is "parquet", and without ``out_dir``
            for a single image unless ``as_json``.
        drawing: How the landmarks are drawn.
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
    drawing: DrawingOptions = field(default_factory=DrawingOptions)
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


def align_images(found: list[Path], options: AlignImagesOptions) -> bool:
    """Align images, write the output files, and print a line for each face and a summary.

    An image that cannot be read is reported, and the others are still processed.

    Args:
        found: The images.
        options: The options.

    Returns:
        Whether all images could be processed.
    """
    out_dir, format = options.out_dir, options.format
    found = drop_results(found, RESULT_NAMES, out_dir)
    images, label = _select_shard(found, options.shard)
    if format == "parquet":
        import_pyarrow()  # before the folder is created
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)  # now, so that an error is reported before the work
        if options.resume:
            images = drop_done(images, out_dir, format)
        elif format == "parquet":
            check_parquet_folder(out_dir, label)
    draw = options.draw
    if draw is None:
        draw = format != "parquet" if out_dir is not None else len(found) == 1 and not options.as_json
    taken: set[str] = set()
    stems = {path: unique_stem(path.stem, taken) for path in found}  # of all images, to be the same in all shards
    sink = None if out_dir is None else open_sink(format, out_dir, stems, label)
    pictures = PictureWriter(out_dir or Path(), options.drawing if draw else None, options.crops, options.masks)
    run = _Run(options, stems, sink, pictures)
    interruption: BaseException | None = None
    try:
        with hint_on_stop(lambda: FILES_COMPLETE if run.paths else ""), sink or nullcontext():
            run.process(images)
    except (KeyboardInterrupt, FacelatticeError, OSError) as error:  # the files are complete with the images so far
        interruption = error
    if not options.as_json and (interruption is None or run.summary.num_images):
        run.summary.print(options.settings["min_score"])
        print_written(run.paths, out_dir or Path().absolute())
    if interruption is not None:
        traceback.clear_frames(interruption.__traceback__)  # ends the worker processes before the pipes to them close
        raise interruption
    return run.summary.num_failed == 0


class _Run:
    """Processes images one after another.

    Args:
        options: The options.
        stems: The stem of the output files of each image.
        sink: Writes the landmarks; None to write none.
        pictures: Writes drawings, crops and masks.
    """

    def __init__(self, options: AlignImagesOptions, stems: dict[Path, str], sink: Sink | None, pictures: PictureWriter):
        self.summary = ImageSummary()
        self._options, self._stems, self._sink, self._pictures = options, stems, sink, pictures

    @property
    def paths(self) -> list[Path]:
        """The files written so far."""
        return [*(self._sink.paths if self._sink is not None else []), *self._pictures.paths]

    def process(self, images: list[Path]) -> None:
        """Align images, and write and report each."""
        errors: dict[Path, Exception] = {}
        keep_images = self._pictures.is_used or self._options.format == "coco"  # COCO contains the size of images
        # An earlier run may have been killed by an image, and would be killed by it for ever.
        results = align_all(
            images,
            self._options.settings,
            errors.__setitem__,
            keep_images=keep_images,
            isolate=self._options.resume,
        )
        with JsonList() if self._options.as_json else nullcontext() as json_list:
            for image, faces in zip(_track_progress(images), results, strict=True):
                error = errors.pop(image, None) or self._write(image, faces)
                if error is not None:
                    self.summary.num_failed += 1
                    print_error(str(error))
                else:
                    self.summary.add(str(image), faces)
                    if json_list is None and is_piped():
                        print_rows(str(image), faces)
                if json_list is not None:
                    result = {"faces": [face.to_dict() for face in faces]} if error is None else {"error": str(error)}
                    json_list.add({"image": str(image)} | result)

    def _write(self, image: Path, faces: list[Face]) -> Exception | None:
        """Write the files of an image; return an error that affects only this image."""
        stem = self._stems[image]
        try:
            if self._sink is not None:
                stem = self._sink.write(image, faces)
            self._pictures.write(stem, faces)
        except (FormatError, ImageError, SchemeError) as error:
            return error
        return None


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
