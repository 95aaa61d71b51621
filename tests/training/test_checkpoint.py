import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from facelattice.exceptions import CheckpointError
from facelattice.schemes import get_scheme
from facelattice.training.checkpoint import Checkpoint

METADATA = {
    "scheme": get_scheme("five").to_dict(), "graph": torch.eye(5, dtype=torch.bool), "graph_metadata": {},
    "detectors": {}, "data": [], "license": "MIT", "faces": {},
}  # fmt: skip
RECIPE = "name: tiny\nscheme: five\ndata: [{path: faces, name: faces}]\n"


def checkpoint(**changes) -> Checkpoint:
    return replace(Checkpoint(RECIPE, METADATA, {"a": torch.arange(3.0)}, 2, 0.04), **changes)


def test_save_and_load(tmp_path):
    checkpoint(error_scale=1.1).save(tmp_path / "best.pt")
    loaded = Checkpoint.load(tmp_path / "best.pt")
    assert (loaded.recipe, loaded.epoch, loaded.val_nme, loaded.error_scale) == (RECIPE, 2, 0.04, 1.1)
    assert loaded.ema_weights["a"].tolist() == [0, 1, 2]
    assert loaded.weights is None
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


@pytest.mark.parametrize("key", ["recipe", "metadata", "ema_weights", "epoch", "val_nme"])
@pytest.mark.parametrize("value", [None, [1]])
def test_missing_or_wrong_entries_are_rejected(tmp_path, key, value):
    torch.save(vars(checkpoint()) | {key: value}, tmp_path / "wrong.pt")
    with pytest.raises(CheckpointError, match=r"wrong.pt: not a checkpoint of this version"):
        Checkpoint.load(tmp_path / "wrong.pt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": RECIPE + "batch_size: many\n"}, "recipe: batch_size: Value 'many'"),
        ({"recipe": RECIPE + "batch_size: 0\n"}, "recipe: batch_size must be .*not 0"),
        ({"recipe": "a: b: c"}, "recipe: not valid YAML"),
        ({"recipe": "name: ${oc.env:HOME}"}, "only keys of the recipe can be inserted"),
        *(({"metadata": {**METADATA, key: None}}, rf"metadata\.{key} is None") for key in METADATA),
        ({"metadata": {**METADATA, "scheme": {"name": "a"}}}, "points: this key is missing"),
        ({"metadata": {**METADATA, "graph": torch.zeros(5, 4)}}, "not a matrix of 5 x 5 booleans"),
        ({"metadata": {**METADATA, "faces": {"train": torch.zeros(1)}}}, "not JSON serializable"),
        ({"ema_weights": {"a": "text"}}, "the weights are not tensors"),
        ({"weights": {"a": None}}, "the weights are not tensors"),
        ({"weights": [1]}, "the weights are not tensors"),
        ({"ema_weights": {5: torch.zeros(1)}}, "the weights are not tensors with names"),
        *(({"history": [row]}, "val_nme") for row in ({}, {"val_nme": "x"})),
        ({"history": [1]}, "not subscriptable"),
        ({"error_scale": "large"}, "error_scale is 'large'"),
    ],
)
def test_damaged_contents_are_rejected(tmp_path, changes, message):
    torch.save(vars(checkpoint(**changes)), tmp_path / "wrong.pt")
    with pytest.raises(
        CheckpointError, match=rf"wrong\.pt: not a checkpoint of this version of facelattice: .*{message}"
    ):
        Checkpoint.load(tmp_path / "wrong.pt")


def test_other_files_are_rejected(tmp_path):
    with pytest.raises(CheckpointError, match="no such"):
        Checkpoint.load(tmp_path / "gone.pt")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        Checkpoint.load(tmp_path / "other.pt")
    rng = np.random.default_rng(0)
    for size in (0, 1, 10, 1000):
        (tmp_path / "noise.pt").write_bytes(rng.bytes(size))
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            Checkpoint.load(tmp_path / "noise.pt")


@pytest.mark.parametrize("size", [1000, 30_000])  # torch raises an OSError without a name, and another error
def test_truncated_checkpoints_are_rejected(tmp_path, size):
    checkpoint(weights={"a": torch.zeros(10_000)}).save(tmp_path / "last.pt")
    os.truncate(tmp_path / "last.pt", size)
    with pytest.raises(CheckpointError, match=r"last\.pt: not a checkpoint of facelattice, or damaged"):
        Checkpoint.load(tmp_path / "last.pt")
