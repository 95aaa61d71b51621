"""`facelattice schemes`: list the point schemes, or draw one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out
from facelattice.image_io import save_image
from facelattice.schemes import SCHEMES, get_scheme
from facelattice.visualization.faces import draw_scheme


@app.command()
def schemes(
    name: Annotated[str | None, typer.Argument(help="Scheme to draw.", show_default="list all")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="The drawing.", show_default="NAME.png"),
    ] = None,
) -> None:
    """List the point schemes, or draw one with the numbers of its points."""
    if name is not None:
        scheme = get_scheme(name)
        output = output or Path(f"{scheme.name}.png")
        save_image(output, draw_scheme(scheme))
        out.print(Text(f"written: {output}, {scheme.name} with {len(scheme)} points"), soft_wrap=True)
        return
    table = Table("scheme", "points", "regions")
    for scheme in SCHEMES.values():
        table.add_row(scheme.name, str(len(scheme)), ", ".join(scheme.regions))
    out.print(table)
