"""Threads and execution providers of ONNX Runtime sessions.

Example:
    set_num_threads(1)  # in each of several processes
    session = InferenceSession(path, session_options(), providers=[find_provider("cpu")])
"""

from __future__ import annotations

import os

import onnxruntime

from facelattice.exceptions import ArgumentError

# ONNX Runtime's name of each provider, and the package that contains it.
PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime on a Mac"),
}

_max_threads = 8  # more do not make networks of this size faster


def num_usable_cpus() -> int:
    """Return the number of processors that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(threads: int) -> None:
    """Set the maximum number of threads of sessions that this process creates from now on."""
    global _max_threads
    _max_threads = threads


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """Create options for a session.

    Args:
        threads: Number of threads. None uses all processors, up to 8 or the value of `set_num_threads`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(num_usable_cpus(), _max_threads)
    # Each session has its own threads, which keep spinning for a while after a run. Without this entry, the threads of
    # the detector and of the landmark model slow each other down.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 4  # errors are raised; ONNX Runtime would also print them
    return options


def find_provider(name: str) -> str:
    """Return ONNX Runtime's name of an execution provider.

    Args:
        name: A key of `PROVIDERS`.

    Raises:
        ArgumentError: If the provider is unknown or not installed.
    """
    if name not in PROVIDERS:
        raise ArgumentError(f"unknown provider {name!r}; available: {', '.join(PROVIDERS)}")
    full_name, package = PROVIDERS[name]
    if full_name not in onnxruntime.get_available_providers():
        raise ArgumentError(
            f"the installed ONNX Runtime has no provider {name!r}; uninstall onnxruntime and install {package}"
        )
    return full_name
