"""The recipe of a training round of `facelattice annotate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facelattice.datasets.sample import Sample
from facelattice.datasets.sampling import split_validation
from facelattice.formats.names import relative_path
from facelattice.inference.model_zoo import list_models
from facelattice.schemes import SCHEMES, Scheme

CROPS_PER_EPOCH = 128  # minimum number, by repeating faces, as each epoch ends with a validation and a checkpoint
VAL_FRACTIONS = (0.2, 0.25, 0.3, 0.15, 0.4, 0.1, 0.5, 0.05, 0.6, 0.7)  # in order of preference


def recipe_text(out: Path, table: Path, scheme: Scheme, base: str, epochs: int, samples: Sequence[Sample]) -> str:
    """Return the recipe of a round. Its network is that of the model that it starts from.

    Args:
        out: The folder of the recipe, to which paths are relative. It contains the scheme if that is not built in.
        table: The annotated faces.
        scheme: The point scheme.
        base: A bundled model or a model file.
        epochs: Number of epochs.
        samples: The faces that are done.
    """
    values: dict[str, Any] = {
        "name": table.stem,
        "scheme": scheme.name if scheme.name in SCHEMES else "scheme.yaml",
        "data": [
            {
                "name": f"annotated with facelattice: {table.name}", "path": relative_path(table, out),
                "repeat": count_repeats(len(samples)),
            }
        ],
        "epochs": epochs, "batch_size": 8, "val_fraction": choose_val_fraction(samples), "precision": "fp32",
        "init_from": base if base in list_models() else relative_path(base, out),
        "optimizer": {"ema_decay": 0.99},
    }  # fmt: skip
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in values.items()]
    return f"# {len(samples)} faces, written by facelattice annotate\n{''.join(lines)}"


def count_repeats(num_faces: int) -> int:
    """Return the number of times that an epoch uses each face."""
    return max(1, round(CROPS_PER_EPOCH / num_faces))


def choose_val_fraction(samples: Sequence[Sample]) -> float | None:
    """Return a fraction of faces for validation that leaves faces on both sides; None if there is none.

    The side of a face depends on the name of its image, so with few images a fraction may leave one side empty.
    """
    for fraction in VAL_FRACTIONS:
        train, val = split_validation(list(samples), fraction)
        if len(val) >= min(2, len(samples) // 5) and len(train) >= max(2, len(samples) // 2) and val:
            return fraction
    return None
