"""The recipe: everything that determines a training run, as dataclasses that a YAML file fills in.

`recipe_file.load_recipe` reads a recipe of the user; `recipe_from_yaml` reads one that `recipe_to_yaml` wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.exceptions import RecipeError
from facelattice.file_search import is_device, suggest_path
from facelattice.modeling.config import LossConfig, SDFLConfig
from facelattice.training.recipe_checks import check_keys, check_resolvers, check_values
from facelattice.yaml_check import check_yaml

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
        scheme: Point scheme, a name or a YAML file; needed if it cannot be inferred from the number of points.
        repeat: How often each face is used in an epoch.
        pseudo_labels: The points were made by a model. None of the faces is used for validation, and expected errors
            are not trained on them.
        background: The source is a table image,x0,y0,x1,y1 of boxes that show no face. They train the expected errors.
        annotation_style: Annotation style of the points, one of `network.annotation_styles`.
    """

    path: str = MISSING
    name: str = MISSING
    terms: str = NOT_STATED
    subset: str | None = None
    scheme: str | None = None
    repeat: int = 1
    pseudo_labels: bool = False
    background: bool = False
    annotation_style: str | None = None


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
        name: Name of the model; by default that of the recipe's file.
        scheme: Point scheme of the model, a name or a YAML file.
        data: The datasets.
        data_root: Folder that paths can refer to, as ``${data_root}``.
        license: License of the weights that the model file states.
        seed: Seed of all random numbers.
        epochs: Number of epochs.
        batch_size: Faces per step over all processes.
        max_pose_repeats: Maximum number of times that a face in a rare pose is used in an epoch.
        val_fraction: Fraction of the faces that is used for validation.
        crop_margin: Side of the crop over the side of the face box.
        flip_tta: The model file also predicts on the mirrored crop and returns the mean, in twice the time.
        extra_views_below: When the model file is used, faces with a lower score are predicted on two more crops; 0 for
            none.
        precision: "bf16" or "fp32".
        num_workers: Processes that load images.
        init_from: Checkpoint, model file or name of a bundled model to start from; tensors that fit are copied. Options
            of the network that the recipe does not set are taken from that model.
        detector: Detector whose boxes the model file is fitted to; null for none.
        network: Options of the network.
        loss: The loss and the weights of its terms.
        augmentation: Augmentation of the training faces.
        optimizer: The optimizer and its schedule.
    """

    name: str = ""
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


def load_settings(path: str | Path, kind: type[Settings]) -> Settings:
    """Read a YAML file as a dataclass.

    Args:
        path: A YAML file.
        kind: The dataclass.

    Returns:
        An instance of ``kind``.

    Raises:
        RecipeError: If the file cannot be read, or a key or value is wrong.
    """
    return merge_settings(kind, path, parse_settings(read_text(path), kind, path))


def recipe_to_yaml(recipe: Recipe) -> str:
    """Write a recipe with every value as YAML, which `recipe_from_yaml` reads."""
    return OmegaConf.to_yaml(OmegaConf.structured(recipe))


def recipe_from_yaml(text: str) -> Recipe:
    """Parse a recipe that `recipe_to_yaml` wrote.

    Raises:
        RecipeError: If a key or value is wrong.
    """
    recipe = merge_settings(Recipe, "recipe", parse_settings(text, Recipe, "recipe"))
    check_values(recipe, "recipe")
    return recipe


def read_text(path: str | Path) -> str:
    """Read the text of a YAML file.

    Raises:
        RecipeError: If the file cannot be read.
    """
    if is_device(path):
        raise RecipeError(f"{path}: is a device, not a recipe")
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        hint = suggest_path(Path(path)) if isinstance(error, FileNotFoundError) else ""
        raise RecipeError(f"{path}: cannot be read ({error.strerror or error}){hint}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: {error}") from error


def parse_settings(text: str, kind: type, path: str | Path) -> dict[str, Any]:
    """Parse the keys and values of a YAML text; interpolations such as ``${data_root}`` stay as they are.

    Args:
        text: The YAML text.
        kind: The dataclass whose keys are allowed.
        path: The file, for errors.

    Raises:
        RecipeError: If the text is not YAML, or a key is unknown.
    """
    with _recipe_errors(path):
        check_yaml(text)
        return _checked(OmegaConf.create(text), kind, path)


def parse_overrides(overrides: Iterable[str], kind: type, path: str | Path) -> dict[str, Any]:
    """Parse overrides, each ``key=value``; see `parse_settings`.

    Raises:
        RecipeError: If an override is not ``key=value``, or its key is unknown.
    """
    with _recipe_errors(path):
        overrides = list(overrides)
        for override in overrides:
            if "=" not in override:
                raise RecipeError(f"{override!r} is not key=value, such as epochs=10")
        return _checked(OmegaConf.from_dotlist(overrides), kind, path)


def merge_settings(kind: type[Settings], path: str | Path, *layers: dict[str, Any]) -> Settings:
    """Create the dataclass with the values of all layers; later layers win.

    Raises:
        RecipeError: If a value has the wrong type, or one without a default is missing.
    """
    with _recipe_errors(path):
        return cast(Settings, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), *layers)))


def _checked(config: Any, kind: type, path: str | Path) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(config)
    check_keys(content, kind, path)
    check_resolvers(content, path)
    return cast(dict[str, Any], content)


@contextmanager
def _recipe_errors(path: str | Path) -> Iterator[None]:
    """Convert errors of OmegaConf and of the YAML parser to a RecipeError that names the file and the key."""
    try:
        yield
    except RecipeError:
        raise
    except MissingMandatoryValue as error:
        raise RecipeError(f"{path}: the key {error.full_key} is missing") from error
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        key = getattr(error, "full_key", None)
        reason = str(getattr(error, "msg", None) or error).splitlines()[0]
        raise RecipeError(f"{path}: {f'{key}: ' if key else ''}{reason}") from error
    except Exception as error:  # from the YAML parser
        raise RecipeError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
