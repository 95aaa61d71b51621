"""The plan of an ablation: a base recipe, the changes of each row, and seeds, read from a YAML file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from facelattice.exceptions import RecipeError
from facelattice.training.config import Recipe, load_settings, recipe_to_yaml
from facelattice.training.recipe_file import absolute_overrides, load_recipe

VALIDATION, OCCLUDED, VISIBLE = "validation", "occluded", "visible"
LOCATED, LOCATED_OCCLUDED = "located", "located occluded"
MEASURES = (VALIDATION, OCCLUDED, VISIBLE, LOCATED, LOCATED_OCCLUDED)  # on the validation faces


@dataclass
class TestFaces:
    """Faces that are measured in addition to the validation faces.

    Attributes:
        name: Name of the column in the table.
        path: Path of the dataset below ``data_root`` of the recipe.
        subset: Part of the dataset.
    """

    name: str = MISSING
    path: str = MISSING
    subset: str | None = None


@dataclass
class AblationPlan:
    """Contents of an ablation file.

    Attributes:
        base: The recipe, relative to the ablation file.
        settings: Overrides (KEY=VALUE) of the recipe for all rows. Paths are relative to the ablation file.
        seeds: Every row is trained once with each seed.
        test: Faces that are measured in addition to the validation faces.
        rows: Overrides of each row. All rows are compared with the first.
    """

    base: str = MISSING
    settings: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    test: list[TestFaces] = field(default_factory=list)
    rows: dict[str, list[str]] = MISSING


@dataclass(frozen=True, eq=False)
class AblationRun:
    """One training run: a row with a seed.

    Attributes:
        row: Name of the row.
        seed: Seed of the recipe.
        folder: Folder of checkpoints, and of result.json when the run is finished.
        recipe: The base recipe.
        overrides: All overrides of the recipe.
        test: Faces that are measured in addition to the validation faces.
    """

    row: str
    seed: int
    folder: Path
    recipe: Path
    overrides: list[str]
    test: list[TestFaces]

    def load_recipe(self) -> Recipe:
        """Return the recipe with the overrides."""
        return load_recipe(self.recipe, self.overrides)

    def load_result(self, digests: dict[str, str]) -> dict[str, Any] | None:
        """Read result.json.

        Args:
            digests: Digest of the faces of each measure, see `measure.face_digests`.

        Returns:
            The result; None if the run is not finished, had another recipe, or was measured on other faces.
        """
        try:
            result = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        expected = {"recipe": recipe_to_yaml(self.load_recipe()), "faces": digests}
        return result if all(result.get(key) == value for key, value in expected.items()) else None


def load_plan(path: Path, overrides: list[str], out: Path) -> list[AblationRun]:
    """Read an ablation file.

    Args:
        path: The ablation file.
        overrides: Overrides (KEY=VALUE) of the recipe for all rows, after those of the file.
        out: Folder of all runs.

    Returns:
        The runs, ordered by seed, so that an ablation that is stopped early has runs of all rows.

    Raises:
        RecipeError: If the file or the recipe of any row is wrong.
    """
    plan: AblationPlan = load_settings(path, AblationPlan)
    if not plan.rows or not plan.seeds:
        raise RecipeError(f"{path}: rows and seeds must not be empty")
    folders = {row: re.sub(r"[^a-z0-9]+", "-", row.lower()).strip("-") for row in plan.rows}
    if len(set(folders.values())) < len(folders):
        raise RecipeError(f"{path}: two names of rows differ in punctuation or case only; rename one")
    columns = ["row", "seed", "minutes", *MEASURES, *(test.name for test in plan.test)]
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise RecipeError(f"{path}: two columns are named {repeated[0]!r}; rename these test faces")
    rows = {
        row: [*absolute_overrides([*plan.settings, *changes], path.parent, path), *overrides]
        for row, changes in plan.rows.items()
    }
    runs = [
        AblationRun(
            row=row,
            seed=seed,
            folder=out / folders[row] / f"seed-{seed}",
            recipe=path.parent / plan.base,
            overrides=[*settings, f"seed={seed}"],
            test=plan.test,
        )
        for seed in plan.seeds
        for row, settings in rows.items()
    ]
    # Every row and every seed is loaded now, to find mistakes before the first run.
    loaded = [*runs[: len(rows)], *runs[len(rows) :: len(rows)]]
    splits = [_validation_split(run.load_recipe()) for run in loaded]
    for run, split in zip(loaded, splits, strict=True):
        if split != splits[0]:
            raise RecipeError(
                f"{path}: the rows {run.row!r} and {runs[0].row!r} have different validation faces, so they cannot be "
                "compared face by face; change scheme, val_fraction, data_root and data in settings, for all rows"
            )
    return runs


def _validation_split(recipe: Recipe) -> Any:
    """Return everything that determines the validation faces."""
    sources = [(source.path, source.subset, source.scheme) for source in recipe.data if not source.pseudo_labels]
    return recipe.scheme, recipe.val_fraction, recipe.data_root, sources
