"""The verbs of the command line, each a few lines over the functions that do the work.

    facelattice align photo.jpg            facelattice models            facelattice schemes

and, with the extra "train", those that make models. Exit status: 0 all done, 1 some pictures or runs failed, 2 wrong
use or an error that stopped the work, 130 stopped by Ctrl-C.
"""

from facelattice.cli import using, making, measuring, looking, serving  # noqa: I001  the order in which --help lists their verbs
from facelattice.cli.program import app

__all__ = ["app", "looking", "main", "making", "measuring", "serving", "using"]


def main() -> None:
    """The entry point of the command `facelattice`."""
    app()
