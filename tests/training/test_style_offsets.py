"""Offsets of annotation styles."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from facelattice.training.prepare import load_training_data
from facelattice.training.recipe_file import load_recipe
from facelattice.training.style_offsets import fit_style_offsets


def test_offset_is_the_median_of_annotated_faces(write_recipe):
    recipe = load_recipe(write_recipe(), ["network.annotation_styles=[left, right, unused]"])
    size, data = recipe.network.crop_size, load_training_data(recipe)
    kinds = ["left", "right", "pseudo-label"]
    train = [
        replace(face, annotation_style=kinds[i % 3].replace("pseudo-label", "left"))
        for i, face in enumerate(data.train)
    ]
    data = replace(
        data,
        train=train,
        val=[replace(face, annotation_style="right") for face in data.val],
        annotated=np.array([kinds[i % 3] != "pseudo-label" for i in range(len(train))]),
    )
    assert len(train) > 3

    def predict(face):
        shift = {0: [2, -1], 1: [-3, 0]}[face["style"]]
        return face["points"].numpy() - np.array(shift)

    assert fit_style_offsets(predict, data, recipe) == {
        "left": pytest.approx([2 / size, -1 / size], abs=1e-5),
        "right": pytest.approx([-3 / size, 0], abs=1e-5),
    }


def test_no_styles_no_progress_bar(write_recipe, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    recipe = load_recipe(write_recipe())
    assert fit_style_offsets(lambda face: face["points"].numpy(), load_training_data(recipe), recipe) == {}
    assert capsys.readouterr().err == ""
