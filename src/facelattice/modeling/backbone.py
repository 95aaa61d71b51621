"""The backbone: a timm model that returns its feature maps at the strides that the embedding needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import huggingface_hub
import timm
from huggingface_hub import constants
from timm.models import load_state_dict
from torch import nn

from facelattice.exceptions import ArgumentError
from facelattice.messages import similar_names
from facelattice.modeling.config import SDFLConfig

RGB = tuple[float, float, float]
HUB_TIMEOUT = 5.0  # seconds; timm downloads from the Hugging Face Hub


def make_backbone(config: SDFLConfig, strides: tuple[int, ...]) -> tuple[nn.Module, list[int], RGB, RGB]:
    """Create the backbone, without layers deeper than its last feature map.

    Args:
        config: Options of the network: `backbone`, `pretrained`, `pretrained_file`.
        strides: Strides of the feature maps, ascending.

    Returns:
        The backbone, the channels of its feature maps, and the mean and standard deviation of the images that it was
        pretrained on, RGB in [0, 1].

    Raises:
        ArgumentError: If timm does not know the name, the model has no feature maps at these strides, the weights
            cannot be downloaded, or the file does not contain them.
    """
    name, file = config.backbone, config.pretrained_file if config.pretrained else None
    options = _feature_options(name, strides)
    if not config.pretrained:
        model: Any = timm.create_model(name, **options)
    elif file is not None:
        model = _load_from_file(name, file, options)
    else:
        model = _download(name, options)
    return model, model.feature_info.channels(), model.pretrained_cfg["mean"], model.pretrained_cfg["std"]


def _load_from_file(name: str, file: str, options: dict[str, Any]) -> Any:
    """Create the model with the weights of a file."""
    stored = _tensor_names(file)
    try:
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": file}, **options)
    except Exception as error:  # its class depends on the file
        raise ArgumentError(f"{file}: not the weights of {name}: {_root_cause(error)}") from error
    _check_complete(model, stored, name, file)
    return model


def _download(name: str, options: dict[str, Any]) -> Any:
    """Create the model with timm's weights, from the cache of earlier downloads or from the Hub."""
    problem = _hub_problem()
    try:
        with _offline(problem is not None):
            return timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # the exception of a failed download depends on where it fails
        raise ArgumentError(
            f"the weights of {name} cannot be downloaded ({_root_cause(problem or error)}); train without them "
            "(network.pretrained=false), with a file of them (network.pretrained_file=FILE), or from a bundled model "
            "(init_from=ibug68-fast)"
        ) from error


def _hub_problem() -> Exception | None:
    """Return the error if the Hub cannot be reached; None if it answers."""
    try:
        huggingface_hub.get_session().head(constants.ENDPOINT, timeout=HUB_TIMEOUT)
    except Exception as error:  # the HTTP library, and so the class, depends on the version of huggingface_hub
        return error
    return None


@contextmanager
def _offline(offline: bool) -> Iterator[None]:
    """Let huggingface_hub use its cache only; otherwise it tries for a minute to reach a Hub that does not answer."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _feature_options(name: str, strides: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments of timm.create_model for feature maps at these strides."""
    if not timm.is_model(name):
        similar = similar_names(name, timm.list_models(), 5)
        hint = f"; similar names are {', '.join(similar)}" if similar else ""
        raise ArgumentError(f"timm has no backbone {name!r}{hint}")
    # timm's "getter" drops the layers behind the last feature map. Models without it (HRNet) need nearly all of theirs.
    has_getter = hasattr(timm.create_model(name), "forward_intermediates")
    options: dict[str, Any] = {"features_only": True} | ({"feature_cls": "getter"} if has_getter else {})
    model: Any = timm.create_model(name, **options)
    available = model.feature_info.reduction()
    if not set(strides) <= set(available):
        raise ArgumentError(
            f"backbone {name!r} has feature maps at strides {available}, but {list(strides)} are needed"
        )
    indices = tuple(max(i for i, stride in enumerate(available) if stride == wanted) for wanted in strides)
    return options | {"out_indices": indices}


def _check_complete(model: Any, stored: set[str], name: str, file: str) -> None:
    """Raise ArgumentError if the file lacks tensors of the model: timm does not report them."""
    needed = [key.removeprefix("model.") for key in model.state_dict() if not key.endswith("num_batches_tracked")]
    missing = [key for key in needed if key.replace(".", "_") not in stored]  # timm has blocks.0 and blocks_0
    if missing:
        count = f"{len(missing)} of {len(needed)} tensors are missing, such as {missing[0]}"
        raise ArgumentError(f"{file}: not the weights of {name}: {count}")


def _tensor_names(file: str) -> set[str]:
    """Read the names of the tensors in a weight file, with _ for every dot."""
    try:
        return {key.replace(".", "_") for key in load_state_dict(file)}
    except FileNotFoundError as error:
        raise ArgumentError(f"{file}: no such weight file") from error
    except Exception as error:  # the exception of unpickling depends on the file
        raise ArgumentError(f"{file}: not a .safetensors or .pth file of weights, or damaged") from error


def _root_cause(error: BaseException) -> str:
    """Return the last line of the innermost exception, which describes the cause best."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
