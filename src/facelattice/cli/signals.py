"""Signals that stop the program: SIGTERM and SIGHUP end a command like Ctrl-C.

Both raise `Terminated`, a KeyboardInterrupt. So code that completes or removes its files after Ctrl-C does the same
after these signals.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from facelattice.stop_signals import STOP_SIGNALS

TERMINATION_SIGNALS = STOP_SIGNALS - {signal.SIGINT}

FILES_COMPLETE = "the files written so far are complete"
_received: list[int] = []  # the signal that raised `Terminated`, since some libraries replace the exception


class Terminated(KeyboardInterrupt):
    """The process has received SIGTERM or SIGHUP.

    Args:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def raise_on_stop_signals() -> Iterator[None]:
    """Raise `Terminated` in the main thread when SIGTERM or SIGHUP arrives, within the context.

    Only the first signal raises: a closed terminal often sends several, and the cleanup must not be interrupted.
    Signals that the parent process ignores (`nohup`) stay ignored.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if not _received:
            _received.append(number)
            raise Terminated(number)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    _received.clear()
    changed = [number for number in TERMINATION_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def hint_on_stop(find_hint: Callable[[], str]) -> Iterator[None]:
    """Add a hint to the message about a stop within the context.

    Args:
        find_hint: Returns the text after "stopped", or "".
    """
    try:
        yield
    except KeyboardInterrupt as error:
        error.hint = find_hint()  # type: ignore[attr-defined]
        raise


def describe_stop(error: KeyboardInterrupt) -> str:
    """Return the message about a stop, with the hint of `hint_on_stop`."""
    hint = getattr(error, "hint", "")
    return f"stopped; {hint}" if hint else "stopped"


def exit_status(error: KeyboardInterrupt) -> int:
    """Return the exit status that shells use for a signal: 128 plus its number."""
    number = error.number if isinstance(error, Terminated) else next(iter(_received), signal.SIGINT)
    return 128 + number
