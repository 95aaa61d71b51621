"""What `align` does with images: one, or a hundred thousand in parts that are gone on with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import typer
from rich.table import Column, Table
from rich.text import Text

from facelattice.cli.console import err, out, pluralize, print_error, progress_bar
from facelattice.exceptions import ImageError
from facelattice.face import Face
from facelattice.formats import (
    FORMATS,
    atomic_write,
    images_in_json,
    images_in_parquet,
    save_faces,
    unique_stem,
    write_parquet,
)
from facelattice.formats.dlib_xml import UNHELD, is_valid_xml_text
from facelattice.formats.files import relative_name, short_stem, valid_utf8
from facelattice.formats.parquet import labels_in_parquet
from facelattice.geometry import box_side
from facelattice.inference.parallel import align_all
from facelattice.visualization.faces import draw_faces

_ROWS = 60  # a longer table pushes what matters off the screen


@dataclass
class Summary:
    """What is said at the end. It keeps what a screen can show, and counts the rest: there may be many images."""

    images: int = 0
    faces: int = 0
    failed: int = 0
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    def add(self, image: str, faces: list[Face]) -> None:
        self.images, self.faces = self.images + 1, self.faces + len(faces)
        self.rows += [(image, face.to_dict()) for face in faces[: _ROWS - len(self.rows)]]
        if not faces and len(self.without) < _ROWS:
            self.without.append(image)

    def show(self) -> None:
        table = Table(Column("image", overflow="fold"), "score", "face at x, y", "size", "expected error")
        for image, face in self.rows:
            x0, y0, x1, y1 = face["box"]
            side = max(box_side(np.array(face["box"])), 1e-6)
            error = float(np.mean(face["expected_errors"]))
            table.add_row(
                Text(image), f"{face['score']:.2f}", f"{x0:.0f}, {y0:.0f}", f"{x1 - x0:.0f} x {y1 - y0:.0f} px",
                f"{error:.1f} px, {100 * error / side:.1f} %",
            )  # fmt: skip
        if self.rows:
            out.print(table)
        if self.faces > len(self.rows):
            out.print(f"and {self.faces - len(self.rows)} more")
        for image in self.without:
            out.print(Text(f"no face found: {image}"), soft_wrap=True)
        counts = f"{pluralize(self.faces, 'face')} in {pluralize(self.images + self.failed, 'image')}"
        out.print(counts + (f", {self.failed} could not be read" if self.failed else ""))


def align_images(
    found: list[Path],
    settings: dict[str, Any],
    out_dir: Path | None,
    format: str,
    draw: bool | None,
    as_json: bool,
    resume: bool,
    shard: str | None,
) -> None:
    """Align the images found and write what was asked for; an image that cannot be read is named, and the rest
    done. settings: those of `FaceAligner`."""
    if format not in (*FORMATS, "parquet"):
        raise typer.BadParameter(f"unknown format {format!r}; known are {', '.join(FORMATS)}, parquet")
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)  # now, so that a folder which cannot be made costs no waiting
    found = without_results(found, r"_faces\.jpg", out_dir)
    stems, label = _to_do(found, out_dir, format, resume, shard)
    images = list(stems)
    if draw is None:
        draw = format != "parquet" if out_dir is not None else len(found) == 1 and not as_json
    summary, written = Summary(), _Written(out_dir or Path().absolute())
    wrong: dict[Path, ImageError] = {}

    def on_error(image: Path, error: ImageError) -> None:
        wrong[image] = error
        print_error(str(error))

    each = align_all(images, settings, on_error, keep_images=draw or format == "coco")  # it states sizes

    def results() -> Iterator[tuple[Path, list[Face]]]:
        """The images that can be read, and their faces. On the way they are drawn, counted and printed."""
        for image, faces in zip(_progress(images), each, strict=True):
            if format == "dlib" and not is_valid_xml_text(str(image)):
                on_error(image, ImageError(f"{str(image)!a}: {UNHELD}"))
            if error := wrong.pop(image, None):
                summary.failed += 1
                _print_json(as_json, {"image": str(image), "error": str(error)}, summary)
                continue
            summary.add(str(image), faces)
            _print_json(as_json, {"image": str(image), "faces": [face.to_dict() for face in faces]}, summary)
            if draw and faces and faces[0].image is not None:
                path = (out_dir or Path()) / f"{stems[image]}_faces.jpg"
                save_image(path, draw_faces(faces[0].image, faces))
                written.add([path])
            yield image, faces

    if as_json:
        print("[", end="")
    if out_dir is None:
        for _ in results():
            pass
    elif format == "parquet":
        written.add(write_parquet(out_dir, ((relative_name(out_dir, path), faces) for path, faces in results()), label))
    else:
        written.add(save_faces(results(), out_dir, format, stems, label))
    if as_json:
        print("]")
    else:
        summary.show()
        written.show()
    if summary.failed:
        raise typer.Exit(1)


def _to_do(
    found: list[Path], out_dir: Path | None, format: str, resume: bool, shard: str | None
) -> tuple[dict[Path, str], str]:
    """The images that are left to do, each with the stem of its files, and what tells files of this part from those
    of others. Stems are those of all images, so that every part has the same."""
    images, label = _share(found, shard)
    if format == "parquet" and out_dir is not None:
        import_module("pyarrow")  # before the work and not after it
        if not resume and any(_may_overlap(label, earlier) for earlier in labels_in_parquet(out_dir)):
            raise typer.BadParameter(f"{out_dir} has tables of an earlier run: add --resume, or take another folder")
    done, taken = _done_before(out_dir, format) if resume else (set(), set())
    stems = {p: unique_stem(p.stem, taken) for p in found if not done or _name(p, out_dir, format) not in done}
    left = {image: stems[image] for image in images if image in stems}
    if resume:
        err.print(f"{len(images) - len(left)} of {pluralize(len(images), 'image')} done before, {len(left)} to do")
    return left, label


def save_image(path: Path, image: np.ndarray) -> None:
    """Write an image (H, W, 3) RGB as a file of the kind that its name says."""
    kind = path.suffix or ".png"
    try:
        done, data = cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error:  # not for all that it cannot do: of some it only says that it is not done
        done = False
    if not done:
        size = f"{image.shape[1]} x {image.shape[0]} px"
        raise ValueError(f"{path}: an image of {size} cannot be written as {kind}")
    with atomic_write(path, "wb") as file:
        file.write(data.tobytes())


@dataclass
class _Written:
    """How many files were written into a folder, and the first."""

    folder: Path
    count: int = 0
    first: Path | None = None

    def add(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self.first, self.count = self.first or path, self.count + 1

    def show(self) -> None:
        if self.count:
            what = str(self.first) if self.count == 1 else f"{self.count} files in {self.folder}"
            out.print(Text(f"written: {what}"), soft_wrap=True)


def _print_json(wanted: bool, entry: dict[str, Any], summary: Summary) -> None:
    if wanted:
        print("" if summary.images + summary.failed == 1 else ",\n", json.dumps(entry), sep="", end="")


def _share(images: list[Path], shard: str | None) -> tuple[list[Path], str]:
    """Every N-th image from the I-th on, and what tells the files of this part from those of others."""
    if shard is None:
        return images, ""
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    i, n = map(int, match.groups()) if match else (0, 0)
    if not 1 <= i <= n:
        raise typer.BadParameter(f"--shard is I/N with I from 1 to N, such as 2/4, not {shard!r}")
    return images[i - 1 :: n], f"{i}of{n}"


def _may_overlap(label: str, other: str) -> bool:
    """True where the images of two parts may be the same: where these are not two of the same number of parts."""
    return label == other or not label or label.partition("of")[2] != other.partition("of")[2]


def _done_before(out_dir: Path | None, format: str) -> tuple[set[str], set[str]]:
    """The names of the images that ``out_dir`` has the points of, and the stems that their files have taken."""
    if out_dir is None or format not in ("json", "parquet"):
        raise typer.BadParameter("--resume looks into --out DIR, with --format json or parquet: others have one file")
    if format == "parquet":
        return images_in_parquet(out_dir), set()
    images = images_in_json(out_dir)
    return set(images), {stem.casefold() for stem in images.values()}


def _name(image: Path, out_dir: Path | None, format: str) -> str:
    """What an image is called in files of a format."""
    name = relative_name(out_dir or Path(), image)
    return valid_utf8(name) if format == "parquet" else name


def without_results(found: list[Path], ending: str, out_dir: Path | None) -> list[Path]:
    """Without what an earlier run made: files whose name is the stem of another one and an ``ending``, a regular
    expression, and that lie beside it or where this run writes to."""
    beside = {(path.parent, short_stem(path.stem)) for path in found}
    stems = {stem for _, stem in beside}
    result, there = re.compile(rf"(.*?)(-\d+)?{ending}"), (out_dir or Path()).resolve()

    def is_result(path: Path) -> bool:
        if (match := result.fullmatch(path.name)) is None:
            return False
        # A number before the ending may be the name's own, or that of a second image of the name.
        names = {match[1], match[1] + (match[2] or "")} & stems
        return any((path.parent, name) in beside for name in names) or bool(names and path.parent.resolve() == there)

    earlier = [path for path in found if is_result(path)]
    if earlier:
        what = f"left out: {pluralize(len(earlier), 'result')} of an earlier run, such as {earlier[0]}"
        err.print(Text(what), soft_wrap=True)
    left_out = set(earlier)
    return [path for path in found if path not in left_out]


def _progress(images: list[Path]) -> Iterator[Path]:
    """The images one by one, with a bar and the time left where there are several."""
    if len(images) < 2:
        yield from images
        return
    with progress_bar() as progress:
        task = progress.add_task("", total=len(images))
        for image in images:
            yield image
            progress.update(task, advance=1, description=image.name)
