"""A third-party landmark network as an ONNX file, and the rule of its input: a small YAML file.

Example:
    name: PFLD-GhostOne
    source: https://github.com/AnthonyF333/PFLD_GhostOne
    license: Apache-2.0
    scheme: wflw98               # scheme of its points
    input_size: 112              # side of the square crop, pixels
    layout: nchw                 # or nhwc
    channels: bgr                # or rgb
    scale: 0.00392156862745098   # the network gets (pixel * scale - mean) / std
    mean: 0                      # a number, or one for each channel in the order above
    std: 1
    crop_margin: 1.2             # the crop is a square around the landmark box, this many times its longer side
    antialias: false             # smooth the image before scaling down; most networks are trained without
    output_unit: first_pixel     # points from 0 to 1 over the crop: "edges" if 0 is its edge, "first_pixel" if 0 is the
                                 # center of its first pixel in the image; or "pixels" of the crop

The network has one input, a batch of one crop, and gives 2 N numbers, x and y in turn, as its first output.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from facelattice import geometry
from facelattice.exceptions import ArgumentError, FormatError, ModelError
from facelattice.onnx_session import session_options
from facelattice.schemes import SCHEMES, Scheme
from facelattice.yaml_check import load_yaml

FOLDER = Path(__file__).parent
CHOICES = {"layout": ("nchw", "nhwc"), "channels": ("rgb", "bgr"), "output_unit": ("edges", "first_pixel", "pixels")}


@dataclass(frozen=True)
class OnnxRule:
    """The keys of the file, see above."""

    name: str
    source: str
    license: str
    scheme: str
    input_size: int
    layout: str
    channels: str
    scale: float
    mean: float | list[float]
    std: float | list[float]
    crop_margin: float
    antialias: bool
    output_unit: str


def find_rule(model: Path) -> Path:
    """Find the rule of an ONNX file: a YAML file of the same name in benchmarks/ or beside the ONNX file.

    Raises:
        ArgumentError: If there is no such file.
    """
    candidates = [folder / f"{model.stem}.yaml" for folder in (FOLDER, model.parent)]
    for path in candidates:
        if path.is_file():
            return path
    raise ArgumentError(f"{model}: no input rule; write {candidates[1]} (benchmarks/onnx_rule.py explains its keys)")


def load_rule(path: Path) -> OnnxRule:
    """Read a rule.

    Raises:
        FormatError: If the file is not YAML, a key is missing or unknown, or a value is wrong; the message names it.
    """
    try:
        values = load_yaml(path)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None
    keys = [field.name for field in fields(OnnxRule)]
    if not isinstance(values, dict) or sorted(map(str, values)) != sorted(keys):
        raise FormatError(f"{path}: expected exactly the keys {', '.join(keys)}")
    for key, choices in {**CHOICES, "scheme": tuple(SCHEMES)}.items():
        if values[key] not in choices:
            raise FormatError(f"{path}: {key} must be one of {', '.join(choices)}, not {values[key]!r}")
    for key in ("input_size", "scale", "crop_margin"):
        if not _is_number(values[key]) or values[key] <= 0:
            raise FormatError(f"{path}: {key} must be a positive number, not {values[key]!r}")
    if not isinstance(values["antialias"], bool):
        raise FormatError(f"{path}: antialias must be true or false, not {values['antialias']!r}")
    for key in ("mean", "std"):
        numbers = values[key] if isinstance(values[key], list) else [values[key]]
        if len(numbers) not in (1, 3) or not all(map(_is_number, numbers)):
            raise FormatError(f"{path}: {key} must be a number or three, not {values[key]!r}")
        if key == "std" and 0 in numbers:
            raise FormatError(f"{path}: std must not be 0")
    return OnnxRule(**values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class OnnxNetwork:
    """A third-party landmark network, on one thread.

    Args:
        model: The ONNX file.

    Attributes:
        rule: Its input rule.
        scheme: Scheme of its points.

    Raises:
        ModelError: If the file cannot be loaded, or the rule does not fit it.
    """

    def __init__(self, model: Path):
        self.rule = load_rule(find_rule(model))
        self.scheme: Scheme = SCHEMES[self.rule.scheme]
        try:
            self._session = onnxruntime.InferenceSession(model, session_options(1), providers=["CPUExecutionProvider"])
            self._input = self._session.get_inputs()[0].name
            size = self.rule.input_size
            points = self._run(np.zeros((size, size, 3), np.uint8))
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            raise ModelError(f"{model}: {str(error).splitlines()[0]}") from error
        if points.size != 2 * len(self.scheme):
            raise ModelError(f"{model}: {points.size} numbers; {self.scheme.name} has {len(self.scheme)} points")

    def __call__(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Predict the points (N, 2) of the face in a landmark box (4,), in pixels of the image, RGB uint8 (H, W, 3)."""
        size, unit = self.rule.input_size, self.rule.output_unit
        matrix = geometry.crop_transform(box, size, self.rule.crop_margin)
        if self.rule.antialias:
            crop = geometry.warp(image, matrix, size)
        else:
            crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
        points = self._run(crop).reshape(-1, 2)
        if unit != "pixels":
            points = points * size - 0.5  # from edges to pixel centers
        points = geometry.apply(geometry.invert(matrix), points)
        from_edge_to_center = np.float32(0.5 if unit == "first_pixel" else 0)
        return points + from_edge_to_center

    def _run(self, crop: np.ndarray) -> np.ndarray:
        pixels = crop[:, :, ::-1] if self.rule.channels == "bgr" else crop
        mean, std = np.array(self.rule.mean, np.float32), np.array(self.rule.std, np.float32)
        values = (pixels * np.float32(self.rule.scale) - mean) / std
        batch = values[None] if self.rule.layout == "nhwc" else values.transpose(2, 0, 1)[None]
        return self._session.run(None, {self._input: np.ascontiguousarray(batch, np.float32)})[0]
