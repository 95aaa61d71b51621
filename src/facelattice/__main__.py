"""The program `facelattice`, also as `python -m facelattice` for `accelerate launch` and `torchrun`.

It handles Ctrl-C and a lack of memory during the imports, before `facelattice.cli` can do so.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Import the command line and run it."""
    is_ignored = signal.getsignal(signal.SIGINT) is not signal.default_int_handler  # as for background jobs
    if not is_ignored:
        signal.signal(signal.SIGINT, _exit)
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


def _exit(number: int, frame: FrameType | None) -> None:
    """Exit at once. Some libraries would turn a KeyboardInterrupt during their import into an ImportError."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
