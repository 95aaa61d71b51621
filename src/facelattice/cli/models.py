"""`facelattice models`: the contents, the training data and the license of model files."""

from __future__ import annotations

import hashlib
from typing import Annotated

import typer
from rich.table import Column, Table

from facelattice.cli.app import MODELS, command
from facelattice.cli.console import format_percent, out
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.terminal import one_line


@command(MODELS, "facelattice models", "facelattice models mine.onnx")
def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Bundled models or model files.", show_default="all bundled models"),
    ] = None,
) -> None:
    """Describe models: scheme, training data and its terms, license."""
    for name in names or list_models():
        out.print(_describe(Model(find_model(name))))


def _describe(model: Model) -> Table:
    info, content = model.info, model.path.read_bytes()
    rows = [
        ("file", f"{model.path} ({len(content) / 1e6:.1f} MB)"),
        ("sha256", hashlib.sha256(content).hexdigest()),  # of the whole file, as sha256sum and reports show it
        ("scheme", f"{model.scheme.name}, {len(model.scheme)} points"),
        ("crop", f"{model.crop_size} px, {model.crop_margin:g} x the box of the landmarks"),
        ("styles", ", ".join(info.annotation_styles) or "none"),
        *(("training data", line) for line in dict.fromkeys(f"{data['name']}: {data['terms']}" for data in info.data)),
        ("faces", ", ".join(f"{count} {part}" for part, count in info.faces.items()) or "not stated"),
        ("validation NME", format_percent(info.val_nme)),
        ("license", info.license),
        ("version", f"facelattice {info.version}"),
    ]
    # Without padding, the digest fits into a line of 80 characters.
    columns = "", Column(overflow="fold")
    title = one_line(model.name)
    table = Table(*columns, title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    for key, value in rows:
        table.add_row(one_line(key, style="dim"), one_line(value))
    return table
