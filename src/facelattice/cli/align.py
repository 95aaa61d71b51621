"""`facelattice align`: find the landmarks of faces in images, videos and the frames of a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facelattice.cli.align_images import AlignImagesOptions, align_images
from facelattice.cli.align_videos import AlignVideosOptions, align_videos
from facelattice.cli.app import IMAGES, command
from facelattice.cli.drawings import DRAWING_KINDS, DrawingOptions
from facelattice.cli.options import AsJson, complete
from facelattice.cli.video_inputs import expand_video_glob, is_video
from facelattice.crops import TEMPLATES
from facelattice.file_search import find_images
from facelattice.formats import FORMATS
from facelattice.image_io import MAX_PIXELS
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT, list_models
from facelattice.inference.predictor import MIN_SCORE
from facelattice.onnx_session import PROVIDERS
from facelattice.video.landmark_writer import LANDMARK_FORMATS
from facelattice.video.track_writer import TRACK_PROGRAMS
from facelattice.visualization.face_marks import COLORINGS, STYLES

DRAWINGS, FACES, MANY_IMAGES, VIDEOS = "Drawings, crops and masks", "Faces", "Many images", "Videos"
"""Groups of options."""


def _parse_folder(name: str) -> Path:
    if Path(name).is_file():
        raise typer.BadParameter(f"{name!r} is a file, not a folder")
    return Path(name)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@command(
    IMAGES,
    "facelattice align photo.jpg",
    "facelattice align holiday --out points --format csv --no-draw",
    "facelattice align photo.jpg --style mesh --color region --draw-as overlay",
    "facelattice align clip.mp4 photo.jpg --out found",
    "facelattice align clip.mp4 --out found --model ibug68-fast --tracks nuke",
)
def align(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Images, videos, folders and globs of images, patterns of numbered images (frames/%04d.png).",
        ),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", parser=_parse_folder, help="Folder to write to.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help=f"Format of the landmarks in --out: {', '.join(FORMATS)}. Videos: {', '.join(LANDMARK_FORMATS)}.",
            autocompletion=complete(FORMATS),
        ),
    ] = "json",
    as_json: AsJson = False,
    camera: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Process the video of a camera, until Ctrl-C.")
    ] = None,
    draw: Annotated[
        bool | None,
        typer.Option(
            "--draw/--no-draw",
            metavar="",
            help="Draw the landmarks: STEM_faces.jpg, STEM_faces.mp4.",
            show_default="videos, a single image, and with --out except parquet",
            rich_help_panel=DRAWINGS,
        ),
    ] = None,
    style: Annotated[
        str,
        typer.Option(
            metavar="STYLE",
            help=f"{', '.join(STYLES)}.",
            autocompletion=complete(STYLES),
            rich_help_panel=DRAWINGS,
        ),
    ] = "lines",
    color: Annotated[
        str,
        typer.Option(
            metavar="BY",
            help="Color by error (expected error) or region.",
            autocompletion=complete(COLORINGS),
            rich_help_panel=DRAWINGS,
        ),
    ] = "error",
    draw_as: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="Images: jpg, overlay (a transparent PNG) or svg.",
            autocompletion=complete(DRAWING_KINDS),
            rich_help_panel=DRAWINGS,
        ),
    ] = "jpg",
    crops: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help=f"Write a crop of each face, or a video of it: {', '.join(TEMPLATES)}.",
            autocompletion=complete(TEMPLATES),
            rich_help_panel=DRAWINGS,
        ),
    ] = None,
    masks: Annotated[
        bool,
        typer.Option("--masks", metavar="", help="Images: write the mask of each face.", rich_help_panel=DRAWINGS),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Bundled model or model file.",
            autocompletion=complete(list_models()),
            rich_help_panel=FACES,
        ),
    ] = DEFAULT,
    detector: Annotated[str, typer.Option(metavar="NAME", help="Face detector.", rich_help_panel=FACES)] = "yunet",
    provider: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"ONNX Runtime provider of the model: {', '.join(PROVIDERS)}.",
            autocompletion=complete(PROVIDERS),
            rich_help_panel=FACES,
        ),
    ] = "cpu",
    min_score: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SCORE",
            help="Minimum of the score times the confidence of the detector.",
            rich_help_panel=FACES,
        ),
    ] = MIN_SCORE,
    max_faces: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Maximum number of faces per image.",
            show_default="no limit",
            rich_help_panel=FACES,
        ),
    ] = None,
    max_megapixels: Annotated[
        float, typer.Option(min=0, metavar="N", help="Reject larger images before decoding.", rich_help_panel=FACES)
    ] = MAX_PIXELS / 1e6,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            metavar="",
            help="Skip images whose landmarks are in --out (json, parquet).",
            rich_help_panel=MANY_IMAGES,
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Process only the I-th of N parts, I from 1 to N.", rich_help_panel=MANY_IMAGES
        ),
    ] = None,
    smooth: Annotated[
        float,
        typer.Option(min=0, metavar="STRENGTH", help="Smoothing over time; 0 turns it off.", rich_help_panel=VIDEOS),
    ] = 1.0,
    tracks: Annotated[
        str | None,
        typer.Option(
            metavar="PROGRAM",
            help=f"Write the points of each track for {', '.join(TRACK_PROGRAMS)}.",
            autocompletion=complete(TRACK_PROGRAMS),
            rich_help_panel=VIDEOS,
        ),
    ] = None,
) -> None:
    """Find facial landmarks in images, and track them in videos.

    Without a terminal, a tab-separated line is printed for each face in an image: image, face, score, x0, y0, x1, y1,
    expected error in pixels. The exit status is 1 if an image or a video cannot be read; the others are processed.
    """
    if not inputs and camera is None:
        raise typer.BadParameter("give images, folders or videos, or --camera NUMBER")
    for option, value, allowed in (
        ("--style", style, STYLES),
        ("--color", color, COLORINGS),
        ("--draw-as", draw_as, DRAWING_KINDS),
        ("--crops", crops, TEMPLATES),
        ("--tracks", tracks, TRACK_PROGRAMS),
    ):
        if value is not None and value not in allowed:
            raise typer.BadParameter(f"unknown value {value!r} for {option}; expected one of {', '.join(allowed)}")
    if _is_given(context, "format") and out_dir is None:
        raise typer.BadParameter("--format needs --out DIR")
    settings: dict[str, Any] = {
        "model": model, "detector": detector, "provider": provider, "min_score": min_score, "max_faces": max_faces,
        "max_pixels": round(max_megapixels * 1e6),
    }  # fmt: skip
    names = [name for pattern in inputs or [] for name in expand_video_glob(pattern)]
    videos = [name for name in names if is_video(name)]
    images = [name for name in names if not is_video(name)]
    has_videos = bool(videos) or camera is not None
    if has_videos and (as_json or resume or shard is not None):
        raise typer.BadParameter("--json, --resume and --shard are for images, not for videos")
    for option, is_for_images in (("masks", True), ("draw_as", True), ("smooth", False), ("tracks", False)):
        if _is_given(context, option) and not (images if is_for_images else has_videos):
            kinds = ("images", "videos") if is_for_images else ("videos", "images")
            raise typer.BadParameter(f"--{option.replace('_', '-')} is for {kinds[0]}, not for {kinds[1]}")
    for option in ("style", "color", "draw_as"):
        if draw is False and _is_given(context, option):
            raise typer.BadParameter(f"--{option.replace('_', '-')} is for drawings; leave out --no-draw")
    drawing = DrawingOptions(style, color, draw_as)
    image_options = AlignImagesOptions(settings, out_dir, format, draw, drawing, crops, masks, as_json, resume, shard)
    found = find_images(images)  # before any work, so that a wrong name is an error at once
    failed = False
    if has_videos:
        video_options = AlignVideosOptions(
            aligner=FaceAligner(**settings),
            out_dir=out_dir,
            format=format,
            draw=draw is not False,
            drawing=drawing,
            crops=crops,
            smooth=smooth,
            tracks=tracks,
            proposes_fast_model=not _is_given(context, "model"),
        )
    if images:
        failed |= not align_images(found, image_options)
    if has_videos:
        failed |= not align_videos(videos, camera, video_options)
    if failed:
        raise typer.Exit(1)
