"""How many threads ONNX Runtime takes in this process, and that those of one network rest while the next one runs.

keep_to(1)                                                      # for one of several processes
InferenceSession(path, session_options(), providers=...)
"""

from __future__ import annotations

import os

import onnxruntime

_most = 8  # networks of this size gain nothing from more, and other programs want some too


def usable_cpus() -> int:
    """The processors this process may use: in a container ONNX Runtime would count those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_to(threads: int) -> None:
    """What sessions of this process take from now on, where they are not told otherwise."""
    global _most
    _most = threads


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """For a session on so many threads; None is as many as there are processors, up to 8."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(usable_cpus(), _most)
    # Every session has threads of its own, which go on for a while in loops that wait for more to do. The detector's
    # would take the processors from the landmark model's, and the other way round (docs/experiments.md).
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options
