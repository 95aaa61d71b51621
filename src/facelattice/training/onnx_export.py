"""Checkpoint -> model file: one ONNX that describes itself, proved equal to the network before it is written.

export(Path("runs/ibug68/best.pt"), Path("model.onnx"))
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from omegaconf import OmegaConf
from onnx import helper, numpy_helper
from torch import Tensor, nn

import facelattice
from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops, Item
from facelattice.datasets.sample import Sample
from facelattice.evaluation.scores import nanmean
from facelattice.exceptions import CheckpointError, ExportError, ImageError
from facelattice.formats import atomic_write
from facelattice.inference.onnx_model import FORMAT, METADATA_KEY, seal
from facelattice.metrics import nme
from facelattice.modeling.sdfl import SDFL
from facelattice.schemes import Scheme
from facelattice.training import checkpoint
from facelattice.training.config import Recipe, recipe_from_yaml, recipe_to_yaml
from facelattice.training.fold import fold
from facelattice.training.prepare import TrainingData, load_training_data, make_network
from facelattice.training.quantize import quantize
from facelattice.training.uncertainty import calibrate_uncertainty

TOLERANCE = 0.01  # pixels of the crop, between ONNX Runtime and torch
ROUNDING = 0.2  # pixels of the crop, the most that weights of half the size may move a point; the mean is a hundredth
CHECKED = 16  # held-out faces that the two are compared on
WORSE = 0.0005  # of NME, the most that 8-bit weights may cost on the held-out faces
CALIBRATION = 128  # augmented training faces that show how large the values of 8 bits must get


def export(checkpoint_path: Path, output: Path, int8: bool = False) -> dict[str, Any]:
    """Write the model file of a checkpoint's averaged weights, and return its metadata.

    Points and errors of ONNX Runtime are compared with torch's on held-out crops of the recipe's data. Raises
    ExportError where they differ by more than 0.01 px or the data cannot be read, CheckpointError for a bad checkpoint;
    nothing is written then. Weights are kept in 16 bits ("half" in the metadata) unless that changes points or errors
    by more than 0.2 px. Expected errors are learned once more (`calibrate_uncertainty`) and scaled to the held-out faces
    (`error_scale`).

    ``int8``: the backbone in 8-bit integers (`quantize`). Instead of that last comparison ExportError is raised
    where the NME of the held-out faces gets worse by more than 0.05 per cent.
    """
    state = checkpoint.load(checkpoint_path)
    recipe = recipe_from_yaml(state["recipe"])
    mirror = Scheme.from_dict(state["info"]["scheme"]).mirror if recipe.mirrored else None
    split = _split(recipe)
    network = load_network(state, recipe)
    calibrate_uncertainty(network, split, recipe)
    outputs = ExportedNetwork(network, mirror)
    faces = _crops(split.held_out, recipe)
    outputs.error_scale = error_scale(outputs, faces)
    data = to_onnx(outputs, recipe.size)
    crops = np.stack([face["crop"].numpy() for face in faces[:CHECKED]])
    difference = compare(outputs, data, crops)
    if not difference <= TOLERANCE:
        raise ExportError(
            f"ONNX Runtime and torch differ by {difference:.3g} px, more than {TOLERANCE}; nothing was written"
        )
    model = _in_8_bits(data, split, faces, recipe) if int8 else to_float16_weights(onnx.load_from_string(data))
    half = int8 or compare(outputs, model.SerializeToString(), crops) <= ROUNDING
    if not half:
        # A short run can leave large weights that others make up for; better a file of twice the size than none.
        model = onnx.load_from_string(data)
    metadata = _metadata(state, recipe, int8, half, outputs.error_scale)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
    with atomic_write(output, "wb") as file:
        file.write(seal(model.SerializeToString()))
    return metadata


def load_network(state: dict[str, Any], recipe: Recipe) -> SDFL:
    """The network of a checkpoint, with its averaged weights, ready to run on the CPU.

    Raises CheckpointError where the weights are of a network that this version makes otherwise.
    """
    network = make_network(state["info"]["graph"], recipe, pretrained=False)
    try:
        network.load_state_dict(state["ema"])
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights of the run {recipe.name} do not fit the network that facelattice {facelattice.__version__} "
            "makes of its recipe; export them with the version that trained them, or train again"
        ) from error
    return network.eval()


class ExportedNetwork(nn.Module):
    """What a model file gives for crops uint8 (B, S, S, 3): points, errors and, with a graph, weights; nothing that
    only training looks at. ``mirror`` is the scheme's permutation (N,) where the crop's mirror is looked at too; errors
    are multiplied by ``error_scale``."""

    def __init__(self, network: SDFL, mirror: np.ndarray | None = None, error_scale: float = 1.0):
        super().__init__()
        self.network, self.error_scale = network, error_scale
        self.mirror = None if mirror is None else torch.from_numpy(mirror)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        if self.mirror is None:
            points, errors, _, weights = self.network(crops)
        else:
            points, errors, weights = self._both(crops, self.mirror)
        errors = errors * self.error_scale
        return (points, errors) if weights is None else (points, errors, weights)

    def _both(self, crops: Tensor, mirror: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """The mean of the crops and of their mirrors, whose points lie mirrored and change places."""
        points, errors, _, weights = self.network(torch.cat([crops, crops.flip(2)]))
        points, other = points.reshape(2, -1, *points.shape[1:])  # not chunk: a traced batch stays free
        other = torch.stack([crops.shape[2] - 1 - other[..., 0], other[..., 1]], -1)[:, mirror]
        error, other_error = errors.reshape(2, -1, errors.shape[1])
        # Where the two differ, neither is as sure as it says: half their distance is the deviation of their mean.
        apart = (points - other).square().sum(-1) / 4
        errors = (((error + other_error[:, mirror]) / 2).square() + apart).sqrt()
        if weights is not None and weights.shape[0] > 1:  # a kind that is the same for all faces is mirrored already
            weights, other_weights = weights.reshape(2, -1, *weights.shape[1:])
            weights = (weights + other_weights[:, mirror][:, :, mirror]) / 2
        return (points + other) / 2, errors, weights


def to_onnx(outputs: ExportedNetwork, size: int) -> bytes:
    """The ONNX file, without metadata, for any B: crops uint8 (B, S, S, 3) -> points (B, N, 2), errors (B, N) and,
    where there is a graph, weights (B or 1, N, N). ``outputs`` itself stays as it is."""
    folded = copy.deepcopy(outputs).eval()
    fold(folded.network)
    names = ("crops", "points", "expected_errors", *(["edge_weights"] if outputs.network.edges is not None else []))
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter warns of Python numbers it keeps; they are sizes of the crop, which are meant to be kept.
        # It is used because the newer one wants onnxscript, one more package to install.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            folded,
            (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
            file,  # type: ignore[arg-type]  # file objects are taken too, whatever its type says
            dynamo=False,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "one or batch" if name == "edge_weights" else "batch"} for name in names},
            opset_version=17,
        )
    return file.getvalue()


def to_float16_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Keep the large tensors in float16, each cast to float32 as the file is opened: half the size, the same speed."""
    casts = []
    # Scales of 8-bit numbers can be too small for float16.
    eight_bit = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = {name for node in eight_bit for name in node.input}
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 256 and tensor.name not in scales:
            name = tensor.name
            with np.errstate(over="ignore"):  # the comparison will tell
                half = values.astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@torch.inference_mode()
def compare(outputs: ExportedNetwork, data: bytes, crops: np.ndarray) -> float:
    """The largest difference, crop pixels, between torch and ONNX Runtime over points and errors of crops (B, S, S,
    3)."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    points, errors = session.run(["points", "expected_errors"], {"crops": crops})
    wanted, expected, *_ = outputs(torch.from_numpy(crops))
    differences = np.abs(points - wanted.numpy()).max(), np.abs(errors - expected.numpy()).max()
    return float(np.max(differences))  # NaN where either is


@torch.inference_mode()
def error_scale(outputs: ExportedNetwork, faces: list[Item]) -> float:
    """What expected errors are multiplied by, so that on faces that were not trained on their mean is the true one's.

    On its training faces a network is nearer to the annotation than on others, and nearest where it made the points
    itself. The order of the errors, which is what training is for, stays.
    """
    expected = truth = 0.0
    for face in faces:
        points, errors, *_ = outputs(face["crop"][None])
        distance = (points[0] - face["points"]).norm(dim=-1)
        expected, truth = expected + errors[0][face["mask"]].sum().item(), truth + distance[face["mask"]].sum().item()
    return truth / expected


def mean_nme(data: bytes, faces: list[Item], scheme: Scheme) -> float:
    """The NME of an ONNX file on crops, the mean over the faces that have a size."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    errors = []
    for face in faces:
        points = session.run(["points"], {"crops": face["crop"].numpy()[None]})[0][0]
        errors.append(nme(points, face["points"].numpy(), scheme, face["mask"].numpy()))
    return float(nanmean(np.array(errors), 0))


def _split(recipe: Recipe) -> TrainingData:
    """The recipe's faces. Raises ExportError where they cannot be had."""
    try:
        return load_training_data(recipe)
    except (ValueError, OSError) as error:
        raise ExportError(f"the faces to compare ONNX with torch on cannot be read: {error}") from error


def _crops(samples: list[Sample], recipe: Recipe, augment: AugmentationConfig | None = None) -> list[Item]:
    """The crops of the faces whose images can be read. Raises ExportError where there are none."""
    crops = FaceCrops(samples, recipe.size, recipe.margin, augment)
    try:
        readable = [item for item in (crops[0, i, i] for i in range(len(samples))) if item["readable"]]
    except (OSError, ImageError) as error:
        raise ExportError(f"the faces to compare ONNX with torch on cannot be read: {error}") from error
    if not readable:
        raise ExportError("none of the held-out images can be read, so ONNX cannot be compared with torch")
    return readable


def _in_8_bits(data: bytes, split: TrainingData, faces: list[Item], recipe: Recipe) -> onnx.ModelProto:
    """An ONNX file with its backbone in 8 bits. Raises ExportError where that makes points of the held-out faces, given
    as crops, worse than it may."""
    chosen = np.random.default_rng(0).permutation(len(split.training))[:CALIBRATION]
    shown = _crops([split.training[i] for i in chosen], recipe, recipe.augment)
    model = to_float16_weights(onnx.load_from_string(quantize(data, np.stack([face["crop"].numpy() for face in shown]))))
    before, after = (mean_nme(file, faces, split.scheme) for file in (data, model.SerializeToString()))
    if not after <= before + WORSE:
        raise ExportError(
            f"in 8 bits the NME of the held-out faces goes from {100 * before:.2f} % to {100 * after:.2f} %; "
            "nothing was written, export it without --int8"
        )
    return model


def _metadata(state: dict[str, Any], recipe: Recipe, int8: bool, half: bool, error_scale: float) -> dict[str, Any]:
    """What the model file says of itself (`facelattice.inference.onnx_model`), of a checkpoint ``state``."""
    info = state["info"]
    has_graph = recipe.network.head == "graph" and recipe.network.edges != "dense"
    return {
        "format": FORMAT,
        "name": recipe.name,
        "version": facelattice.__version__,
        "scheme": info["scheme"],
        "crop": {"size": recipe.size, "margin": recipe.margin},
        "extra_views_below": recipe.unsure,
        "normalization": f"{recipe.network.normalization}, inside the graph: it takes uint8 RGB",
        "graph": info.get("lattice") if has_graph else None,
        "detectors": info["detectors"],
        "data": info["data"],
        "faces": info["faces"],
        "license": recipe.license,
        "recipe": _shareable(recipe),
        "epoch": state["epoch"],
        "held_out_nme": state["nme"],
        "int8": int8,
        "half": half,
        "error_scale": round(error_scale, 4),
        "sha256": "0" * 64,  # `seal` puts the right one in
    }


def _shareable(recipe: Recipe) -> dict[str, Any]:
    """The recipe for the metadata, without the paths of the machine it was trained on: names of files only."""
    plain: Any = OmegaConf.to_container(OmegaConf.create(recipe_to_yaml(recipe)))
    plain.pop("data_root")
    for source in plain["data"]:
        source["path"] = Path(source["path"]).name
    for holder in (plain, *plain["data"]):  # a scheme may be a YAML file
        holder["scheme"] = holder["scheme"] and Path(holder["scheme"]).name
    for holder, key in ((plain, "start"), (plain["network"], "weights")):
        holder[key] = holder[key] and Path(holder[key]).name
    return plain
