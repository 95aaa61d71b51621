"""Run a command of facelattice as a child of `facelattice annotate`, and end it when that process ends.

    python -m facelattice.annotate.child train recipe.yaml

The parent has the other end of stdin. When the parent ends, even if it is killed, stdin is closed, and the command
ends.
"""

from __future__ import annotations

import os
import threading

from facelattice.__main__ import main


def _exit_with_parent() -> None:
    while os.read(0, 1024):  # not sys.stdin, which cannot be closed at exit while a thread reads it
        pass
    os._exit(1)


if __name__ == "__main__":
    # Threads of torch that spin while they wait make training several times slower beside other work, such as the page
    # and its browser. Alone, it is an eighth faster with them (docs/experiments.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it when it is imported
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    main()
