"""The signals that stop a program, and worker processes that leave them to their parent."""

from __future__ import annotations

import signal

STOP_SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}


def ignore_stop_signals() -> None:
    """Ignore the stop signals in a worker process. Ctrl-C and `timeout` send them to all processes of a program."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
