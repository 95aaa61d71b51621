"""Model files: ONNX files that describe themselves in their metadata.

    model = Model("ibug68.onnx")
    points, expected_errors, visibility = model(crops)  # uint8 (B, S, S, 3) -> float32 (B, N, 2), (B, N), (B, N)

The graph has the input ``crops`` and the outputs ``points``, ``expected_errors``, ``visibility`` and, with a landmark
graph, ``edge_weights``. A model with annotation styles also has the input ``style``. The metadata under the key
"facelattice" is a `ModelInfo` as JSON. It contains the SHA-256 of the file, which `seal` writes and `Model` checks.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from facelattice.exceptions import ArgumentError, ModelError, is_out_of_memory
from facelattice.file_search import check_path, is_device
from facelattice.inference.model_info import ModelInfo
from facelattice.onnx_session import find_provider, session_options

METADATA_KEY = "facelattice"

_DIGEST = re.compile(rb'("sha256": *")([0-9a-f]{64})"')
# Maximum number of pixels of the crops in one run on the CPU. The feature maps of more pixels do not fit into its
# cache: on one thread ibug68 (256 px) takes 20 ms per crop one by one, and 23 ms in batches of four.
_MAX_CPU_PIXELS = 256 * 256


def content_digest(data: bytes) -> str:
    """Compute the SHA-256 of a model file, with the 64 digits of the digest inside it replaced by zeros.

    Raises:
        ModelError: If the file does not contain exactly one digest.
    """
    if len(_DIGEST.findall(data)) != 1:
        raise ModelError('a model file must contain "sha256" with 64 hexadecimal digits exactly once')
    return hashlib.sha256(_DIGEST.sub(rb"\g<1>" + b"0" * 64 + b'"', data)).hexdigest()


def seal(data: bytes) -> bytes:
    """Write the content digest into the bytes of a model file, without changing their number."""
    return _DIGEST.sub(rb"\g<1>" + content_digest(data).encode() + b'"', data)


class CropPredictions(NamedTuple):
    """What a model predicts for B crops with N landmarks.

    Attributes:
        points: Float32 (B, N, 2), pixels of the crops.
        expected_errors: Float32 (B, N), pixels of the crops.
        visibility: Float32 (B, N), 0 to 1, the probability that each point is visible; NaN if the model file is older
            than this output.
    """

    points: np.ndarray
    expected_errors: np.ndarray
    visibility: np.ndarray


class Model:
    """A landmark model, loaded from a model file.

    A pickled or copied model opens its file again.

    Args:
        path: The model file.
        num_threads: Number of threads; None for all usable processors, up to 8.
        provider: Execution provider of ONNX Runtime: "cpu", "cuda", "openvino" or "coreml".
        annotation_style: Annotation style that the points imitate, one of ``info.annotation_styles``; None for the mean
            of all styles.

    Attributes:
        path: The model file.
        info: Its metadata.
        name: Name of the model.
        scheme: Meaning of the N points.
        crop_size: Side of the input crops in pixels.
        crop_margin: The crops show ``crop_margin`` times the longer side of the landmark box.
        extra_views_below: Faces with a lower score (0 to 1) are predicted in additional crops.

    Raises:
        ModelError: If the file is missing, damaged, newer than this version of facelattice, or not a model file.
        ArgumentError: If the provider is unknown, not installed, or does not start; or the model does not have the
            style.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        num_threads: int | None = None,
        provider: str = "cpu",
        annotation_style: str | None = None,
    ):
        self.path = Path(check_path(path, "model", ModelError))
        self._num_threads, self._provider, self.annotation_style = num_threads, provider, annotation_style
        self._session = self._open()
        self.info = self._read_info()
        self.name, self.scheme = self.info.name, self.info.scheme
        self.crop_size, self.crop_margin = self.info.crop_size, self.info.crop_margin
        self.extra_views_below = self.info.extra_views_below
        self._inputs = self._style_input()
        offset = self.info.style_offsets.get(annotation_style or "", [0.0, 0.0])
        self._offset = np.array(offset, np.float32) * self.crop_size
        self._outputs = {output.name for output in self._session.get_outputs()}
        self._max_batch = max(1, _MAX_CPU_PIXELS // self.crop_size**2) if provider == "cpu" else 10**9
        self._check_graph()

    def __call__(self, crops: np.ndarray) -> CropPredictions:
        """Predict points, expected errors and visibility.

        Args:
            crops: RGB uint8 (B, crop_size, crop_size, 3).

        Raises:
            ArgumentError: If the crops have another shape or type.
        """
        self._check_crops(crops)
        num_points = len(self.scheme)
        if len(crops) == 0:
            empty = np.zeros((0, num_points), np.float32)
            return CropPredictions(np.zeros((0, num_points, 2), np.float32), empty, empty)
        names = [name for name in CropPredictions._fields if name in self._outputs]
        outputs = [
            self._session.run(names, {"crops": crops[start : start + self._max_batch], **self._inputs})
            for start in range(0, len(crops), self._max_batch)
        ]
        values = dict(zip(names, map(np.concatenate, zip(*outputs, strict=True)), strict=True))
        values["points"] = values["points"] + self._offset
        return CropPredictions(**{"visibility": np.full((len(crops), num_points), np.nan, np.float32), **values})

    def edge_weights(self, crops: np.ndarray) -> np.ndarray:
        """Predict the edge weights of the landmark graph.

        Args:
            crops: RGB uint8 (B, crop_size, crop_size, 3).

        Returns:
            Float32 (B, N, N). Row i contains the weights of the neighbors of point i, itself included. A row sums to 1
            and is 0 where the graph has no edge. A model with flip test-time augmentation also has the mirrored edges.

        Raises:
            ModelError: If the model has no landmark graph.
            ArgumentError: If the crops have another shape or type.
        """
        self._check_crops(crops)
        if "edge_weights" not in self._outputs:
            raise ModelError(f"{self.path}: this model has no edge weights: its head is not a graph")
        num_points = len(self.scheme)
        if len(crops) == 0:
            return np.zeros((0, num_points, num_points), np.float32)
        (weights,) = self._session.run(["edge_weights"], {"crops": crops, **self._inputs})
        return np.broadcast_to(weights, (len(crops), num_points, num_points))  # static weights are (1, N, N)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path.absolute(), self._num_threads, self._provider, self.annotation_style)

    def __repr__(self) -> str:
        return f"Model({str(self.path)!r}, scheme={self.scheme.name!r}, crop_size={self.crop_size})"

    def _open(self) -> onnxruntime.InferenceSession:
        """Read the file, check its digest and start ONNX Runtime."""
        providers = list(dict.fromkeys((find_provider(self._provider), find_provider("cpu"))))
        if is_device(self.path):
            raise ModelError(f"{self.path}: is a device, not a model file")
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"{self.path}: cannot read the model file ({error.strerror})") from None
        # The metadata is at the end of the file. A truncated file contains no digest, but ONNX Runtime rejects it.
        stated = [digits.decode() for _, digits in _DIGEST.findall(data)]
        if stated and stated != [content_digest(data)]:
            raise ModelError(f"{self.path}: the model file is damaged: its SHA-256 is wrong; download or copy it again")
        try:
            session = onnxruntime.InferenceSession(data, session_options(self._num_threads), providers=providers)
            metadata = session.get_modelmeta().custom_metadata_map  # UnicodeDecodeError if it is damaged
        except Exception as error:  # ONNX Runtime's errors have no common class
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"{self.path}: not an ONNX file, or a truncated one; download or copy it again ({_one_line(error)})"
            ) from None
        if session.get_providers()[0] != providers[0]:  # ONNX Runtime would only log it and run on the CPU
            raise ArgumentError(
                f"the provider {self._provider!r} is installed but does not start; check its device, driver and "
                "libraries"
            )
        if METADATA_KEY in metadata and not stated:
            raise ModelError(f"{self.path}: the model file is damaged: it has no SHA-256; download or copy it again")
        return session

    def _read_info(self) -> ModelInfo:
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(
                f"{self.path}: this ONNX file is not from facelattice; `facelattice export` writes model files"
            )
        try:
            return ModelInfo.from_json(text)
        except ModelError as error:
            raise ModelError(f"{self.path}: wrong metadata in the model file: {error}") from None

    def _style_input(self) -> dict[str, np.ndarray]:
        """Return the graph's input for the annotation style, if one was chosen."""
        styles, style = self.info.annotation_styles, self.annotation_style
        if style is None:
            return {}
        if style not in styles:
            known = f"one of {', '.join(styles)}" if styles else "not possible for this model, which has none"
            raise ArgumentError(f"{self.path}: the annotation style is {known}, not {style!r}")
        return {"style": np.array([styles.index(style)])}

    def _check_crops(self, crops: np.ndarray) -> None:
        size = self.crop_size
        if crops.shape[1:] != (size, size, 3) or crops.dtype != np.uint8:
            raise ArgumentError(f"crops must be uint8 (B, {size}, {size}, 3), not {crops.dtype} {tuple(crops.shape)}")

    def _check_graph(self) -> None:
        """Run two black crops, to find a graph that contradicts its metadata when it is loaded."""
        size, num_points = self.crop_size, len(self.scheme)
        try:
            predictions = self(np.zeros((2, size, size, 3), np.uint8))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"{self.path}: the graph does not map crops uint8 (B, {size}, {size}, 3) to points and expected errors "
                f"as its metadata says ({_one_line(error)}); export it again"
            ) from None
        shapes = [values.shape for values in predictions]
        if shapes != [(2, num_points, 2), (2, num_points), (2, num_points)]:
            raise ModelError(
                f"{self.path}: the scheme {self.scheme.name!r} has {num_points} points, but the graph returns points, "
                f"expected errors and visibility of shapes {shapes} for 2 crops; export it again"
            )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
