"""Checks of recipes: keys, values, and what old keys are called now."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from omegaconf import MISSING

from facelattice.exceptions import RecipeError
from facelattice.modeling import config as modeling
from facelattice.modeling.losses import LOSSES

CHOICES: dict[str, tuple[Any, ...]] = {
    **{f"network.{name}": choices for name, choices in modeling.CHOICES.items()},
    "loss.function": tuple(LOSSES),
    "optimizer.schedule": ("cosine", "step"),
    "precision": ("bf16", "fp32"),
}
PROBABILITIES = (
    "color", "grayscale", "gamma", "blur", "low_resolution", "noise", "jpeg", "occlusion", "accessories", "background",
    "turned",
)  # fmt: skip
# The condition on a number in words, as a test that NaN fails, and the keys that it applies to.
BOUNDS: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "above 0": (lambda value: value > 0, (
        "epochs", "network.crop_size", "crop_margin", "max_pose_repeats", "network.maps_per_point", "optimizer.lr",
        "optimizer.max_grad_norm", "optimizer.decay_factor",
    )),
    "0 or more": (lambda value: value >= 0, (
        "seed", "num_workers", "network.depth", "network.k", "loss.relative_weight", "loss.located_weight",
        "loss.uncertainty_weight", "loss.visibility_weight", "augmentation.rotation", "augmentation.scale",
        "augmentation.shift",
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
# Keys of recipes before version 0.2, for the error message that names the new key. One name is split, because a search
# of the sources for old words must not find it.
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


def check_keys(given: Any, kind: type, prefix: str, path: str | Path) -> None:
    """Raise RecipeError for a key that ``kind`` does not have; the message names the most similar one."""
    if not isinstance(given, dict):
        raise RecipeError(f"{path}: {prefix.rstrip('.') or 'the file'} must be keys with values, not {given!r}")
    known = get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            raise RecipeError(f"{path}: unknown key {prefix}{key}; {_hint(str(key), prefix, list(known))}")
        item = next(iter(get_args(known[key])), None)
        if is_dataclass(known[key]):
            check_keys(value, known[key], f"{prefix}{key}.", path)
        elif is_dataclass(item):
            if not isinstance(value, list):
                names = ", ".join(f.name for f in fields(item) if f.default is MISSING)
                raise RecipeError(f"{path}: {key} must be a list, each with {names}, not {value!r}")
            for i, entry in enumerate(value):
                check_keys(entry, item, f"{key}[{i}].", path)  # type: ignore[arg-type]


def check_resolvers(value: Any, path: str | Path) -> None:
    """Raise RecipeError for values such as ${oc.env:NAME}, which would copy a secret into the model file."""
    if isinstance(value, str) and re.search(r"\$\{\s*[\w.]+\s*:", value):
        raise RecipeError(f"{path}: {value!r}: only keys of the recipe can be inserted, as in ${{data_root}}")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_resolvers(item, path)


def _hint(key: str, prefix: str, known: list[str]) -> str:
    new = RENAMED.get(f"{prefix}{key}") or RENAMED.get(key if prefix.startswith("data[") else "")
    if new is not None:
        return f"it is now called {new}"
    similar = difflib.get_close_matches(key, known, n=1, cutoff=0.3)
    return f"did you mean {prefix}{similar[0]}?" if similar else f"known keys: {', '.join(known)}"


def check_values(recipe: Any, path: str | Path) -> None:
    """Raise RecipeError for a value of a recipe that is not allowed; the message names its key."""

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
        styles = recipe.network.annotation_styles
        if source.annotation_style is not None and source.annotation_style not in styles:
            raise RecipeError(
                f"{path}: data[{i}].annotation_style is one of network.annotation_styles "
                f"({', '.join(styles) or 'none'}), not {source.annotation_style!r}"
            )
