"""Training on 12 small faces: resumed after kill -9, in two processes, and with bad input."""

from __future__ import annotations

import csv
import math
import multiprocessing
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

import facelattice
from facelattice.cli import app
from facelattice.datasets.sampling import EpochBatchSampler
from facelattice.exceptions import CheckpointError, DataError, TrainingError
from facelattice.formats import write_pts
from facelattice.image_io import load_image
from facelattice.training import trainer, training_run
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.onnx_export import export
from facelattice.training.prepare import load_training_data
from facelattice.training.recipe_file import load_recipe
from facelattice.training.training_run import train

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}

# A run that kills itself with SIGKILL in the given step, or before the given checkpoint is renamed.
KILLED = """
import os, signal, sys
from pathlib import Path
from facelattice.training import trainer, training_run

recipe, out, what, count = sys.argv[1:]
losses, replace, left = trainer.sdfl_losses, os.replace, int(count)

def countdown(kind):
    global left
    left -= what == kind
    return what == kind and left == 0

def dying_losses(*arguments):
    if countdown("step"):
        os.kill(os.getpid(), signal.SIGKILL)
    return losses(*arguments)

def dying_replace(source, target):
    if target.name == "last.pt" and countdown("save"):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

trainer.sdfl_losses, os.replace = dying_losses, dying_replace
training_run.train(recipe, [], Path(out), resume=True)
"""


def log(out: Path) -> list[dict[str, float]]:
    with open(out / "log.csv", encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def assert_same_weights(a: Path, b: Path) -> None:
    first, second = Checkpoint.load(a / "last.pt"), Checkpoint.load(b / "last.pt")
    assert first.epoch == second.epoch
    for weights, others in ((first.weights, second.weights), (first.ema_weights, second.ema_weights)):
        assert weights.keys() == others.keys()
        assert [key for key, value in weights.items() if not torch.equal(value, others[key])] == []


def stop_in_step(monkeypatch, step: int) -> None:
    """Raise KeyboardInterrupt in this step of the next run, counted from 1."""
    calls, losses = iter(range(1, step + 1)), trainer.sdfl_losses

    def stopping(*arguments):
        if next(calls) == step:
            monkeypatch.setattr(trainer, "sdfl_losses", losses)
            raise KeyboardInterrupt
        return losses(*arguments)

    monkeypatch.setattr(trainer, "sdfl_losses", stopping)


def test_run_writes_recipe_log_pictures_and_checkpoints(write_recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training_run, "MAX_USEFUL_NME", 10.0)
    recipe, out = write_recipe(), tmp_path / "run 1"
    assert train(recipe, ["epochs=3"], out) == out / "best.pt"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "8 training faces (8 crops per epoch), 4 validation faces"
    assert lines[1] == "29 mirror pairs, 10 points without a partner; names: facelattice schemes ibug68"
    start = next(i for i, line in enumerate(lines) if line.startswith("  "))
    assert lines[start].split() == ["points", "relative", "located", "uncert.", "visible", "NME", "left"]
    epochs = lines[start + 1 : start + 4]
    assert [line[:9] for line in epochs] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert epochs[0].endswith(" best")
    assert max(map(len, epochs)) <= 80
    assert lines[-4:] == [
        "next:",
        f"  facelattice export '{out}/best.pt' -o 'run 1.onnx'",
        "  facelattice evaluate 'run 1.onnx' TEST_FACES",
        "  facelattice align PHOTO --model 'run 1.onnx'",
    ]
    assert load_recipe(out / "recipe.yaml") == load_recipe(recipe, ["epochs=3"])
    rows = log(out)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    board = EventAccumulator(str(out / "tensorboard"), {"images": 0}).Reload()
    assert [event.step for event in board.Scalars("val_nme")] == [1, 2, 3]
    sizes = {"train_batch": (4 * 192, 192), "val_predictions": (2 * 320 * 2 + 18, 18 + 2 * 178)}
    for name, size in sizes.items():
        assert load_image(out / f"{name}.png").shape[1::-1] == size
        assert board.Images(name)[0].step == 1
        assert (board.Images(name)[0].width, board.Images(name)[0].height) == size
    assert load_image(out / "results.png").std() > 5
    best = Checkpoint.load(out / "best.pt")
    assert best.val_nme == min(row["val_nme"] for row in rows)
    assert best.epoch == min(rows, key=lambda row: row["val_nme"])["epoch"]
    last = Checkpoint.load(out / "last.pt")
    assert last.epoch == 3
    assert last.metadata["faces"] == {"train": 8, "val": 4}


@pytest.mark.slow
def test_killed_and_resumed_run_ends_with_the_same_weights(write_recipe, tmp_path):
    recipe, out = write_recipe(epochs=3, num_workers=1), tmp_path / "killed"
    # Two steps an epoch: the third is the first of epoch 2. The second run's first last.pt is that of epoch 2.
    for what, count in (("step", 3), ("save", 1)):
        command = [sys.executable, "-c", KILLED, str(recipe), str(out), what, str(count)]
        killed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert Checkpoint.load(out / "last.pt").epoch == 1
    train(recipe, [], out, resume=True)
    train(recipe, [], tmp_path / "uninterrupted")
    assert_same_weights(out, tmp_path / "uninterrupted")
    for ours, theirs in zip(log(out), log(tmp_path / "uninterrupted"), strict=True):
        assert ours | {"images_per_second": 0} == theirs | {"images_per_second": 0}


def test_resuming_a_finished_run_changes_nothing(write_recipe, tmp_path):
    recipe, out = write_recipe(epochs=1), tmp_path / "run"
    train(recipe, [], out)
    before = {name: (out / name).read_bytes() for name in ("last.pt", "best.pt", "log.csv", "recipe.yaml")}
    assert train(recipe, [], out, resume=True) == out / "best.pt"
    assert before == {name: (out / name).read_bytes() for name in before}


def test_number_of_workers_changes_nothing(write_recipe, tmp_path):
    recipe = write_recipe()
    train(recipe, ["num_workers=0"], tmp_path / "none")
    train(recipe, ["num_workers=2"], tmp_path / "two")
    assert_same_weights(tmp_path / "none", tmp_path / "two")


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_workers_end_with_the_run_while_its_trainer_is_referenced(write_recipe, tmp_path, monkeypatch, is_interrupted):
    run = training_run.prepare_run(write_recipe(epochs=1), ["num_workers=2"], tmp_path / "run")
    if is_interrupted:
        monkeypatch.setattr(trainer, "sdfl_losses", interrupt)
        with pytest.raises(KeyboardInterrupt) as error:  # its traceback references the iterator of the loader
            run.fit()
        assert error.tb is not None
    else:
        run.fit()
    assert multiprocessing.active_children() == []
    assert run.loader.num_workers == 2


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_seed_changes_the_weights(write_recipe, tmp_path):
    recipe = write_recipe(epochs=1)
    train(recipe, [], tmp_path / "a")
    train(recipe, ["seed=1"], tmp_path / "b")
    a, b = (Checkpoint.load(tmp_path / name / "last.pt").weights for name in "ab")
    assert not all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.slow
def test_two_processes_do_what_one_does(write_recipe, tmp_path):
    # A smooth loss and two small steps of SGD: more, or others, magnify rounding (up to 2e-4 in a second epoch).
    # A real fault is far larger: statistics of one process's half of a batch change the loss by 1e-3.
    overrides = ["epochs=1", "loss.function=soft_wing_smooth", "optimizer.name=momentum"]
    recipe = write_recipe()
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    arguments = ["-m", "facelattice", "train", str(recipe), *overrides, "--out"]
    environment = {**ENVIRONMENT, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    for start, out, count in (([], "one", 1), (launch, "two", 2)):
        command = [sys.executable, *start, *arguments, str(tmp_path / out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"device: cpu, processes: {count}" in done.stdout
    one, two = log(tmp_path / "one"), log(tmp_path / "two")
    assert len(one) == len(two) == 1
    for key in one[0].keys() - {"images_per_second"}:
        assert [row[key] for row in two] == pytest.approx([row[key] for row in one], rel=1e-4), key


def test_batch_size_must_be_a_multiple_of_the_processes():
    with pytest.raises(ValueError, match=r"4 faces .*3 processes"):
        EpochBatchSampler(np.arange(8), 4, seed=0, rank=0, world_size=3)


@pytest.mark.parametrize("batch_size", [4, 8])  # two steps per epoch, or one, which no loss follows
def test_divergence_ends_the_run_and_keeps_the_last_good_checkpoint(write_recipe, tmp_path, batch_size):
    out, explode = tmp_path / "run", {"schedule": "step", "warmup_epochs": 0, "milestones": [1], "decay_factor": 1e30}
    with pytest.raises(TrainingError, match="epoch"):
        train(write_recipe(optimizer=explode, batch_size=batch_size, epochs=4), [], out)
    for name in ("last.pt", "best.pt"):
        state = Checkpoint.load(out / name)
        assert state.epoch == 1
        assert all(value.isfinite().all() for value in state.ema_weights.values())
    assert len(log(out)) == 1


def test_full_disk_ends_the_run_and_keeps_the_last_good_checkpoint(write_recipe, tmp_path, monkeypatch):
    recipe, out = write_recipe(), tmp_path / "run"
    stop_in_step(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, [], out)
    before = (out / "last.pt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))  # now writing fails as on a full disk
    try:
        with pytest.raises(TrainingError, match=r"cannot write to .*run: File too large.*--resume"):
            train(recipe, [], out, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (out / "last.pt").read_bytes() == before
    assert not list(out.glob(".*"))  # no temporary files are left
    train(recipe, [], out, resume=True)
    assert Checkpoint.load(out / "last.pt").epoch == 2


def test_earlier_run_is_not_overwritten(write_recipe, tmp_path):
    recipe, out = write_recipe(epochs=1), tmp_path / "run"
    train(recipe, [], out)
    with pytest.raises(TrainingError, match="--resume"):
        train(recipe, [], out)
    differences = (
        r"another recipe: epochs is 2, there 1; optimizer.lr is 0.1, there 0.001. To continue that one: (.*); to"
    )
    with pytest.raises(TrainingError, match=differences) as raised:
        train(recipe, ["epochs=2", "optimizer.lr=0.1"], out, resume=True)
    command = shlex.split(re.search(differences, str(raised.value))[1])
    assert command[:2] == ["facelattice", "train"]
    continued = CliRunner().invoke(app, command[1:])
    assert continued.exit_code == 0, continued.output
    assert "nothing to resume" not in continued.output
    shown = CliRunner().invoke(app, ["train", str(recipe), "--out", str(out)])
    assert shown.exit_code == 2
    assert "--resume" in shown.stderr
    assert "Traceback" not in shown.output
    assert isinstance(shown.exception, SystemExit)


def test_resume_without_a_run_says_that_it_starts(write_recipe, tmp_path, capsys):
    recipe, out = write_recipe(epochs=1), tmp_path / "run"
    train(recipe, [], out, resume=True)
    assert f"nothing to resume in {out}: training starts at epoch 1\n" in capsys.readouterr().out
    train(recipe, [], out, resume=True)
    assert "nothing to resume" not in capsys.readouterr().out
    train(out / "recipe.yaml", [], tmp_path / "other", resume=True)  # the recorded recipe, but not --out
    shown = capsys.readouterr().out
    command = f"facelattice train {out}/recipe.yaml --out {out} --resume"
    assert f"training starts at epoch 1; to continue the run in {out}: {command}\n" in shown


def test_few_steps_and_a_large_error_are_reported(write_recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training_run, "MAX_USEFUL_NME", 0.0)
    train(write_recipe(), [], tmp_path / "run")
    lines = capsys.readouterr().out.splitlines()
    advice = "set repeat of the data, more epochs or a smaller batch_size"
    start = f"8 training faces and batch_size 4 make 4 steps in all, too few to learn; {advice}, for at least"
    assert [line.startswith(start) for line in lines].count(True) == 1
    assert lines[-1].startswith("this model is not useful: its NME on the validation faces is ")
    assert lines[-1].endswith(f"The run had 4 steps; {advice}. See whether the points are right in "
                              f"{tmp_path}/run/train_batch.png")  # fmt: skip
    assert "next:" not in lines
    monkeypatch.setattr(training_run, "MIN_STEPS", 4)
    train(write_recipe(), [], tmp_path / "enough")
    shown = capsys.readouterr().out
    assert "too few" not in shown
    assert "Start from a bundled model (init_from: ibug68-fast)" in shown


def test_run_is_resumed_after_its_folders_moved(write_recipe, faces, tmp_path):
    before = tmp_path / "before"
    shutil.copytree(faces, before / "faces")
    recipe = write_recipe(data=[{"path": "faces", "name": "tiny"}], epochs=1)
    shutil.move(recipe, before / "tiny.yaml")
    train(before / "tiny.yaml", [], before / "run")
    before.rename(tmp_path / "after")
    assert train(tmp_path / "after" / "tiny.yaml", [], tmp_path / "after" / "run", resume=True)


def test_run_is_not_resumed_with_other_faces(write_recipe, faces, tmp_path):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}], epochs=1)
    train(recipe, [], tmp_path / "run")
    (changed / "face00.pts").unlink()  # validation faces might be trained on now
    with pytest.raises(TrainingError, match=r"belongs to \d training and \d validation faces, but now"):
        train(recipe, [], tmp_path / "run", resume=True)


def test_run_is_resumed_without_the_model_that_it_started_from(write_recipe, faces, tmp_path):
    first = train(write_recipe(epochs=1, crop_margin=1.5), [], tmp_path / "first")
    recipe = tmp_path / "short.yaml"  # its network is that of the model
    recipe.write_text(
        f"scheme: ibug68\ndata: [{{path: {faces}, name: tiny}}]\ninit_from: {first}\n"
        "epochs: 1\nbatch_size: 4\nval_fraction: 0.4\nprecision: fp32\nnum_workers: 0\n"
    )
    train(recipe, [], tmp_path / "run")
    first.unlink()
    assert train(recipe, [], tmp_path / "run", resume=True)
    assert load_recipe(tmp_path / "run" / "recipe.yaml").crop_margin == 1.5
    with pytest.raises(CheckpointError, match="no such file"):
        train(recipe, ["network.pretrained=false"], tmp_path / "other", resume=True)


def test_damaged_checkpoint_is_not_resumed(write_recipe, tmp_path):
    recipe, out = write_recipe(epochs=1), tmp_path / "run"
    train(recipe, [], out)
    data = (out / "last.pt").read_bytes()
    for damaged in (data[: len(data) // 2], data[:100], b"text"):
        (out / "last.pt").write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"last.pt: not a checkpoint"):
            train(recipe, [], out, resume=True)


def test_best_checkpoint_is_not_resumed(write_recipe, tmp_path):
    recipe = write_recipe(epochs=1)
    train(recipe, [], tmp_path / "run")
    shutil.copy(tmp_path / "run" / "best.pt", tmp_path / "run" / "last.pt")
    with pytest.raises(TrainingError, match=r"last\.pt has no state to resume from; start from it with init_from="):
        train(recipe, [], tmp_path / "run", resume=True)


def test_unreadable_images_are_reported_once_and_left_out(write_recipe, faces, tmp_path, capsys):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}])
    data = load_training_data(load_recipe(recipe))
    for sample in (data.train[0], data.val[0]):
        sample.path.write_bytes(b"no image")
    train(recipe, [], tmp_path / "run")
    shown = capsys.readouterr().out
    assert shown.count("cannot be read") == 2
    assert shown.count(data.train[0].path.name) == shown.count(data.val[0].path.name) == 1
    assert len(log(tmp_path / "run")) == 2


@pytest.mark.parametrize(("part", "name"), [("train", "training"), ("val", "validation")])
def test_no_readable_images(write_recipe, faces, tmp_path, part, name):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(
        data=[{"path": str(changed), "name": "tiny"}], batch_size=6
    )  # an epoch does not use all faces
    for sample in getattr(load_training_data(load_recipe(recipe)), part):
        sample.path.write_bytes(b"")
    with pytest.raises(DataError, match=f"none of the {name} images can be read"):
        train(recipe, [], tmp_path / "run")
    assert not (tmp_path / "run" / "last.pt").exists()


def test_validation_faces_without_a_size_are_reported_once_and_left_out(write_recipe, faces, tmp_path, capsys):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}])
    val = [sample.path.with_suffix(".pts") for sample in load_training_data(load_recipe(recipe)).val]
    line = np.column_stack([np.full(68, 50), np.arange(68)])
    line[45] = line[36]  # and the eyes coincide
    write_pts(val[0], line)
    train(recipe, [], tmp_path / "run")
    shown = capsys.readouterr().out
    assert shown.count("no size to divide errors by") == shown.count(val[0].stem) == 1
    assert all(row["val_nme"] > 0 for row in log(tmp_path / "run"))
    export(tmp_path / "run" / "best.pt", tmp_path / "model.onnx", int8=True)  # it measures the same faces
    for path in val[1:]:
        write_pts(path, line)
    with pytest.raises(DataError, match="no validation face has a size"):
        train(recipe, [], tmp_path / "other")


def test_pairs_of_the_scheme_are_printed_and_checked(write_recipe, faces, tmp_path, capsys):
    scheme = tmp_path / "odd.yaml"
    names = [f"point_{i}" for i in range(68)]
    names[36], names[45] = "left_eye", "right_eye"
    scheme.write_text(f"name: odd\npoints: [{', '.join(names)}]\n")
    data = [{"path": str(faces), "name": "tiny", "scheme": str(scheme)}]
    train(write_recipe(scheme=str(scheme), data=data, epochs=1), [], tmp_path / "run")
    out = capsys.readouterr().out
    assert f"1 mirror pair, 66 points without a partner; names: facelattice schemes {scheme}" in out
    assert (
        "these points are beside the axis of the face and have no mirror partner; add them to `pairs`: point_0" in out
    )


def test_missing_data_is_an_error(write_recipe, faces, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: "):
        train(write_recipe(data=[{"path": str(tmp_path / "empty"), "name": "none"}]), [], tmp_path / "run")
    with pytest.raises(
        DataError, match=r"0 training faces and 12 validation faces.* 12 groups .*val_fraction \(0.999\)"
    ):
        train(write_recipe(val_fraction=0.999), [], tmp_path / "run")
    with pytest.raises(
        DataError, match=rf"data\[0\].path: {tmp_path}/emtpy: no such file or folder; did you mean empty\?"
    ):
        train(write_recipe(data=[{"path": str(tmp_path / "emtpy"), "name": "none"}]), [], tmp_path / "run")
    table = [{"path": str(faces), "name": "a"}, {"path": str(tmp_path / "b.csv"), "name": "b", "background": True}]
    with pytest.raises(DataError, match=r"data\[1\].path: .*b.csv: no such file"):
        train(write_recipe(data=table), [], tmp_path / "run")
    assert not (tmp_path / "run").exists()
