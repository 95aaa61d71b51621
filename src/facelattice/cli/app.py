"""The Typer program with all commands, and its handling of errors and signals.

A mistake of the user (`FacelatticeError`) or an error of the system (OSError) is printed as one line on stderr. Any
other exception is a bug: its traceback is printed, and a line that asks for a report.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

import facelattice
from facelattice.cli.console import err, format_error, out, print_error
from facelattice.cli.signals import describe_stop, exit_status, raise_on_stop_signals
from facelattice.exceptions import OUT_OF_MEMORY, FacelatticeError, is_out_of_memory
from facelattice.file_search import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from facelattice.image_formats import silence_pillow
from facelattice.messages import escape

ISSUES = "https://github.com/facelattice/facelattice/issues"
STATUS_ERROR = 2
STATUS_BUG = 70  # EX_SOFTWARE of sysexits.h

IMAGES, MODELS, TRAINING, EVALUATION = PANELS = ("Images and videos", "Models and schemes", "Training", "Evaluation")
"""The groups of commands in the help, in their order."""

# The extra that installs each optional module.
EXTRAS = {
    "h5py": "evaluate", "scipy": "evaluate", "defusedxml": "evaluate", "matplotlib": "evaluate", "jinja2": "evaluate",
    "yaml": "evaluate",
    "av": "video", "pyarrow": "parquet", "ray": "ray",
    "fastapi": "serve", "starlette": "serve", "uvicorn": "serve", "python_multipart": "serve",
    "prometheus_client": "serve", "swagger_ui_bundle": "serve",
    "torch": "train", "torchvision": "train", "timm": "train", "huggingface_hub": "train", "accelerate": "train",
    "omegaconf": "train", "onnx": "train", "tensorboard": "train", "safetensors": "train",
}  # fmt: skip


class _Program(typer.core.TyperGroup):
    """The group of all commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of their groups."""
        groups = {name: getattr(command, "rich_help_panel", "") for name, command in self.commands.items()}
        return sorted(super().list_commands(ctx), key=lambda name: PANELS.index(groups[name]))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            if hasattr(error, "format_message") and _is_input(args[0]):
                error.message = f"No such command. Did you mean: facelattice align {shlex.quote(args[0])}"  # type: ignore[attr-defined]
            raise

    def main(self, *args: Any, **kwargs: Any) -> Any:
        if sys.stdout is None:  # the next file that is opened would get its file descriptor
            _fail("standard output is closed; redirect it to a file or to /dev/null")
        for stream in (sys.stdout, sys.stderr):  # names of files may contain bytes that are not text
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        silence_pillow()
        words = args[0] if args else kwargs.get("args")
        if "" in (sys.argv[1:] if words is None else words):  # as a path it would be the current folder
            _fail("an argument is empty: a variable of the shell may not be set")
        try:
            with raise_on_stop_signals(), _flush_stdout():
                return super().main(*args, **kwargs)
        except BrokenPipeError:  # the reader of `facelattice ... | head` has ended
            sys.exit(1)
        except (FacelatticeError, OSError) as error:
            _fail(format_error(error))
        except ImportError as error:
            module = (error.name or "").partition(".")[0]
            if is_out_of_memory(error):
                _fail(OUT_OF_MEMORY)
            if module not in EXTRAS:
                _report_bug()
            _fail(f'{error}; run: pip install "facelattice[{EXTRAS[module]}]"')
        except Exception as error:
            if is_out_of_memory(error):
                _fail(OUT_OF_MEMORY)
            _report_bug()

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _report_stop():  # it imports modules, which takes a while
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _report_stop():
            return super().invoke(ctx)


def _is_input(word: str) -> bool:
    """Return whether a word in place of a command is an image, a video or a folder."""
    return Path(word).exists() or Path(word).suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES


@contextmanager
def _report_stop() -> Iterator[None]:
    """Report Ctrl-C or a signal, and exit with its status. Typer would exit silently, with status 130 for all.

    Control characters in usage errors, which Typer prints, are escaped.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        print_error(describe_stop(error))
        raise typer.Exit(exit_status(error)) from None
    except Exception as error:
        if hasattr(error, "format_message"):  # of Click, a copy of which is a private part of Typer
            error.message = escape(error.message)  # type: ignore[attr-defined]
        raise


@contextmanager
def _flush_stdout() -> Iterator[None]:
    """Flush stdout at the end, so that a full disk is an error here and not in the interpreter's shutdown."""
    status: object = 1
    try:
        yield
        status = 0
    except SystemExit as end:
        status = end.code
        raise
    except OSError as error:
        status = error.filename is not None  # an error without a name may be that of stdout
        raise
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush by the interpreter
            if not status:  # otherwise the first error counts
                raise OSError(error.errno, error.strerror, "standard output") from None


def _fail(message: str) -> NoReturn:
    print_error(message)
    sys.exit(STATUS_ERROR)


def _report_bug() -> NoReturn:
    with suppress(OSError):
        err.print(traceback.format_exc(), markup=False, soft_wrap=True, end="")
    print_error(f"this is a bug in facelattice; please report it at {ISSUES}")
    sys.exit(STATUS_BUG)


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(requested: bool) -> None:
    if requested:
        out.print(f"facelattice {facelattice.__version__}")
        raise typer.Exit


@app.callback(help="Find facial landmarks in images and videos, and train models that find them.")
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


_Command = TypeVar("_Command", bound=Callable[..., None])


def command(group: str, *examples: str) -> Callable[[_Command], _Command]:
    """Add a function as a command with the name of the function.

    Args:
        group: The group of the command in the help, one of `PANELS`.
        examples: Command lines for the end of the help of the command; each has at most 74 characters.

    Returns:
        The decorator.
    """
    lines = "\n".join(examples)
    return app.command(rich_help_panel=group, epilog=f"**Examples**\n```text\n{lines}\n```")
