"""The program `facelattice`, also as `python -m facelattice` for `accelerate launch` and `torchrun`.

It handles Ctrl-C and a lack of memory during the imports, before `facelattice.cli` can do so.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

MIN_ADDRESS_SPACE = 2**30
"""Limit of the address space in bytes (`ulimit -v`) that the program needs. Numeric libraries crash below it."""


def main() -> None:
    """Import the command line and run it."""
    is_ignored = signal.getsignal(signal.SIGINT) is not signal.default_int_handler  # as for background jobs
    if not is_ignored:
        signal.signal(signal.SIGINT, _exit)
    _check_address_space()
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # its errors are exceptions; it also prints them
    try:  # not at the top: the imports take a while
        from typer.main import get_command

        from facelattice.cli import app

        command = get_command(app)
    except Exception as error:
        from facelattice.exceptions import OUT_OF_MEMORY, is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(OUT_OF_MEMORY, file=sys.stderr)
        sys.exit(2)
    if not is_ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


def _check_address_space() -> None:
    """Exit with a message if the limit of the address space is too small: some libraries would crash without one."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < MIN_ADDRESS_SPACE:
        print(
            f"the limit of memory for a process is {limit // 2**20} MB, and at least {MIN_ADDRESS_SPACE // 2**20} MB "
            "are needed; raise it (ulimit -v)",
            file=sys.stderr,
        )
        sys.exit(2)


def _exit(number: int, frame: FrameType | None) -> None:
    """Exit at once. Some libraries would turn a KeyboardInterrupt during their import into an ImportError."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
