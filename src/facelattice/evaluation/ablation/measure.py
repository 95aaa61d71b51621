"""Measure a trained network of an ablation on its validation and test faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import Sample, convert_samples
from facelattice.evaluation.ablation.plan import LOCATED, LOCATED_OCCLUDED, OCCLUDED, VALIDATION, VISIBLE, TestFaces
from facelattice.evaluation.provenance import data_digest
from facelattice.evaluation.robustness import PerturbedErrors, perturbed_errors
from facelattice.evaluation.robustness_curves import network_predictor
from facelattice.schemes import get_scheme
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import Recipe, recipe_from_yaml
from facelattice.training.onnx_export import load_network
from facelattice.training.prepare import load_training_data

OCCLUDED_FRACTION = 0.3  # of the landmarks are under a patch with another face


def measure_checkpoint(path: Path, tests: list[TestFaces]) -> dict[str, Any]:
    """Measure the averaged weights of a checkpoint.

    Args:
        path: The checkpoint.
        tests: Faces to measure in addition to the validation faces.

    Returns:
        Plain values: the recipe, the digests of the faces, the number of parameters, and under "nme" the NME of each
        face by measure. "located" and "located occluded" are measured on the positions before the graph, which only the
        located embedding has.
    """
    checkpoint = Checkpoint.load(path)
    recipe = recipe_from_yaml(checkpoint.recipe)
    network = load_network(checkpoint, recipe)
    outputs = ("points", "located_points") if recipe.network.embedding == "located" else ("points",)
    faces = load_faces(recipe, tests)

    def errors(samples: list[Sample], fraction: float = 0.0) -> list[PerturbedErrors]:
        predictors = [network_predictor(network, output) for output in outputs]
        crop = recipe.network.crop_size, recipe.crop_margin
        return perturbed_errors(predictors, samples, *crop, "patch: face", fraction)

    plain, patched = errors(faces[VALIDATION]), errors(faces[VALIDATION], OCCLUDED_FRACTION)
    nme = {VALIDATION: plain[0].all, OCCLUDED: patched[0].occluded, VISIBLE: patched[0].visible}
    if len(outputs) > 1:
        nme |= {LOCATED: plain[1].all, LOCATED_OCCLUDED: patched[1].occluded}
    for test in tests:
        nme[test.name] = errors(faces[test.name])[0].all
    return {
        "recipe": checkpoint.recipe,
        "faces": face_digests(faces),
        "num_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "nme": {name: [None if np.isnan(v) else float(v) for v in values] for name, values in nme.items()},
    }


def load_faces(recipe: Recipe, tests: list[TestFaces]) -> dict[str, list[Sample]]:
    """Read the validation faces and the test faces, by name.

    Raises:
        DataError: If the faces cannot be read.
    """
    scheme, root = get_scheme(recipe.scheme), Path(recipe.data_root)
    faces = {
        test.name: convert_samples(read_samples_for(scheme, root / test.path, test.subset), scheme, None)
        for test in tests
    }
    return {VALIDATION: load_training_data(recipe).val, **faces}


def face_digests(faces: dict[str, list[Sample]]) -> dict[str, str]:
    """Return the digest of the faces by name, to detect changes of the data."""
    return {name: data_digest(samples) for name, samples in faces.items()}
