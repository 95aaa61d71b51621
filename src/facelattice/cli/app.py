"""The program itself: the group that the verbs join, and how it speaks of progress, shares and errors."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

import facelattice

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


# Which extra brings a package that is missing; the others come with "train".
EXTRAS = {"jinja2": "evaluate", "matplotlib": "evaluate", "pyarrow": "parquet", "av": "video", "ray": "ray"}
EXTRAS |= dict.fromkeys(("fastapi", "uvicorn", "PIL", "prometheus_client", "starlette", "swagger_ui_bundle"), "serve")


class _Verbs(typer.core.TyperGroup):
    """Turns what a user can put right into one line on stderr, where Python would show a traceback."""

    def invoke(self, ctx: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):  # a file's name need not be text, and is still to be said
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("stopped; what is written so far is whole")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `facelattice ... | head`: Click knows what to do
            raise
        except ImportError as error:
            if (error.name or "").startswith("facelattice"):
                raise
            extra = EXTRAS.get((error.name or "").split(".")[0], "train")
            hint = "" if "pip install" in str(error) else f'; run: pip install "facelattice[{extra}]"'
            say(f"{error}{hint}")
        except (OSError, ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not type(error).__module__.startswith("facelattice"):
                raise  # not an error of ours with a message for the user, but a bug with a traceback
            say(format_error(error))
        raise typer.Exit(2)


app = typer.Typer(
    cls=_Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


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


Subset = Annotated[str | None, typer.Option(metavar="NAME", help="Only the faces of this subset.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", help="Settings to change.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout in place of the table.")]


def say(message: str) -> None:
    """What went wrong, on stderr."""
    err.print(Text(message, style="red"), soft_wrap=True)


def format_error(error: Exception) -> str:
    """What an error says, with the file that it is about first."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


def pluralize(number: int, what: str) -> str:
    """1 face, 2 faces."""
    return f"{number} {what}{'s' * (number != 1)}"


def progress_bar() -> Progress:
    """A bar with the time left, on a terminal."""
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def format_percent(share: float | None) -> str:
    """A share as a table has it."""
    return "-" if share is None else f"{100 * share:.2f} %"
