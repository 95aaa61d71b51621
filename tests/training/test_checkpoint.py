import numpy as np
import pytest
import torch

from facelattice.exceptions import CheckpointError
from facelattice.training.checkpoint import Checkpoint


def checkpoint(**changes) -> Checkpoint:
    return Checkpoint("name: tiny", {"faces": {}}, {"a": torch.arange(3.0)}, 2, 0.04, **changes)


def test_save_and_load(tmp_path):
    checkpoint(error_scale=1.1).save(tmp_path / "best.pt")
    loaded = Checkpoint.load(tmp_path / "best.pt")
    assert (loaded.recipe, loaded.epoch, loaded.val_nme, loaded.error_scale) == ("name: tiny", 2, 0.04, 1.1)
    assert loaded.ema_weights["a"].tolist() == [0, 1, 2]
    assert loaded.weights is None
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


@pytest.mark.parametrize("key", ["recipe", "metadata", "ema_weights", "epoch", "val_nme"])
@pytest.mark.parametrize("value", [None, [1]])
def test_missing_or_wrong_entries_are_rejected(tmp_path, key, value):
    torch.save(vars(checkpoint()) | {key: value}, tmp_path / "wrong.pt")
    with pytest.raises(CheckpointError, match=r"wrong.pt: not a checkpoint of this version"):
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
