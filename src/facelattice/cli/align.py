"""`facelattice align`: landmarks of the faces in images, folders, videos and from a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import cv2
import typer

from facelattice.cli.align_images import align_images
from facelattice.cli.align_videos import align_videos, is_video, matching_videos
from facelattice.cli.app import app
from facelattice.cli.options import AsJson
from facelattice.formats import FORMATS
from facelattice.image_io import find_images
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT
from facelattice.inference.predictor import MIN_SCORE
from facelattice.onnx_session import PROVIDERS


@app.command()
def align(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INPUT...]", help="Images, folders, globs in quotes; or videos, frames/%04d.png."),
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
            "If you do not say: with --out, and for a single image without --json.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="A bundled model, or the path of a model file.")] = DEFAULT,
    detector: Annotated[str, typer.Option(help="What finds the faces.")] = "yunet",
    provider: Annotated[str, typer.Option(metavar="|".join(PROVIDERS), help="What runs the model.")] = "cpu",
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out faces below this score.")] = MIN_SCORE,
    max_faces: Annotated[int | None, typer.Option(min=1, help="Keep only the best so many of an image.")] = None,
    as_json: AsJson = False,
    camera: Annotated[int | None, typer.Option(min=0, help="Follow the faces that this camera sees.")] = None,
    smooth: Annotated[
        float | None, typer.Option(min=0, help="Videos: how strongly points are smoothed, 0 for not; 1 if not said.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Pass over images that --out has the points of.")] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Do the I-th of N parts of the images, 1/4 to 4/4 say.")
    ] = None,
    crops: Annotated[bool, typer.Option("--crops", help="Videos: write each face, held still, as a video.")] = False,
) -> None:
    """Find the landmarks of the faces in images, or follow them through videos.

    A table says what was found. Exit status 1 if some images or videos could not be read; each is named.
    """
    if not inputs and camera is None:
        raise typer.BadParameter("give images, folders or videos, or --camera NUMBER")
    if address := next((name for name in inputs or [] if "://" in name), None):
        raise typer.BadParameter(f"{address}: addresses are not fetched; download it and name the file")
    if format and not out_dir:
        raise typer.BadParameter("--format says what to write into --out; give --out DIR too")
    # OpenCV's own lines about bad images go: ours say more. The function moved in OpenCV 5.
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)
    settings: dict[str, Any] = {
        "model": model, "detector": detector, "provider": provider, "min_score": min_score, "max_faces": max_faces,
    }  # fmt: skip
    inputs = [match for name in inputs or [] for match in matching_videos(name)]
    videos = [name for name in inputs if is_video(name)]
    if videos or camera is not None:
        if len(videos) < len(inputs):
            raise typer.BadParameter("videos and images are done apart; name one kind of them at a time")
        if as_json or resume or shard is not None:
            raise typer.BadParameter("--json, --resume and --shard are for images; leave them out for videos")
        strength = 1.0 if smooth is None else smooth
        align_videos(videos, camera, FaceAligner(**settings), strength, out_dir, format, draw is not False, crops)
        return
    if crops or smooth is not None:
        raise typer.BadParameter("--crops and --smooth are for videos; leave them out for images")
    if as_json and format == "parquet":
        raise typer.BadParameter("--json prints what --format parquet writes; choose one of them")
    align_images(find_images(inputs), settings, out_dir, format or "json", draw, as_json, resume, shard)
