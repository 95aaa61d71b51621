"""The command line: `app.py` holds the program, every verb has a file of its own.

    facelattice align photo.jpg

Exit status: 0 all done, 1 some images or runs failed, 2 wrong use or an error that stopped the work, 130 stopped by
Ctrl-C.
"""

from facelattice.cli import (
    ablate,
    align,
    bench,
    compare,
    evaluate,
    explain,
    export,
    graph,
    label,
    models,
    robustness,
    schemes,
    serve,
    train,
)
from facelattice.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """The entry point of the command `facelattice`."""
    app()
