"""Training on 12 small faces, for real: resumed after kill -9, in two processes, and with what can go wrong."""

from __future__ import annotations

import copy
import csv
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn
from typer.testing import CliRunner

import facelattice
from facelattice.cli import app
from facelattice.datasets.sampling import EpochBatchSampler
from facelattice.exceptions import CheckpointError, DataError, TrainingError
from facelattice.formats import write_pts
from facelattice.modeling.sdfl import Prediction
from facelattice.training import checkpoint, trainer
from facelattice.training.config import OptimizerConfig, load_recipe
from facelattice.training.onnx_export import export
from facelattice.training.precision import depthwise_in_float32
from facelattice.training.prepare import load_training_data
from facelattice.training.sync_batchnorm import GlobalBatchNorm, convert_sync_batchnorm
from facelattice.training.trainer import rate, train

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}

# A run that kills itself with SIGKILL in the given step, or before the given checkpoint gets its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from facelattice.training import fit

recipe, out, what, count = sys.argv[1:]
objective, replace, left = trainer.objective, os.replace, int(count)

def countdown(kind):
    global left
    left -= what == kind
    return what == kind and left == 0

def dying_objective(*arguments):
    if countdown("step"):
        os.kill(os.getpid(), signal.SIGKILL)
    return objective(*arguments)

def dying_replace(source, target):
    if target.name == "last.pt" and countdown("save"):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

trainer.objective, os.replace = dying_objective, dying_replace
trainer.train(recipe, [], Path(out), resume=True)
"""


def log(out: Path) -> list[dict[str, float]]:
    with open(out / "log.csv", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def assert_same_weights(a: Path, b: Path) -> None:
    first, second = checkpoint.load(a / "last.pt"), checkpoint.load(b / "last.pt")
    assert first["epoch"] == second["epoch"]
    for part in ("model", "ema"):
        assert first[part].keys() == second[part].keys()
        assert [key for key, value in first[part].items() if not torch.equal(value, second[part][key])] == []


def stop_in_step(monkeypatch, step: int) -> None:
    """Lets training end with a KeyboardInterrupt in that step of the next run, counted from 1."""
    calls, objective = iter(range(1, step + 1)), trainer.objective

    def stopping(*arguments):
        if next(calls) == step:
            monkeypatch.setattr(trainer, "objective", objective)
            raise KeyboardInterrupt
        return objective(*arguments)

    monkeypatch.setattr(trainer, "objective", stopping)


def test_the_objective_by_hand(write_recipe):
    weights = {"points": "soft_wing", "relative": 2.0, "anchors": 0.25, "errors": 3.0}
    recipe = load_recipe(write_recipe(size=64, loss=weights))  # where 1 px is 4 px of a crop of 256
    truth = torch.tensor([[[20.0, 20], [40, 20], [30, 50]]])
    points, anchors = truth.clone(), truth + torch.tensor([0, -0.25])
    points[0, 0, 0] += 1
    batch = {"points": truth, "mask": torch.ones(1, 3, dtype=torch.bool)}
    batch |= {"annotated": torch.tensor([True]), "background": torch.tensor([False])}
    relation = torch.tensor([[1.0, -1, 0], [-1, 1, 0], [0, -1, 1]])
    parts = trainer.objective(Prediction(points, torch.full((1, 3), 2.0), anchors, None), batch, recipe, relation)
    four = 2 + 20 * math.log(4.5 / 2.5)  # what the loss makes of 4 px
    assert parts["points"].item() == pytest.approx(four / 6)
    assert parts["relative"].item() == pytest.approx(2 * (four + four) / 6)  # the point, and the one that hears it
    assert parts["anchors"].item() == pytest.approx(0.25 * 3 / 6)  # 1 px up for each of three
    # Of 2 px expected, 1 px of the crop and twice the least distance, 0.1.
    assert parts["errors"].item() == pytest.approx(3 * ((1 + 0.1 + 0.1) / 2 + 3 * math.log(2)) / 3)


def test_a_run_writes_its_recipe_log_and_checkpoints(write_recipe, tmp_path):
    recipe, out = write_recipe(), tmp_path / "run"
    assert train(recipe, ["epochs=3"], out) == out / "best.pt"
    assert load_recipe(out / "recipe.yaml") == load_recipe(recipe, ["epochs=3"])
    rows = log(out)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert list((out / "tensorboard").iterdir())
    best = checkpoint.load(out / "best.pt")
    assert best["nme"] == min(row["nme"] for row in rows)
    assert best["epoch"] == min(rows, key=lambda row: row["nme"])["epoch"]
    last = checkpoint.load(out / "last.pt")
    assert last["epoch"] == 3
    assert last["info"]["faces"] == {"training": 8, "held out": 4}


def test_killed_and_resumed_a_run_ends_with_the_same_weights(write_recipe, tmp_path):
    recipe, out = write_recipe(epochs=3, workers=1), tmp_path / "killed"
    # Two steps an epoch: the third is the first of epoch 2. The second run's first last.pt is that of epoch 2.
    for what, count in (("step", 3), ("save", 1)):
        command = [sys.executable, "-c", KILLED, str(recipe), str(out), what, str(count)]
        killed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert checkpoint.load(out / "last.pt")["epoch"] == 1
    train(recipe, [], out, resume=True)
    train(recipe, [], tmp_path / "unbroken")
    assert_same_weights(out, tmp_path / "unbroken")
    for ours, theirs in zip(log(out), log(tmp_path / "unbroken"), strict=True):
        assert ours | {"images_per_second": 0} == theirs | {"images_per_second": 0}


def test_a_finished_run_resumed_changes_nothing(write_recipe, tmp_path):
    recipe, out = write_recipe(), tmp_path / "run"
    train(recipe, [], out)
    before = {name: (out / name).read_bytes() for name in ("last.pt", "best.pt", "log.csv", "recipe.yaml")}
    assert train(recipe, [], out, resume=True) == out / "best.pt"
    assert before == {name: (out / name).read_bytes() for name in before}


def test_the_number_of_workers_changes_nothing(write_recipe, tmp_path):
    recipe = write_recipe()
    train(recipe, ["workers=0"], tmp_path / "none")
    train(recipe, ["workers=2"], tmp_path / "two")
    assert_same_weights(tmp_path / "none", tmp_path / "two")


def test_the_seed_changes_the_weights(write_recipe, tmp_path):
    recipe = write_recipe()
    train(recipe, [], tmp_path / "a")
    train(recipe, ["seed=1"], tmp_path / "b")
    a, b = (checkpoint.load(tmp_path / name / "last.pt")["model"] for name in "ab")
    assert not all(torch.equal(a[key], b[key]) for key in a)


def test_two_processes_do_what_one_does(write_recipe, tmp_path):
    # A smooth loss and four small steps of SGD: more, or others, magnify rounding (5e-7 here, 2e-5 in a third epoch).
    # A real fault is far larger: statistics of one process's half of a batch change the loss by 1e-3.
    overrides = ["epochs=2", "loss.points=soft_wing_smooth", "optimizer.name=momentum"]
    recipe = write_recipe()
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    arguments = ["-m", "facelattice", "train", str(recipe), *overrides, "--out"]
    environment = {**ENVIRONMENT, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    for start, out, count in (([], "one", 1), (launch, "two", 2)):
        command = [sys.executable, *start, *arguments, str(tmp_path / out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"device cpu, processes: {count}" in done.stdout
    one, two = log(tmp_path / "one"), log(tmp_path / "two")
    assert len(one) == len(two) == 2
    for key in one[0].keys() - {"images_per_second"}:
        assert [row[key] for row in two] == pytest.approx([row[key] for row in one], rel=1e-5), key


def test_a_batch_that_processes_cannot_share():
    with pytest.raises(ValueError, match="a batch of 4 faces cannot be shared by 3 processes"):
        EpochBatchSampler(np.arange(8), 4, seed=0, rank=0, world=3)


@pytest.mark.parametrize(
    ("norm", "shape"), [(nn.BatchNorm2d(5), (4, 5, 3, 3)), (nn.BatchNorm1d(5), (8, 5)), (nn.BatchNorm1d(5), (4, 5, 6))]
)
def test_global_batch_norm_in_one_process_is_batch_norm(tmp_path, norm, shape):
    module = nn.Sequential(copy.deepcopy(norm))
    convert_sync_batchnorm(module)
    assert isinstance(module[0], GlobalBatchNorm)
    assert module.state_dict().keys() == nn.Sequential(norm).state_dict().keys()
    x = 1000 + torch.randn(shape, generator=torch.Generator().manual_seed(0))  # large beside its deviation
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        y = module(ours)
        (y**3).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    expected = norm(theirs)
    (expected**3).sum().backward()
    torch.testing.assert_close(y, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(dict(module[0].named_buffers()), dict(norm.named_buffers()), rtol=1e-4, atol=1e-4)


def test_global_batch_norm_takes_bf16_as_batch_norm_does(tmp_path):
    norm = nn.BatchNorm2d(5)
    module = nn.Sequential(copy.deepcopy(norm))
    convert_sync_batchnorm(module)
    x = (3 + 2 * torch.randn(4, 5, 6, 6, generator=torch.Generator().manual_seed(0))).bfloat16()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        y = module(ours)
        (y.float() ** 3).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    expected = norm(theirs)
    (expected.float() ** 3).sum().backward()
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, expected, rtol=0.01, atol=0.02)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0.02, atol=0.05)
    torch.testing.assert_close(module[0].weight.grad, norm.weight.grad, rtol=0.01, atol=0.1)
    torch.testing.assert_close(dict(module[0].named_buffers()), dict(norm.named_buffers()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [4, 8])  # two steps an epoch, or one, after which there is no loss to look at
def test_nan_loss_ends_the_run_and_leaves_the_last_good_checkpoint(write_recipe, tmp_path, batch):
    out, explode = tmp_path / "run", {"schedule": "step", "warmup": 0, "milestones": [1], "factor": 1e30}
    with pytest.raises(TrainingError, match="epoch"):
        train(write_recipe(optimizer=explode, batch=batch, epochs=4), [], out)
    for name in ("last.pt", "best.pt"):
        state = checkpoint.load(out / name)
        assert state["epoch"] == 1
        assert all(value.isfinite().all() for value in state["ema"].values())
    assert len(log(out)) == 1


def test_a_full_disk_ends_the_run_and_leaves_the_last_good_checkpoint(write_recipe, tmp_path, monkeypatch):
    recipe, out = write_recipe(), tmp_path / "run"
    stop_in_step(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, [], out)
    before = (out / "last.pt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))  # from here on writing fails, as on a full disk
    try:
        with pytest.raises(TrainingError, match=r"cannot write to .*run: File too large.*--resume"):
            train(recipe, [], out, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (out / "last.pt").read_bytes() == before
    assert not list(out.glob(".*"))  # nothing half written is left to fill the disk further
    train(recipe, [], out, resume=True)
    assert checkpoint.load(out / "last.pt")["epoch"] == 2


def test_a_folder_that_holds_a_run_is_not_overwritten(write_recipe, tmp_path):
    recipe, out = write_recipe(epochs=1), tmp_path / "run"
    train(recipe, [], out)
    with pytest.raises(TrainingError, match="--resume"):
        train(recipe, [], out)
    with pytest.raises(TrainingError, match="another recipe"):
        train(recipe, ["epochs=2"], out, resume=True)
    shown = CliRunner().invoke(app, ["train", str(recipe), "--out", str(out)])
    assert shown.exit_code == 2
    assert "--resume" in shown.stderr
    assert "Traceback" not in shown.output
    assert isinstance(shown.exception, SystemExit)


def test_a_run_is_not_gone_on_with_other_faces(write_recipe, faces, tmp_path):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}], epochs=1)
    train(recipe, [], tmp_path / "run")
    (changed / "face00.pts").unlink()  # what was held out might be trained on now
    with pytest.raises(TrainingError, match=r"made with \d faces and \d held out, but there are \d and \d now"):
        train(recipe, [], tmp_path / "run", resume=True)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data[:100], lambda data: b"text"])
def test_a_damaged_checkpoint(write_recipe, tmp_path, damage):
    recipe, out = write_recipe(epochs=1), tmp_path / "run"
    train(recipe, [], out)
    (out / "last.pt").write_bytes(damage((out / "last.pt").read_bytes()))
    with pytest.raises(CheckpointError, match=r"last.pt: not a checkpoint"):
        train(recipe, [], out, resume=True)


def test_other_files_are_no_checkpoints(tmp_path):
    with pytest.raises(CheckpointError, match="no such"):
        checkpoint.load(tmp_path / "gone.pt")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "other.pt")
    rng = np.random.default_rng(0)
    for size in (0, 1, 10, 1000):
        (tmp_path / "noise.pt").write_bytes(rng.bytes(size))
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            checkpoint.load(tmp_path / "noise.pt")


def test_unreadable_images_are_named_once_and_left_out(write_recipe, faces, tmp_path, capsys):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}])
    split = load_training_data(load_recipe(recipe))
    for sample in (split.training[0], split.held_out[0]):
        sample.path.write_bytes(b"no image")
    train(recipe, ["epochs=3"], tmp_path / "run")
    shown = capsys.readouterr().out
    assert shown.count("not readable") == 2
    assert shown.count(split.training[0].path.name) == shown.count(split.held_out[0].path.name) == 1
    assert len(log(tmp_path / "run")) == 3


@pytest.mark.parametrize("part", ["training", "held_out"])
def test_nothing_readable(write_recipe, faces, tmp_path, part):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}], batch=6)  # an epoch does not see all faces
    for sample in getattr(load_training_data(load_recipe(recipe)), part):
        sample.path.write_bytes(b"")
    with pytest.raises(DataError, match=f"none of the {part.replace('_', '-')} images can be read"):
        train(recipe, [], tmp_path / "run")
    assert not (tmp_path / "run" / "last.pt").exists()


def test_held_out_faces_without_a_size_are_named_once_and_left_out(write_recipe, faces, tmp_path, capsys):
    changed = shutil.copytree(faces, tmp_path / "changed")
    recipe = write_recipe(data=[{"path": str(changed), "name": "tiny"}])
    held_out = [sample.path.with_suffix(".pts") for sample in load_training_data(load_recipe(recipe)).held_out]
    line = np.column_stack([np.full(68, 50), np.arange(68)])
    line[45] = line[36]  # nor are the eyes apart
    write_pts(held_out[0], line)
    train(recipe, ["epochs=3"], tmp_path / "run")
    shown = capsys.readouterr().out
    assert shown.count("no size to divide errors by") == shown.count(held_out[0].stem) == 1
    assert all(row["nme"] > 0 for row in log(tmp_path / "run"))
    export(tmp_path / "run" / "best.pt", tmp_path / "model.onnx", int8=True)  # it compares errors of the same faces
    for path in held_out[1:]:
        write_pts(path, line)
    with pytest.raises(DataError, match="none of the held-out faces has a size"):
        train(recipe, [], tmp_path / "other")


def test_no_face_of_a_source_that_is_not_to_validate_is_held_out(write_recipe, faces):
    source = {"path": str(faces), "name": "tiny"}
    both = load_training_data(load_recipe(write_recipe(data=[source, {**source, "validate": False}])))
    one = load_training_data(load_recipe(write_recipe(data=[source])))
    assert [s.path for s in both.held_out] == [s.path for s in one.held_out]
    assert len(both.training) == len(one.training) + 12


def test_depthwise_convolutions_in_float32_do_the_same_and_copies_are_their_own():
    network = timm.create_model("mobilenetv4_conv_small_050", num_classes=4).train()
    images = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = network(images)
    depthwise_in_float32(network)
    assert torch.equal(network(images), plain)  # outside of autocast nothing changes
    seen = set()
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.register_forward_hook(lambda m, args, out: seen.add((args[0].dtype, out.dtype)))
    with torch.autocast("cpu", torch.bfloat16):
        network(images).sum().backward()
    assert seen == {(torch.bfloat16, torch.bfloat16)}
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert not copied(images).any()
    assert network(images).any()


def test_no_faces(write_recipe, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: not a data set"):
        train(write_recipe(data=[{"path": str(tmp_path / "empty"), "name": "none"}]), [], tmp_path / "run")
    with pytest.raises(DataError, match=r"0 faces to train on and 12 held out.*leaves 12 to split.*held_out \(0.999\)"):
        train(write_recipe(held_out=0.999), [], tmp_path / "run")
    with pytest.raises(DataError, match="no such file"):
        train(write_recipe(data=[{"path": str(tmp_path / "gone"), "name": "none"}]), [], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_learning_rate_with_warmup_and_cosine():
    o = OptimizerConfig(lr=1.0, warmup=2.0)
    moments = {0: 0.005, 1: 0.505, 2: 1.0, 4: (2 + math.sqrt(2)) / 4, 6: 0.5, 8: (2 - math.sqrt(2)) / 4, 10: 0.0}
    assert {at: pytest.approx(rate(o, at, epochs=10)) for at in moments} == moments
    moments = {0: 0.02, 0.25: 0.52, 0.5: 1.0, 0.75: 0.5, 1: 0.0}  # a run that is shorter still comes to its rate
    assert {at: pytest.approx(rate(o, at, epochs=1)) for at in moments} == moments


def test_learning_rate_in_steps():
    o = OptimizerConfig(lr=0.01, schedule="step", warmup=0, milestones=[200, 350], factor=0.2)
    moments = {0: 0.01, 199.99: 0.01, 200: 0.002, 349.99: 0.002, 350: 0.0004, 499: 0.0004}
    assert {at: pytest.approx(rate(o, at, epochs=500)) for at in moments} == moments
