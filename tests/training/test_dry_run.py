from __future__ import annotations

import re
import shutil

import pytest
import torch

from facelattice.exceptions import DataError, TrainingError
from facelattice.training import dry_run, trainer
from facelattice.training.dry_run import check_run, format_seconds
from facelattice.training.prepare import load_training_data
from facelattice.training.recipe_file import load_recipe
from facelattice.training.training_run import train


def test_check_prints_the_run_and_writes_nothing(write_recipe, tmp_path, monkeypatch, capsys):
    recipe = write_recipe()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    check_run(recipe, ["epochs=5"], tmp_path / "run")
    assert sorted(tmp_path.rglob("*")) == before
    shown = capsys.readouterr().out
    assert shown.startswith("8 training faces (8 crops per epoch), 4 validation faces\n")
    assert "make 10 steps in all, too few to learn" in shown
    assert re.search(r"^scheme ibug68, 68 points; [\d,]+ parameters; crops of 64 x 64 px$", shown, re.MULTILINE)
    assert "\n2 steps per epoch, 10 in 5 epochs\n" in shown
    assert re.search(r"^a step works: loss [\d.]+, finite gradients; \d+ ms per step$", shown, re.MULTILINE)
    last = f"nothing was written; training would write {tmp_path}/run, and take about "
    assert re.fullmatch(re.escape(last) + r"\d+ s and the time of the validation", shown.splitlines()[-1])


def test_check_of_a_run_to_continue(write_recipe, tmp_path, monkeypatch, capsys):
    recipe, out = write_recipe(), tmp_path / "run"

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer.RunLog, "show_epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, [], out)
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    capsys.readouterr()
    check_run(recipe, [], out, resume=True)
    assert f"training would continue the run in {out} at epoch 2" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    with pytest.raises(TrainingError, match="exists: continue with --resume"):
        check_run(recipe, [], out)
    train(recipe, [], out, resume=True)
    check_run(recipe, [], out, resume=True)
    assert f"the run in {out} is finished; nothing was written" in capsys.readouterr().out


def test_check_finds_what_would_stop_the_training(write_recipe, faces, tmp_path, monkeypatch, capsys):
    with pytest.raises(DataError, match="no such file"):
        check_run(write_recipe(data=[{"path": str(tmp_path / "gone"), "name": "none"}]), [], tmp_path / "run")
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}])
    data = load_training_data(load_recipe(recipe))
    data.train[0].path.write_bytes(b"no image")
    check_run(recipe, [], tmp_path / "run")
    assert f"would be left out: {data.train[0].path}" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "isfinite", lambda values: torch.zeros_like(values, dtype=torch.bool))
        with pytest.raises(TrainingError, match=r"the loss became .* in epoch 1, step 1. A lower"):
            check_run(recipe, [], tmp_path / "run")
    for sample in data.val:
        sample.path.write_bytes(b"")
    with pytest.raises(TrainingError, match="none of the validation images can be read; the first: "):
        check_run(recipe, [], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_timed_steps_end_early_if_they_are_slow(write_recipe, tmp_path, monkeypatch):
    steps = []
    train_epoch = trainer.Trainer.train_epoch

    def counted(self, epoch):
        for losses in train_epoch(self, epoch):
            steps.append(losses)
            yield losses

    monkeypatch.setattr(trainer.Trainer, "train_epoch", counted)
    check_run(write_recipe(), [], tmp_path / "run")
    assert len(steps) == 1 + dry_run.NUM_TIMED_STEPS
    steps.clear()
    monkeypatch.setattr(dry_run, "MAX_SECONDS", 0.0)
    check_run(write_recipe(batch_size=8), [], tmp_path / "run")  # one step per epoch
    assert len(steps) == 2


def test_seconds():
    assert (format_seconds(0.0404), format_seconds(1.26)) == ("40 ms", "1.3 s")
