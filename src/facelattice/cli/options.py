"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of the table.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", help="Settings of the recipe to override.")
]
Subset = Annotated[str | None, typer.Option(metavar="NAME", help="Use only the faces of this subset.")]
