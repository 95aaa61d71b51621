"""Checks of the keys and values of recipes, with suggestions for unknown keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from omegaconf import MISSING

from facelattice.exceptions import RecipeError
from facelattice.messages import similar_names, suggest_name
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
# Conditions on numbers by their description: the test, which fails for NaN, and the keys that it applies to.
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

# Names of these keys in other trainers. The names of keys in other sections need no entry.
_OTHER_NAMES = {
    "init_from": "pretrained, weights, pretrained_weights, model, checkpoint, ckpt, init, finetune, load_from",
    "network.backbone": "arch, encoder, architecture",
    "network.crop_size": "crop, imgsz, img_size, image_size, input_size, resolution",
    "batch_size": "bs, batch, batchsize, train_batch_size, per_device_train_batch_size, samples_per_gpu",
    "epochs": "epoch, num_epochs, n_epochs, max_epochs, num_train_epochs, total_epochs",
    "num_workers": "n_workers, dataloader_num_workers, workers_per_gpu, loader_workers",
    "seed": "random_seed, random_state, manual_seed",
    "precision": "amp, fp16, half, mixed_precision",
    "val_fraction": "val_split, validation_split, valid_fraction, validation_fraction, test_size",
    "optimizer.name": "opt, type",
    "optimizer.lr": "learning_rate, learningrate, lr0, base_lr, init_lr, max_lr, peak_lr, initial_lr",
    "optimizer.weight_decay": "wd, decay, l2",
    "optimizer.schedule": "scheduler, lr_scheduler, lr_schedule, lr_policy, sched",
    "optimizer.milestones": "steps, lr_steps, decay_epochs, step_size",
    "optimizer.decay_factor": "lr_gamma, decay_rate, lrf",
    "optimizer.warmup_epochs": "warmup, warm_up, warmup_steps, lr_warmup",
    "optimizer.max_grad_norm": "clip, clip_grad, grad_clip, clip_grad_norm, gradient_clip_val, max_norm",
    "optimizer.ema_decay": "ema, model_ema, model_ema_decay",
    "augmentation.mirror": "flip, fliplr, hflip, horizontal_flip, random_flip",
    "augmentation.rotation": "rotate, degrees, random_rotation",
    "augmentation.shift": "translate, translation",
    "data": "dataset, datasets, train_data, training_data, train, data_dir, data_path",
    "scheme": "keypoints, num_keypoints, num_points, num_landmarks, landmarks, points, kpt_shape, classes, num_classes",
    "the option --out": "out, output, out_dir, output_dir, save_dir, work_dir, project, log_dir",
    "the option --resume": "resume, resume_from, continue",
}
OTHER_NAMES = {name: key for key, names in _OTHER_NAMES.items() for name in names.split(", ")}
OTHER_NAMES_OF_DATA = {
    "root": "path", "file": "path", "folder": "path", "dir": "path", "csv": "path", "split": "subset", "part": "subset",
    "license": "terms", "style": "annotation_style", "weight": "repeat", "repeats": "repeat", "points": "scheme",
}  # fmt: skip


def check_keys(given: Any, kind: type, path: str | Path) -> None:
    """Raise RecipeError for a key that ``kind`` does not have; the message names the key that is probably meant."""
    _check_keys(given, kind, "", path, _full_keys(kind))


def _full_keys(kind: type, prefix: str = "") -> list[str]:
    """Return the keys of a dataclass, such as ``optimizer`` and ``optimizer.lr``, without those of list entries."""
    keys = []
    for name, value in get_type_hints(kind).items():
        keys.append(f"{prefix}{name}")
        if is_dataclass(value):
            keys += _full_keys(value, f"{prefix}{name}.")  # type: ignore[arg-type]
    return keys


def _check_keys(given: Any, kind: type, prefix: str, path: str | Path, all_keys: list[str]) -> None:
    if not isinstance(given, dict):
        raise RecipeError(f"{path}: {prefix.rstrip('.') or 'the file'} must be keys with values, not {given!r}")
    known = get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            raise RecipeError(f"{path}: unknown key {prefix}{key}; {_hint(str(key), prefix, list(known), all_keys)}")
        item = next(iter(get_args(known[key])), None)
        if is_dataclass(known[key]):
            _check_keys(value, known[key], f"{prefix}{key}.", path, all_keys)
        elif is_dataclass(item):
            if not isinstance(value, list):
                names = ", ".join(f.name for f in fields(item) if f.default is MISSING)
                raise RecipeError(f"{path}: {key} must be a list, each with {names}, not {value!r}")
            for i, entry in enumerate(value):
                _check_keys(entry, item, f"{key}[{i}].", path, all_keys)  # type: ignore[arg-type]


def check_resolvers(value: Any, path: str | Path) -> None:
    """Raise RecipeError for values such as ${oc.env:NAME}, which could copy a secret into the model file."""
    if isinstance(value, str) and re.search(r"\$\{\s*[\w.]+\s*:", value):
        raise RecipeError(f"{path}: {value!r}: only keys of the recipe can be inserted, as in ${{data_root}}")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_resolvers(item, path)


def _hint(key: str, prefix: str, known: list[str], all_keys: list[str]) -> str:
    """Suggest a replacement for an unknown key: the key of another section, or the most similar one."""
    in_data = prefix.startswith("data[")
    name = key.lower().replace("-", "_")
    if in_data and name in OTHER_NAMES_OF_DATA:
        return f"did you mean {prefix}{OTHER_NAMES_OF_DATA[name]}?"
    meant = _keys_named(name, prefix, all_keys)
    if not meant:
        for near in similar_names(name, {*known, *OTHER_NAMES, *(full.rpartition(".")[2] for full in all_keys)}):
            meant = [f"{prefix}{near}"] if near in known else _keys_named(near, prefix, all_keys)
    return f"did you mean {' or '.join(meant)}?" if meant else f"known keys: {', '.join(known)}"


def _keys_named(name: str, prefix: str, all_keys: list[str]) -> list[str]:
    """Return the full keys with this name in any section, and the key that other trainers call so."""
    keys = [full for full in all_keys if full.rpartition(".")[2] == name]
    other = OTHER_NAMES.get(name, "")
    is_option = other.startswith("the option") and not prefix and "epochs" in all_keys  # the keys of a recipe
    return keys + [other] * (other in all_keys or is_option)


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
            hint = suggest_name(value(key), names)
            known = ", ".join(names)
            raise RecipeError(f"{path}: {key} is one of {known}, not {value(key)!r}{'; ' if hint else ''}{hint}")
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
