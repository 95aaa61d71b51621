"""How many threads ONNX Runtime takes in this process, and that those of one network rest while the next one runs.

set_num_threads(1)                                                      # for one of several processes
InferenceSession(path, session_options(), providers=...)
"""

from __future__ import annotations

import os

import onnxruntime

# Each with ONNX Runtime's name for it and the package that brings it, in the place of onnxruntime.
PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime on a Mac"),
}

_most = 8  # networks of this size gain nothing from more, and other programs want some too


def num_usable_cpus() -> int:
    """The processors this process may use: in a container ONNX Runtime would count those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(threads: int) -> None:
    """What sessions of this process take from now on, where they are not told otherwise."""
    global _most
    _most = threads


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """For a session on so many threads; None is as many as there are processors, up to 8."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(num_usable_cpus(), _most)
    # Every session has threads of its own, which go on for a while in loops that wait for more to do. The detector's
    # would take the processors from the landmark model's, and the other way round (docs/experiments.md).
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def find_provider(name: str) -> str:
    """ONNX Runtime's name for a provider. Raises ValueError, with what to do, where it is unknown or not installed."""
    if name not in PROVIDERS:
        raise ValueError(f"unknown provider {name!r}; known are {', '.join(PROVIDERS)}")
    long_name, package = PROVIDERS[name]
    if long_name not in onnxruntime.get_available_providers():
        raise ValueError(
            f"the ONNX Runtime that is installed has no provider {name!r}: it comes with {package}, "
            "which takes the place of onnxruntime (uninstall that first)"
        )
    return long_name
