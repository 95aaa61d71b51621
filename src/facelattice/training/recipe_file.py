"""Recipes of the user: YAML files with ``key=value`` overrides, paths, and the settings of the model to start from.

    recipe = load_recipe("recipes/ibug68.yaml", ["epochs=10", "augmentation.rotation=40"])

Paths in a recipe are relative to the folder of its file, those of overrides to the current folder. A loaded recipe has
absolute paths, so that checkpoints find the data from any folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facelattice.exceptions import RecipeError
from facelattice.file_search import suggest_path
from facelattice.inference.model_zoo import list_models
from facelattice.schemes import get_scheme
from facelattice.training.config import Recipe, merge_settings, parse_overrides, parse_settings, read_text
from facelattice.training.initialize import read_initial_recipe
from facelattice.training.recipe_checks import check_values

PATH_KEYS = ("data_root", "path", "pretrained_file", "scheme", "init_from")  # some of their values are names
# Options of the network that a recipe does not take from the model that it starts from.
NOT_INHERITED = ("pretrained", "pretrained_file")


def load_recipe(path: str | Path, overrides: Sequence[str] = (), resumed: Path | None = None) -> Recipe:
    """Read a recipe.

    With ``init_from``, options of the network and the crop margin that the recipe does not set are taken from that
    model, if its file exists. Its annotation styles are taken only if a dataset names one.

    Args:
        path: A YAML file.
        overrides: Changes, each ``key=value``.
        resumed: The checkpoint of a run to resume. The settings are taken from it instead of from ``init_from``, whose
            file may have been deleted or replaced.

    Returns:
        The recipe, with absolute paths, and with defaults for the keys that are left out.

    Raises:
        RecipeError: If a key or value is wrong; the message names it.
        SchemeError: If the scheme is unknown or its file wrong.
        CheckpointError: If ``init_from`` or the checkpoint to resume is damaged.
        ModelError: If ``init_from`` is a damaged model file.
    """
    given = parse_settings(read_text(path), Recipe, path)
    changes = absolute_paths(parse_overrides(overrides, Recipe, path), Path.cwd())
    merged = asdict(merge_settings(Recipe, path, {"name": Path(path).stem}, given, changes))
    recipe = merge_settings(Recipe, path, absolute_paths(merged, Path(path).parent))
    stated = {*given, *changes, *given.get("network", {}), *changes.get("network", {})}
    if recipe.init_from is not None:
        recipe = _with_settings_of_model(recipe, recipe.init_from if resumed is None else str(resumed), stated)
    _check_schemes(recipe, path)
    if "k" not in stated:
        recipe.network.k = min(recipe.network.k, len(get_scheme(recipe.scheme)) - 1)
    check_values(recipe, path)
    return recipe


def absolute_paths(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the relative paths in settings of a recipe absolute.

    Args:
        settings: Keys and values.
        folder: Folder that the paths are relative to.
    """
    result = dict(settings)
    for key in PATH_KEYS:
        if isinstance(value := result.get(key), str) and _is_path(key, value):
            result[key] = str(_join(folder, value))
    if isinstance(result.get("data"), list):
        result["data"] = [absolute_paths(source, folder) for source in result["data"]]
    if isinstance(result.get("network"), dict):
        result["network"] = absolute_paths(result["network"], folder)
    return result


def absolute_overrides(overrides: Sequence[str], folder: Path, path: Path) -> list[str]:
    """Make the relative paths in overrides absolute.

    Args:
        overrides: Changes of a recipe, each ``key=value``.
        folder: Folder that the paths are relative to.
        path: The file of the overrides, for errors.

    Raises:
        RecipeError: If an override is wrong.
    """
    result = []
    for override in overrides:
        before = parse_overrides([override], Recipe, path)
        after = absolute_paths(before, folder)
        result += [override] if after == before else [f"{key}={json.dumps(value)}" for key, value in after.items()]
    return result


def _check_schemes(recipe: Recipe, path: str | Path) -> None:
    """Raise RecipeError for a scheme whose file does not exist; the message names the key and similar files."""
    schemes = {"scheme": recipe.scheme} | {f"data[{i}].scheme": source.scheme for i, source in enumerate(recipe.data)}
    for key, scheme in schemes.items():
        if scheme is not None and _is_path("scheme", scheme) and not Path(scheme).exists():
            raise RecipeError(f"{path}: {key}: {scheme}: no such file{suggest_path(Path(scheme))}")


def _with_settings_of_model(recipe: Recipe, source: str, stated: set[str]) -> Recipe:
    """Return the recipe with the settings of a model where it states none: options of the network, and crop margin."""
    initial = read_initial_recipe(source)
    left_out = {*stated, *NOT_INHERITED}
    if not any(dataset.annotation_style for dataset in recipe.data):
        left_out.add("annotation_styles")
    own = asdict(recipe.network)
    network = {key: value for key, value in initial.get("network", {}).items() if key in own and key not in left_out}
    margin = {"crop_margin": initial["crop_margin"]} if "crop_margin" in initial and "crop_margin" not in stated else {}
    return merge_settings(Recipe, source, asdict(recipe), margin, {"network": network})


def _is_path(key: str, value: str) -> bool:
    """Return whether the value is a path, not an interpolation or the name of a scheme or model."""
    if value.startswith("${"):
        return False
    if key == "scheme":
        return Path(value).suffix.lower() in (".yaml", ".yml")
    return key != "init_from" or value not in list_models()


def _join(folder: Path, value: str) -> Path:
    """Make a path relative to a folder absolute, without ``..`` at its start."""
    base, path = folder.resolve(), Path(value)
    while path.parts[:1] == ("..",):
        base, path = base.parent, Path(*path.parts[1:])
    return base / path
