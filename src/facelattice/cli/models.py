"""`facelattice models`: what a model file contains, was trained on, and its license."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model


@app.command()
def models(
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL...]", help="Names or paths.")] = None,
) -> None:
    """Say what models are: points, training data and their terms, license."""
    for name in names or list_models():
        model = Model(find_model(name))
        table = Table(title=model.name, title_justify="left", show_header=False, box=None)
        for key, value in (
            ("file", f"{model.path} ({model.path.stat().st_size / 1e6:.1f} MB)"),
            ("points", f"{len(model.scheme)}, scheme {model.scheme.name}"),
            ("crop", f"{model.crop_size} px, {model.crop_margin:g} x the landmark box"),
            *(("data", f"{data['name']}: {data['terms']}") for data in model.info.get("data", [])),
            ("faces", ", ".join(f"{count} {part}" for part, count in model.info.get("faces", {}).items())),
            *(("held-out NME", f"{100 * nme:.2f} %") for nme in [model.info.get("held_out_nme")] if nme is not None),
            ("license", model.info.get("license", "not stated")),
            ("made by", f"facelattice {model.info.get('version', '?')}"),
            ("sha256", model.info.get("sha256", "not stated")),
        ):
            table.add_row(Text(key, style="dim"), Text(str(value)))
        out.print(table)
