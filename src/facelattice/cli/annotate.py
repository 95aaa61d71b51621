"""`facelattice annotate`: the page to annotate images, with a model that is trained on the finished ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facelattice.cli.app import TRAINING, command
from facelattice.cli.console import print_error, print_notice
from facelattice.cli.listener import open_listener
from facelattice.cli.signals import exit_status
from facelattice.exceptions import ImageError
from facelattice.file_search import find_images, image_suffixes
from facelattice.messages import pluralize
from facelattice.schemes import Scheme, get_scheme

if TYPE_CHECKING:
    from facelattice.annotate.table import FaceAnnotation

HOST = "127.0.0.1"


@command(
    TRAINING,
    "facelattice annotate photos --points left_eye,right_eye,nose_tip",
    "facelattice annotate photos --scheme dog-points.yaml --model dog.onnx",
)
def annotate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT", help="Images, folders and globs; or one dataset of annotated faces to correct."
        ),
    ],
    points: Annotated[
        str | None,
        typer.Option(
            metavar="POINTS",
            help="Number or names (left_eye,right_eye,nose_tip) of the points. The scheme is written beside the table.",
        ),
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(metavar="SCHEME", help="Points to annotate: a built-in scheme or a YAML file.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Model that suggests the points: a bundled model or a model file."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="TABLE.csv", dir_okay=False,
            help="Table in which every change is saved at once. An existing table is continued.",
        ),
    ] = Path("points.csv"),
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="Port; 0 chooses a free one.")] = 8001,
) -> None:  # fmt: skip
    """Annotate faces in the browser, and train a model on them from the page.

    The model suggests points for the next images, starting with those where it is least certain. Only this machine can
    reach the page. Ctrl-C stops.
    """
    from facelattice.annotate.app import create_app
    from facelattice.annotate.project import Project
    from facelattice.annotate.session import Session
    from facelattice.annotate.training_job import DEFAULT_BASE
    from facelattice.serve.server import run_server
    from facelattice.serve.settings import Settings

    if output.suffix.lower() != ".csv":
        raise typer.BadParameter(f"--out {output}: the table is a .csv file; the page exports other formats")
    scheme_file = output.with_suffix(".yaml") if points is not None else None
    given: dict[Path, list[FaceAnnotation]] = {}
    chosen = _choose_scheme(points, scheme, model, scheme_file)
    if _is_dataset(inputs, chosen):
        chosen, given = _read_dataset(Path(inputs[0]), chosen, output)
        images = list(given)
    else:
        images = find_images(inputs)
        if not any(image.exists() for image in images):
            raise ImageError(f"{images[0]}: no such file")
    if chosen is None:
        raise typer.BadParameter(
            "which points? Give their number or names (--points 12, --points left_eye,right_eye,nose_tip), a scheme "
            "(--scheme my.yaml), or a model whose points you want to correct (--model ibug68)"
        )
    listener = open_listener(HOST, port)
    project = Project(output, chosen, images, given)
    session = Session(project, model, model or DEFAULT_BASE, scheme_file)
    done = sum(record.done for record in project.records)
    summary = f"{pluralize(len(project.records), 'image')}, {done} done, {pluralize(len(chosen), 'point')}"
    address = f"http://{HOST}:{listener.getsockname()[1]}/"
    print_notice(f"{address}    {summary}; table: {output}    (Ctrl-C stops)")
    try:
        run_server(create_app(session), Settings(), listener)
    except KeyboardInterrupt as error:  # raised again by the server after it has stopped
        print_error(f"stopped; {output} holds all changes" if output.exists() else "stopped; nothing was annotated")
        raise typer.Exit(exit_status(error)) from None


def _choose_scheme(points: str | None, scheme: str | None, model: str | None, file: Path | None) -> Scheme | None:
    """Return the scheme of the options; None without any. A scheme of --points is written to ``file``."""
    from facelattice.annotate.shapes import write_scheme
    from facelattice.inference.model_zoo import find_model
    from facelattice.inference.onnx_model import Model

    if points is not None and scheme is not None:
        raise typer.BadParameter("give either --points or --scheme")
    chosen = None if scheme is None else get_scheme(scheme)
    if points is not None and file is not None:
        wanted = int(points) if points.isdecimal() else [name.strip() for name in points.split(",")]
        chosen = Scheme.from_dict({"name": file.stem, "points": wanted})
        if file.exists():  # the page may have renamed the points
            saved = get_scheme(file)
            if len(saved) != len(chosen):
                raise typer.BadParameter(
                    f"{file} has {len(saved)} points, not {len(chosen)}: give another --out, or --scheme {file}"
                )
            chosen = saved
        else:
            write_scheme(file, chosen)
    if model is None:
        return chosen
    model_scheme = Model(find_model(model)).scheme
    if chosen is not None and len(model_scheme) != len(chosen):
        raise typer.BadParameter(
            f"the model {model} has {len(model_scheme)} points ({model_scheme.name}), but {chosen.name} has "
            f"{len(chosen)}"
        )
    return chosen or model_scheme


def _is_dataset(inputs: list[str], scheme: Scheme | None) -> bool:
    """Return whether the input is one dataset of faces to correct.

    A dataset is a file that is no image, or a folder with .pts files or with JSON files of `facelattice align`. If such
    JSON files have another number of points than the scheme, they are ignored: the folder is one of images.
    """
    from facelattice.datasets.readers.files import has_files

    path = Path(inputs[0])
    if len(inputs) > 1:
        return False
    if path.is_dir():
        return has_files(path, ".pts") or _has_results(path, scheme)
    return path.is_file() and path.suffix.lower() not in image_suffixes()


def _has_results(folder: Path, scheme: Scheme | None) -> bool:
    """Return whether a folder has faces of `facelattice align`, the first with the points of the scheme, if known."""
    from facelattice.formats.json import image_in_json, read_json

    faces = (face for file in sorted(folder.glob("*.json")) if image_in_json(file) for face in read_json(file))
    first = next(faces, None)
    return first is not None and (scheme is None or len(first.points) == len(scheme))


def _read_dataset(path: Path, scheme: Scheme | None, output: Path) -> tuple[Scheme, dict[Path, list[FaceAnnotation]]]:
    """Read the annotated faces of a dataset, by image, and their scheme."""
    from facelattice.annotate.table import FaceAnnotation
    from facelattice.datasets.readers.detect_layout import read_dataset
    from facelattice.datasets.sample import convert_samples, default_scheme

    if path.exists() and output.exists() and os.path.samefile(path, output):
        raise typer.BadParameter(f"{path} is the table of --out already: give the images, or another --out")
    samples, without_faces = read_dataset(path, None, None if scheme is None else default_scheme(scheme))
    scheme = scheme or samples[0].scheme
    given: dict[Path, list[FaceAnnotation]] = {}
    for sample in convert_samples(samples, scheme, None):
        given.setdefault(sample.path, []).append(FaceAnnotation(sample.points, sample.hidden & sample.mask))
    for image in without_faces:
        given.setdefault(image, [])
    return scheme, given
