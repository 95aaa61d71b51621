"""`facelattice align`: find the landmarks of faces in images, videos and the frames of a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facelattice.cli.align_images import AlignImagesOptions, align_images
from facelattice.cli.align_videos import AlignVideosOptions, align_videos
from facelattice.cli.app import app
from facelattice.cli.options import AsJson
from facelattice.cli.video_inputs import expand_video_glob, is_video
from facelattice.crops import TEMPLATES
from facelattice.file_search import find_images
from facelattice.formats import FORMATS
from facelattice.image_io import MAX_PIXELS
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT
from facelattice.inference.predictor import MIN_SCORE
from facelattice.onnx_session import PROVIDERS


def _parse_folder(name: str) -> Path:
    if not name:
        raise typer.BadParameter("the name of the folder is empty")
    if Path(name).is_file():
        raise typer.BadParameter(f"{name!r} is a file, not a folder")
    return Path(name)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command()
def align(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT...]",
            help="Images, folders and globs of images; or videos and patterns of numbered images (frames/%04d.png).",
        ),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", parser=_parse_folder, help="Folder to write to.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME", help=f"Format of the landmarks in --out: {', '.join(FORMATS)}. Videos: json, csv."
        ),
    ] = "json",
    draw: Annotated[
        bool | None,
        typer.Option(
            "--draw/--no-draw",
            help="Draw the landmarks into STEM_faces.jpg, or STEM_faces.mp4, in --out or the current folder.",
            show_default="on with --out, for a single image and for videos; off with parquet",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Bundled model or model file.")] = DEFAULT,
    detector: Annotated[str, typer.Option(help="Face detector.")] = "yunet",
    provider: Annotated[
        str, typer.Option(metavar="NAME", help=f"Device that runs the model: {', '.join(PROVIDERS)}.")
    ] = "cpu",
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Minimum score of a face.")] = MIN_SCORE,
    max_faces: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of faces in an image.", show_default="no limit")
    ] = None,
    max_megapixels: Annotated[
        float, typer.Option(min=0, help="Reject larger image files before they are decoded.")
    ] = MAX_PIXELS / 1e6,
    as_json: AsJson = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Images: skip those whose landmarks are in --out (json, parquet).")
    ] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Images: process only the I-th of N parts, I from 1 to N.")
    ] = None,
    camera: Annotated[int | None, typer.Option(min=0, help="Number of a camera whose video is processed.")] = None,
    smooth: Annotated[
        float, typer.Option(min=0, help="Videos: strength of the smoothing over time; 0 turns it off.")
    ] = 1.0,
    crops: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help=f"Write a crop of each face, in videos a video of it: {', '.join(TEMPLATES)}.",
        ),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Images: write the mask of each face.")] = False,
) -> None:
    """Find the landmarks of faces in images, or track them through videos.

    The exit status is 1 if an image or a video cannot be read; the others are processed.
    """
    if not inputs and camera is None:
        raise typer.BadParameter("give images, folders or videos, or --camera NUMBER")
    if crops is not None and crops not in TEMPLATES:
        raise typer.BadParameter(f"unknown template {crops!r} for --crops; expected one of {', '.join(TEMPLATES)}")
    if _is_given(context, "format") and out_dir is None:
        raise typer.BadParameter("--format needs --out DIR")
    settings: dict[str, Any] = {
        "model": model, "detector": detector, "provider": provider, "min_score": min_score, "max_faces": max_faces,
        "max_pixels": round(max_megapixels * 1e6),
    }  # fmt: skip
    names = [name for pattern in inputs or [] for name in expand_video_glob(pattern)]
    videos = [name for name in names if is_video(name)]
    if videos or camera is not None:
        if len(videos) < len(names):
            raise typer.BadParameter("videos and images cannot be processed together; give one kind at a time")
        if as_json or resume or shard is not None or masks:
            raise typer.BadParameter("--json, --resume, --shard and --masks are for images, not for videos")
        align_videos(
            videos,
            camera,
            AlignVideosOptions(
                aligner=FaceAligner(**settings),
                out_dir=out_dir,
                format=format,
                draw=draw is not False,
                crops=crops,
                smooth=smooth,
            ),
        )
        return
    if _is_given(context, "smooth"):
        raise typer.BadParameter("--smooth is for videos, not for images")
    options = AlignImagesOptions(settings, out_dir, format, draw, crops, masks, as_json, resume, shard)
    align_images(find_images(names), options)
