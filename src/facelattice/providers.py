"""Execution providers: what of ONNX Runtime runs a model, by a short name.

find_provider("cuda")      # "CUDAExecutionProvider", or an error that says what to install
"""

from __future__ import annotations

import onnxruntime

# Each with ONNX Runtime's name for it and the package that brings it, in the place of onnxruntime.
PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime on a Mac"),
}


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
