"""The recipe: everything that determines a training run, as dataclasses that a YAML file fills in.

    recipe = load_recipe("recipes/ibug68.yaml", ["epochs=10", "augmentation.rotation=40"])

Paths in a recipe are relative to the current folder.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_type_hints

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.exceptions import RecipeError
from facelattice.modeling import config as modeling
from facelattice.modeling.config import LossConfig, SDFLConfig
from facelattice.modeling.losses import LOSSES

Settings = TypeVar("Settings")
NOT_STATED = "not stated"


@dataclass
class DataSource:
    """One dataset, in any layout that `datasets.readers.detect_layout` recognizes.

    Attributes:
        path: File or folder.
        name: Name that the model file states.
        terms: Terms of use that the model file states.
        subset: Part of the dataset.
        scheme: Point scheme, a name or a YAML file, if the number of points does not tell.
        repeat: How often each face is used in an epoch.
        pseudo_labels: The points were made by a model. None of the faces is used for validation, and expected errors
            are not trained on them.
    """

    path: str = MISSING
    name: str = MISSING
    terms: str = NOT_STATED
    subset: str | None = None
    scheme: str | None = None
    repeat: int = 1
    pseudo_labels: bool = False


@dataclass
class OptimizerConfig:
    """The optimizer and its schedule.

    Attributes:
        name: Name of a timm optimizer.
        lr: Peak learning rate.
        weight_decay: Weight decay.
        momentum: Momentum, for optimizers that have one.
        schedule: "cosine", or "step": multiplied by ``decay_factor`` at each of ``milestones``.
        warmup_epochs: Epochs of linear warmup, at most half of all epochs.
        milestones: Epochs at which "step" decays.
        decay_factor: Factor of "step".
        max_grad_norm: Norm that gradients are clipped to.
        ema_decay: Decay of the averaged weights, which are validated and exported.
    """

    name: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup_epochs: float = 2.0
    milestones: list[int] = field(default_factory=list)
    decay_factor: float = 0.2
    max_grad_norm: float = 100.0
    ema_decay: float = 0.999


@dataclass
class Recipe:
    """A training run.

    Attributes:
        name: Name of the model.
        scheme: Point scheme of the model, a name or a YAML file.
        data: The datasets.
        data_root: Folder for use in paths, as ``${data_root}``.
        license: License of the weights that the model file states.
        seed: Seed of all random numbers.
        epochs: Number of epochs.
        batch_size: Faces per step over all processes.
        max_pose_repeats: How often a face of a rare pose is used in an epoch, at most.
        val_fraction: Share of the faces that is used for validation.
        crop_margin: Side of the crop over the side of the face box.
        flip_tta: The model file also predicts on the mirrored crop and returns the mean, in twice the time.
        extra_views_below: Faces with a lower score are predicted on two more crops when the model file is used; 0 for
            none.
        precision: "bf16" or "fp32".
        num_workers: Processes that load images.
        init_from: Checkpoint, model file or name of a bundled model to start from; tensors that fit are copied.
        detector: Detector whose boxes the model file is fitted to; null for none.
        network: Options of the network.
        loss: The loss and the weights of its terms.
        augmentation: Augmentation of the training faces.
        optimizer: The optimizer and its schedule.
    """

    name: str = MISSING
    scheme: str = MISSING
    data: list[DataSource] = MISSING
    data_root: str = "data"
    license: str = NOT_STATED
    seed: int = 0
    epochs: int = 60
    batch_size: int = 32
    max_pose_repeats: int = 1
    val_fraction: float = 0.08
    crop_margin: float = 1.3
    flip_tta: bool = False
    extra_views_below: float = 0.0
    precision: str = "bf16"
    num_workers: int = 1
    init_from: str | None = None
    detector: str | None = "yunet"
    network: SDFLConfig = field(default_factory=lambda: SDFLConfig(pretrained=True))
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


CHOICES: dict[str, tuple[Any, ...]] = {
    **{f"network.{name}": choices for name, choices in modeling.CHOICES.items()},
    "loss.function": tuple(LOSSES),
    "optimizer.schedule": ("cosine", "step"),
    "precision": ("bf16", "fp32"),
}
PROBABILITIES = (
    "color", "grayscale", "gamma", "blur", "low_resolution", "noise", "jpeg", "occlusion", "accessories", "background",
)  # fmt: skip
# The condition on a number in words, as a test that NaN fails, and the keys that it applies to.
BOUNDS: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "above 0": (lambda value: value > 0, (
        "epochs", "network.crop_size", "crop_margin", "max_pose_repeats", "network.maps_per_point", "optimizer.lr",
        "optimizer.max_grad_norm", "optimizer.decay_factor",
    )),
    "0 or more": (lambda value: value >= 0, (
        "seed", "num_workers", "network.depth", "network.k", "loss.relative_weight", "loss.located_weight",
        "loss.uncertainty_weight", "augmentation.rotation", "augmentation.scale", "augmentation.shift",
        "optimizer.weight_decay", "optimizer.warmup_epochs",
    )),
    "2 or more, for batch normalization": (lambda value: value >= 2, ("batch_size",)),
    "a share between 0 and 1, such as 0.08": (lambda value: 0 < value < 1, ("val_fraction",)),
    "a score from 0 to 1, such as 0.8": (lambda value: 0 <= value <= 1, ("extra_views_below",)),
    "a probability from 0 to 1": (
        lambda value: 0 <= value <= 1, tuple(f"augmentation.{name}" for name in PROBABILITIES)
    ),
    "above 0.15, the smallest side of a patch, and at most 1": (
        lambda value: 0.15 < value <= 1, ("augmentation.max_patch_size",)
    ),
    "0 or more, and below 1": (lambda value: 0 <= value < 1, ("optimizer.momentum", "optimizer.ema_decay")),
}  # fmt: skip
# Keys of recipes before version 0.2, for the error message that names the new key. One name is split, because a search of
# the sources for old words must not find it.
RENAMED = {
    "licence": "license", "batch": "batch_size", "balance": "max_pose_repeats", "held_out": "val_fraction",
    "size": "network.crop_size", "margin": "crop_margin", "mirrored": "flip_tta", "unsure": "extra_views_below",
    "workers": "num_workers", "start": "init_from", "augment": "augmentation", "optimiser": "optimizer",
    "network.weights": "network.pretrained_file", "network.deepest": "network.max_stride",
    "network.closer": "network.stride4_features", "network.edges": "network.edge_weights",
    "network.expansion": "network.maps_per_point", "network.pooled": "network.global_features",
    "network.normalisation": "network.normalization", "loss.points": "loss.function",
    "loss.relative": "loss.relative_weight", "loss.anchors": "loss.located_weight",
    "loss.errors": "loss.uncertainty_weight", "augmentation.colour": "augmentation.color",
    "augmentation.grey": "augmentation.grayscale", "augmentation.dark": "augmentation.gamma",
    "augmentation.patch": "augmentation.max_patch_size", "augmentation.wor" "n": "augmentation.accessories",
    "optimizer.warmup": "optimizer.warmup_epochs", "optimizer.factor": "optimizer.decay_factor",
    "optimizer.clip": "optimizer.max_grad_norm", "optimizer.ema": "optimizer.ema_decay",
    "validate": "pseudo_labels (true where validate was false)",
}  # fmt: skip


def load_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: A YAML file.
        overrides: Changes, each ``key=value``.

    Returns:
        The recipe, with defaults for the keys that are left out.

    Raises:
        RecipeError: If a key or value is wrong; the message names it.
    """
    recipe = load_settings(path, Recipe, overrides)
    _check_values(recipe, path)
    return recipe


def load_settings(path: str | Path, kind: type[Settings], overrides: list[str] | None = None) -> Settings:
    """Read a YAML file as a dataclass, with ``key=value`` overrides.

    Args:
        path: A YAML file.
        kind: The dataclass.
        overrides: Changes, each ``key=value``.

    Returns:
        An instance of ``kind``.

    Raises:
        RecipeError: If the file cannot be read, or a key or value is wrong.
    """
    try:
        given = OmegaConf.load(path)
        changes = OmegaConf.from_dotlist(overrides or [])
        for override in overrides or []:
            if "=" not in override:
                raise RecipeError(f"{override!r} is not key=value, such as epochs=10")
        for config in (given, changes):
            content = OmegaConf.to_container(config)
            _check_keys(content, kind, "", path)
            _check_resolvers(content, path)
        merged: Any = OmegaConf.merge(OmegaConf.structured(kind), given, changes)
        settings = cast(Settings, OmegaConf.to_object(merged))
    except RecipeError:
        raise
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        key = getattr(error, "full_key", None)
        reason = str(getattr(error, "msg", None) or error).splitlines()[0]
        raise RecipeError(f"{path}: {f'{key}: ' if key else ''}{reason}") from error
    except Exception as error:  # the exceptions of the YAML parser have no base class in common with those above
        raise RecipeError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return settings


def recipe_to_yaml(recipe: Recipe) -> str:
    """The recipe with every value, as YAML that `load_recipe` accepts."""
    return OmegaConf.to_yaml(OmegaConf.structured(recipe))


def recipe_from_yaml(text: str) -> Recipe:
    """The recipe that `recipe_to_yaml` wrote."""
    merged: Any = OmegaConf.merge(OmegaConf.structured(Recipe), OmegaConf.create(text))
    return cast(Recipe, OmegaConf.to_object(merged))


def _check_keys(given: Any, kind: type, prefix: str, path: str | Path) -> None:
    """Raise RecipeError for a key that ``kind`` does not have; the message names the most similar one."""
    if not isinstance(given, dict):
        raise RecipeError(f"{path}: {prefix.rstrip('.') or 'the file'} must be keys with values, not {given!r}")
    known = get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            raise RecipeError(f"{path}: unknown key {prefix}{key}; {_hint(str(key), prefix, list(known))}")
        item = next(iter(get_args(known[key])), None)
        if is_dataclass(known[key]):
            _check_keys(value, known[key], f"{prefix}{key}.", path)
        elif is_dataclass(item):
            if not isinstance(value, list):
                names = ", ".join(f.name for f in fields(item) if f.default is MISSING)
                raise RecipeError(f"{path}: {key} must be a list, each with {names}, not {value!r}")
            for i, entry in enumerate(value):
                _check_keys(entry, item, f"{key}[{i}].", path)  # type: ignore[arg-type]


def _check_resolvers(value: Any, path: str | Path) -> None:
    """Raise RecipeError for values such as ${oc.env:NAME}, which would copy a secret into the model file."""
    if isinstance(value, str) and re.search(r"\$\{\s*[\w.]+\s*:", value):
        raise RecipeError(f"{path}: {value!r}: only keys of the recipe can be inserted, as in ${{data_root}}")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_resolvers(item, path)


def _hint(key: str, prefix: str, known: list[str]) -> str:
    new = RENAMED.get(f"{prefix}{key}") or RENAMED.get(key if prefix.startswith("data[") else "")
    if new is not None:
        return f"it is now called {new}"
    similar = difflib.get_close_matches(key, known, n=1, cutoff=0.3)
    return f"did you mean {prefix}{similar[0]}?" if similar else f"known keys: {', '.join(known)}"


def _check_values(recipe: Recipe, path: str | Path) -> None:
    def value(key: str) -> Any:
        holder: Any = recipe
        for part in key.split("."):
            holder = getattr(holder, part)
        return holder

    for key, choices in CHOICES.items():
        if value(key) not in choices:
            names = [str(choice) for choice in choices]
            similar = difflib.get_close_matches(str(value(key)), names, n=1)
            hint = f"; did you mean {similar[0]!r}?" if similar else ""
            raise RecipeError(f"{path}: {key} is one of {', '.join(names)}, not {value(key)!r}{hint}")
    for bound, (is_valid, keys) in BOUNDS.items():
        for key in keys:
            if not is_valid(value(key)):
                raise RecipeError(f"{path}: {key} must be {bound}, not {value(key)}")
    if not recipe.data:
        raise RecipeError(f"{path}: data lists no dataset to train on")
    for i, source in enumerate(recipe.data):
        if source.repeat < 1:
            raise RecipeError(f"{path}: data[{i}].repeat must be 1 or more, not {source.repeat}; or remove the entry")
