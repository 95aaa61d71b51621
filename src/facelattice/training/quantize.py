"""Quantization of a model file's backbone to 8-bit integers: smaller; faster only on processors with fast int8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from facelattice import metrics
from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import CropItem
from facelattice.datasets.sample import Sample
from facelattice.exceptions import ExportError, FacelatticeError
from facelattice.schemes import Scheme
from facelattice.training.config import Recipe
from facelattice.training.prepare import load_training_data, make_crops

MAX_NME_INCREASE = 0.0005  # on the validation faces
NUM_CALIBRATION_CROPS = 128


def quantize_checked(data: bytes, recipe: Recipe) -> bytes:
    """Quantize an ONNX file with augmented training faces, and compare its NME on the validation faces.

    Args:
        data: The ONNX file.
        recipe: The recipe; its data is read.

    Returns:
        The quantized file.

    Raises:
        ExportError: If the data cannot be read, or the NME rises by more than 0.05 percentage points.
    """
    try:
        faces = load_training_data(recipe)
        calibration = calibration_crops(faces.train, recipe)
        validation = readable_crops(faces.val, recipe)
    except (FacelatticeError, OSError) as error:
        raise ExportError(f"quantization needs the data of the recipe, which cannot be read: {error}") from error
    quantized = quantize(data, calibration)
    before, after = (mean_nme(file, validation, faces.scheme) for file in (data, quantized))
    if not after <= before + MAX_NME_INCREASE:
        raise ExportError(
            f"quantization raises the validation NME from {100 * before:.2f} % to {100 * after:.2f} %; nothing was "
            "written, export without --int8"
        )
    return quantized


def calibration_crops(samples: list[Sample], recipe: Recipe) -> np.ndarray:
    """Return augmented crops of some training faces, uint8 (B, S, S, 3), for `quantize`.

    Raises:
        ExportError: If none of the images can be read.
    """
    chosen = np.random.default_rng(0).permutation(len(samples))[:NUM_CALIBRATION_CROPS]
    crops = readable_crops([samples[i] for i in chosen], recipe, recipe.augmentation)
    return np.stack([face["crop"].numpy() for face in crops])


def quantize(data: bytes, crops: np.ndarray) -> bytes:
    """Quantize the backbone's convolutions statically, per channel.

    Heatmaps and graph stay in float32, as positions need more than 256 levels.

    Args:
        data: An ONNX file.
        crops: Crops that determine the ranges of the activations, uint8 (B, S, S, 3).

    Returns:
        The quantized file.
    """
    with tempfile.TemporaryDirectory() as folder:  # the quantizer works on files
        model, prepared, quantized = (Path(folder) / f"{name}.onnx" for name in ("model", "prepared", "quantized"))
        model.write_bytes(data)
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        convolutions = [node.name for node in onnx.load(str(prepared)).graph.node if node.op_type == "Conv"]
        quantize_static(
            str(prepared),
            str(quantized),
            _CropBatches(crops),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[name for name in convolutions if "/backbone/" not in name],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return quantized.read_bytes()


def mean_nme(data: bytes, faces: list[CropItem], scheme: Scheme) -> float:
    """Compute the NME of an ONNX file on crops, the mean over the faces that have a size."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    errors = []
    for face in faces:
        points = session.run(["points"], {"crops": face["crop"].numpy()[None]})[0][0]
        errors.append(metrics.nme(points, face["points"].numpy(), scheme, face["mask"].numpy()))
    return float(metrics.nanmean(np.array(errors), 0))


def readable_crops(
    samples: list[Sample], recipe: Recipe, augmentation: AugmentationConfig | None = None
) -> list[CropItem]:
    """Return the crops of the faces whose images can be read.

    Raises:
        ExportError: If there are none.
    """
    faces = make_crops(samples, recipe, augmentation)
    readable = [item for item in (faces[0, i, i] for i in range(len(samples))) if item["readable"]]
    if not readable:
        raise ExportError("none of the images can be read, so the backbone cannot be quantized")
    return readable


class _CropBatches(CalibrationDataReader):
    """Crops in batches of sixteen, as ONNX Runtime's quantizer reads them."""

    def __init__(self, crops: np.ndarray):
        self.batches: Iterator[np.ndarray] = iter(np.split(crops, range(16, len(crops), 16)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"crops": batch}
