"""Export of a checkpoint to a model file: one ONNX file with metadata, with the same outputs as the network in torch.

    info = export(Path("runs/ibug68/best.pt"), Path("model.onnx"))

The file keeps the parameter names of the network, and batch normalization as separate layers, so that `initialize_from`
can read it as a state dict. ONNX Runtime fuses the layers when it loads the file.
"""

from __future__ import annotations

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

import facelattice
from facelattice import geometry
from facelattice.atomic_files import write_file
from facelattice.exceptions import CheckpointError, ExportError
from facelattice.image_io import load_image
from facelattice.inference.model_info import FORMAT, ModelInfo
from facelattice.inference.onnx_model import METADATA_KEY, seal
from facelattice.modeling.sdfl import SDFL
from facelattice.schemes import Scheme
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import Recipe, recipe_from_yaml, recipe_to_yaml
from facelattice.training.exported_network import ExportedNetwork
from facelattice.training.prepare import make_network

SAMPLE_IMAGE = Path(facelattice.__file__).with_name("serve") / "page" / "sample.jpg"
SAMPLE_BOX = np.array([180.0, 88.0, 272.0, 178.0])  # its face, pixels
MAX_DIFFERENCE = 0.01  # pixels of the crop, between ONNX Runtime and torch
# Largest shift of a point by float16 weights, pixels of the crop. The mean shift is a hundredth of it.
MAX_ROUNDING = 0.2
NUM_TEST_CROPS = 16
FLOAT16_SUFFIX = ".float16"
MIN_FLOAT16_SIZE = 256  # smaller tensors stay in float32


def export(checkpoint_path: Path, output: Path, int8: bool = False) -> ModelInfo:
    """Write the model file of a checkpoint's averaged weights.

    ONNX Runtime is compared with torch on crops of the sample image. Weights are stored as float16, unless that moves
    points or expected errors by more than 0.2 px.

    Args:
        checkpoint_path: A checkpoint, usually best.pt.
        output: The model file.
        int8: Quantize the backbone to 8-bit integers. This needs the data of the recipe: images for calibration, and
            validation faces, whose NME may rise by at most 0.05 percentage points.

    Returns:
        The metadata of the model file.

    Raises:
        CheckpointError: If the checkpoint cannot be used.
        ExportError: If the outputs of the file differ from those of the network. Nothing is written then.
    """
    checkpoint = Checkpoint.load(checkpoint_path)
    recipe = recipe_from_yaml(checkpoint.recipe)
    outputs = exported_network(checkpoint, recipe)
    data = to_onnx(outputs, recipe.network.crop_size)
    crops = sample_crops(recipe.network.crop_size, recipe.crop_margin)
    difference = max_difference(outputs, data, crops)
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(
            f"ONNX Runtime and torch differ by {difference:.3g} px, more than {MAX_DIFFERENCE}; nothing was written"
        )
    model = to_float16_weights(onnx.load_from_string(data))
    float16 = max_difference(outputs, model.SerializeToString(), crops) <= MAX_ROUNDING
    if int8:
        from facelattice.training.quantize import quantize_checked  # reads the data, which no other export needs

        model, float16 = to_float16_weights(onnx.load_from_string(quantize_checked(data, recipe))), True
    elif not float16:  # after a short run, large weights may cancel each other; they need float32
        model = onnx.load_from_string(data)
    info = _model_info(checkpoint, recipe, int8, float16)
    write_model(model, info, output)
    return info


def write_model(model: onnx.ModelProto, info: ModelInfo, output: Path) -> None:
    """Write a network and its metadata as a model file."""
    helper.set_model_props(model, {METADATA_KEY: json.dumps(info.to_dict())})
    write_file(output, seal(model.SerializeToString()))


def load_network(checkpoint: Checkpoint, recipe: Recipe) -> SDFL:
    """Load the network of a checkpoint with its averaged weights, in evaluation mode on the CPU.

    Raises:
        CheckpointError: If the weights do not fit the network that this version creates.
    """
    network = make_network(checkpoint.metadata["graph"], recipe, pretrained=False)
    try:
        network.load_state_dict(checkpoint.ema_weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights of the run {recipe.name} do not fit the network that facelattice {facelattice.__version__} "
            "creates from its recipe; export them with the version that trained them, or train again"
        ) from error
    return network.eval()


def exported_network(checkpoint: Checkpoint, recipe: Recipe) -> ExportedNetwork:
    """Return the network of a checkpoint in the form that is exported."""
    mirror = Scheme.from_dict(checkpoint.metadata["scheme"]).mirror if recipe.flip_tta else None
    scale = 1.0 if checkpoint.error_scale is None else checkpoint.error_scale
    return ExportedNetwork(load_network(checkpoint, recipe), mirror, scale)


def to_onnx(outputs: ExportedNetwork, crop_size: int) -> bytes:
    """Convert the network to an ONNX file without metadata, for any batch size.

    Args:
        outputs: The network in evaluation mode.
        crop_size: Side of the crop in pixels.

    Returns:
        A file with the input ``crops`` uint8 (B, S, S, 3) and the outputs ``points`` (B, N, 2), ``expected_errors``
        (B, N), ``visibility`` (B, N) and, with a graph, ``edge_weights`` (B or 1, N, N). A network with annotation
        styles also has the input ``style`` int64 (1,), whose default is the mean of the styles.
    """
    has_graph = outputs.network.edge_weights is not None
    names = ["points", "expected_errors", "visibility", *(["edge_weights"] if has_graph else [])]
    crops = torch.zeros(2, crop_size, crop_size, 3, dtype=torch.uint8)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The tracer warns that Python numbers become constants, which is right for sizes of the crop. The newer
        # exporter would need another package, onnxscript.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            outputs,
            (crops, torch.tensor([-1])) if has_styles(outputs) else (crops,),
            file,  # type: ignore[arg-type]  # a file object is accepted, despite the annotation
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # EVAL would fuse batch normalization into the convolutions
            do_constant_folding=False,  # folding renames the parameters
            input_names=["crops", "style"] if has_styles(outputs) else ["crops"],
            output_names=names,
            dynamic_axes={
                name: {0: "one_or_batch" if name == "edge_weights" else "batch"} for name in ("crops", *names)
            },
            opset_version=17,
        )
    model = onnx.load_from_string(file.getvalue())
    if has_styles(outputs):  # an initializer with the name of an input is its default
        model.graph.initializer.append(numpy_helper.from_array(np.array([-1]), "style"))
    return model.SerializeToString()


def has_styles(outputs: ExportedNetwork) -> bool:
    """Return whether the network has annotation styles."""
    return getattr(outputs.network.embedding, "style_embedding", None) is not None


def to_float16_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large weights as float16, each with a cast to float32: half the size at the same speed.

    ONNX Runtime evaluates the casts once, when it loads the file.

    Args:
        model: A model, which is changed.

    Returns:
        The same model.
    """
    quantized = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = {name for node in quantized for name in node.input}  # may be too small for float16
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        # One-dimensional tensors belong to batch normalization, whose statistics need the range of float32.
        if (
            values.dtype == np.float32
            and values.ndim > 1
            and values.size >= MIN_FLOAT16_SIZE
            and tensor.name not in scales
        ):
            name = tensor.name
            with np.errstate(over="ignore"):  # the comparison with torch detects an overflow
                half = values.astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, name + FLOAT16_SUFFIX))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def sample_crops(crop_size: int, crop_margin: float) -> np.ndarray:
    """Return crops around the face of the sample image, shifted, scaled and rotated: uint8 (16, S, S, 3)."""
    image, rng = load_image(SAMPLE_IMAGE), np.random.default_rng(0)
    crops = []
    for _ in range(NUM_TEST_CROPS):
        moved = geometry.jitter_box(SAMPLE_BOX, 0.1, 0.2, rng)
        matrix = geometry.crop_transform(
            moved, crop_size, crop_margin, rng.uniform(-30, 30), mirror=bool(rng.integers(2))
        )
        crops.append(geometry.warp(image, matrix, crop_size))
    return np.stack(crops)


@torch.inference_mode()
def max_difference(outputs: ExportedNetwork, data: bytes, crops: np.ndarray) -> float:
    """Compute the largest difference between torch and ONNX Runtime.

    Args:
        outputs: The network.
        data: The ONNX file.
        crops: Crops, uint8 (B, S, S, 3).

    Returns:
        Pixels of the crop, over points and expected errors, and over the visibility; NaN if an output is NaN.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # hides the warning that the default of the style prevents optimizations
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found = session.run(["points", "expected_errors", "visibility"], {"crops": crops})
    expected = outputs(torch.from_numpy(crops))[:3]
    return float(np.max([np.abs(a - b.numpy()).max() for a, b in zip(found, expected, strict=True)]))


def _model_info(checkpoint: Checkpoint, recipe: Recipe, int8: bool, float16: bool) -> ModelInfo:
    metadata, network = checkpoint.metadata, recipe.network
    has_graph = network.head == "graph" and network.edge_weights != "dense"
    return ModelInfo(
        format=FORMAT,
        name=recipe.name,
        version=facelattice.__version__,
        scheme=Scheme.from_dict(metadata["scheme"]),
        crop_size=network.crop_size,
        crop_margin=recipe.crop_margin,
        extra_views_below=recipe.extra_views_below,
        normalization=f"{network.normalization}, inside the graph, which takes uint8 RGB",
        graph=metadata["graph_metadata"] if has_graph else None,
        detectors=metadata["detectors"],
        data=metadata["data"],
        faces=metadata["faces"],
        license=metadata["license"],
        recipe=_without_paths(recipe),
        epoch=checkpoint.epoch,
        val_nme=checkpoint.val_nme,
        int8=int8,
        float16=float16,
        annotation_styles=list(network.annotation_styles),
        style_offsets=checkpoint.style_offsets or {},
        error_scale=1.0 if checkpoint.error_scale is None else round(checkpoint.error_scale, 4),
        sha256="0" * 64,  # `seal` fills it in
    )


def _without_paths(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe with file names in place of paths on the machine that it was trained on."""
    plain: Any = OmegaConf.to_container(OmegaConf.create(recipe_to_yaml(recipe)))
    plain.pop("data_root")
    for source in plain["data"]:
        source["path"] = Path(source["path"]).name
    paths = [*((section, "scheme") for section in (plain, *plain["data"])), (plain, "init_from")]
    for section, key in (*paths, (plain["network"], "pretrained_file")):
        section[key] = section[key] and Path(section[key]).name
    return plain
