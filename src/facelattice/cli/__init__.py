"""The command line: `app.py` contains the program, and each command has its own file.

Example:
    facelattice align photo.jpg

Exit status:
    0: Everything was done.
    1: Some images, videos or runs failed. Each is named on stderr, and the others were done.
    2: Wrong usage, or an error that stopped the command.
    70: A bug in facelattice. The traceback is on stderr.
    128 + n: Stopped by signal n, such as 130 for Ctrl-C and 143 for SIGTERM. The files written so far are complete.
"""

from facelattice.cli import (
    ablate,
    align,
    annotate,
    bench,
    compare,
    convert,
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
    """Run the command `facelattice`."""
    app()
