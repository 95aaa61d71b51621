"""The training loop: recipe in, checkpoints, CSV log and TensorBoard out.

    train("recipes/ibug68.yaml", ["epochs=10"], out=Path("runs/ibug68"))

A run depends on its recipe alone: every sample's random numbers come from (seed, epoch, place, index), nothing in the
network draws any, and a checkpoint at the end of each epoch holds the rest. So a run that was killed and resumed ends
with the same weights as one that was not, and two processes do what one does with the same batch.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, gather_object, set_seed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from facelattice import metrics
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.sampling import EpochBatchSampler
from facelattice.exceptions import DataError, TrainingError
from facelattice.formats import atomic_write
from facelattice.modeling.landmark_graph import laplacian
from facelattice.modeling.losses import LOSSES, UNIT, expected_error_loss, point_loss, relative_location_loss
from facelattice.modeling.sdfl import Prediction
from facelattice.training import checkpoint
from facelattice.training.config import OptimizerConfig, Recipe, load_recipe, recipe_to_yaml
from facelattice.training.initialize import initialize_from
from facelattice.training.precision import depthwise_in_float32
from facelattice.training.prepare import TrainingData, describe, landmark_graph, load_training_data, make_network
from facelattice.training.sync_batchnorm import convert_sync_batchnorm
from facelattice.training.uncertainty import uncertainty_targets


def train(recipe_path: str | Path, overrides: list[str], out: Path, resume: bool = False) -> Path:
    """Train a recipe and return the path of the best checkpoint; ``out`` gets last.pt, best.pt, log.csv, recipe.yaml.

    ``resume`` goes on from ``out``/last.pt, where there is one. Raises RecipeError, DataError, CheckpointError,
    ModelError and TrainingError for what the user can mend.
    """
    recipe = load_recipe(recipe_path, overrides)
    last = out / "last.pt"
    if last.exists() and not resume:
        raise TrainingError(f"{last} exists: go on with --resume, or choose another folder with --out")
    cv2.setNumThreads(0)  # the loader's workers are the parallelism; OpenCV's own threads would fight them
    accelerator = _accelerator(recipe)
    console = Console(quiet=not accelerator.is_main_process)
    set_seed(recipe.seed)
    faces = load_training_data(recipe)
    console.print(f"{len(faces.training)} training faces ({len(faces.order)} an epoch), {len(faces.held_out)} held out")
    console.print(f"device {accelerator.device.type}, processes: {accelerator.num_processes}")
    state = _to_go_on_from(last, recipe, faces) if last.exists() else None
    learned_from: list[dict[str, str]] = []
    neighbors = landmark_graph(faces, recipe) if state is None else state["info"]["graph"]
    network = make_network(neighbors, recipe, pretrained=state is None and recipe.start is None)
    if state is not None:
        network.load_state_dict(state["model"])
    elif recipe.start is not None:
        with console.status(f"beginning with {recipe.start}"):
            taken, learned_from = initialize_from(recipe.start, network, recipe, faces.training)
        console.print(f"{taken} of {len(network.state_dict())} tensors begin as in {recipe.start}")
    ema = ModelEmaV3(network, decay=recipe.optimizer.ema, use_warmup=True, device=accelerator.device)
    if accelerator.num_processes > 1:
        convert_sync_batchnorm(network)
    if accelerator.device.type == "cpu" and recipe.precision == "bf16":
        depthwise_in_float32(network)
    o = recipe.optimizer
    optimizer = create_optimizer_v2(network, o.name, o.lr, o.weight_decay, o.momentum)
    if state is not None:
        ema.module.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
    network = network.to(memory_format=torch.channels_last)
    network, optimizer = accelerator.prepare(network, optimizer)
    run = Run(recipe, accelerator, faces, network, ema, optimizer, laplacian(neighbors), out, console)
    if accelerator.is_main_process:
        info = describe(faces, recipe, neighbors, learned_from) if state is None else state["info"]
        run.keep(info, state["history"] if state else [])
        with atomic_write(out / "recipe.yaml") as file:
            file.write(recipe_to_yaml(recipe))
    run.epochs(first=0 if state is None else state["epoch"])
    best = out / "best.pt"
    console.print(Text(f"the best weights: {best}; a model file of them: facelattice export {best} -o model.onnx"))
    return best


def _accelerator(recipe: Recipe) -> Accelerator:
    """What runs the steps, on this machine's device, in as many processes as the launcher started."""
    # Some of timm's backbones keep layers that nobody looks at.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    precision = "no" if recipe.precision == "fp32" else recipe.precision  # Accelerate's word for it
    # Without cpu=True Accelerate lets processes on a machine without a GPU run side by side, each on its own.
    return Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision=precision, kwargs_handlers=[unused])


def _to_go_on_from(last: Path, recipe: Recipe, faces: TrainingData) -> dict[str, Any]:
    """A run's last checkpoint. Raises TrainingError where another recipe made it, or there were other faces."""
    state = checkpoint.load(last)
    if state["recipe"] != recipe_to_yaml(recipe):
        raise TrainingError(
            f"{last} was made by another recipe; train that one ({last.with_name('recipe.yaml')}) or change --out"
        )
    if (made := state["info"]["faces"]) != faces.counts:  # it might train on what it held out
        raise TrainingError(
            f"{last} was made with {made['training']} faces and {made['held out']} held out, but there are "
            f"{len(faces.training)} and {len(faces.held_out)} now; change --out"
        )
    return state


def objective(prediction: Prediction, batch: dict[str, Tensor], recipe: Recipe, relation: Tensor) -> dict[str, Tensor]:
    """The parts of the loss, weighted; their sum is what is minimized. Residuals are in pixels of a 256-px crop."""
    loss, weights, mask = LOSSES[recipe.loss.points], recipe.loss, batch["mask"]
    scale = UNIT / recipe.size
    residual = (prediction.points - batch["points"]) * scale
    parts = {
        "points": point_loss(loss, residual, mask),
        "relative": weights.relative * relative_location_loss(loss, residual, mask, relation),
    }
    if prediction.anchors is not None:
        parts["anchors"] = weights.anchors * point_loss(loss, (prediction.anchors - batch["points"]) * scale, mask)
    distance, known = uncertainty_targets(prediction.points, batch, recipe)
    parts["errors"] = weights.errors * expected_error_loss(prediction.expected_errors, distance, known)
    return parts


def rate(o: OptimizerConfig, epoch: float, epochs: int) -> float:
    """The learning rate at a moment of the run, in epochs since its start."""
    warmup = min(o.warmup, epochs / 2)  # a first trial is often of one epoch
    if epoch < warmup:
        return o.lr * (epoch + 0.01) / warmup
    if o.schedule == "step":
        return o.lr * o.factor ** sum(epoch >= milestone for milestone in o.milestones)
    return o.lr * 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup)))


class Run:
    """One run, from its first epoch (or the one it is resumed at) to its last."""

    def __init__(
        self,
        recipe: Recipe,
        accelerator: Accelerator,
        faces: TrainingData,
        network: nn.Module,
        ema: ModelEmaV3,
        optimizer: Any,
        relation: Tensor,
        out: Path,
        console: Console,
    ):
        self.recipe, self.accelerator, self.faces, self.out, self.console = recipe, accelerator, faces, out, console
        self.network, self.ema, self.optimizer = network, ema, optimizer
        self.relation = relation.to(accelerator.device)
        self.batches = EpochBatchSampler(
            faces.order, recipe.batch, recipe.seed, accelerator.process_index, accelerator.num_processes
        )
        crops = FaceCrops(faces.training, recipe.size, recipe.margin, recipe.augment, recipe.seed)
        self.loader: DataLoader = DataLoader(
            crops, batch_sampler=self.batches, num_workers=recipe.workers, persistent_workers=recipe.workers > 0
        )
        self.annotated = torch.from_numpy(faces.annotated)
        self.held_out = FaceCrops(faces.held_out, recipe.size, recipe.margin)
        self.readable: dict[int, bool] = {}
        self.reported: set[Path] = set()
        self.info: dict[str, Any] = {}
        self.history: list[dict[str, float]] = []

    def keep(self, info: dict[str, Any], history: list[dict[str, float]]) -> None:
        """What the main process writes into every checkpoint, and the epochs that are behind it already."""
        self.info, self.history = info, history

    def epochs(self, first: int) -> None:
        """Train, validate and save, epoch by epoch, with a live line of what is going on."""
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        )  # fmt: skip
        board = (
            SummaryWriter(self.out / "tensorboard", purge_step=first + 1) if self.accelerator.is_main_process else None
        )
        steps = len(self.batches)
        with Progress(*columns, console=self.console, speed_estimate_period=600) as progress:
            bar = progress.add_task("starting", total=self.recipe.epochs * steps, completed=first * steps)
            for epoch in range(first, self.recipe.epochs):
                start = time.monotonic()
                sums: dict[str, float] = {}
                for step, parts in enumerate(self.train_epoch(epoch), 1):
                    sums = {key: sums.get(key, 0.0) + value for key, value in parts.items()}
                    shown = "  ".join(f"{key} {value / step:.2f}" for key, value in sums.items())
                    speed = step * self.recipe.batch / (time.monotonic() - start)
                    progress.update(bar, advance=1, description=f"epoch {epoch + 1}  {shown}  {speed:.0f} images/s")
                self.report_unreadable()
                if board is not None:
                    row = {"epoch": epoch + 1, "lr": self.optimizer.param_groups[0]["lr"], "images_per_second": speed}
                    row |= {f"loss_{key}": value / steps for key, value in sums.items()}
                    row["nme"] = self.validate()
                    self.save(row)
                    for key, value in row.items():
                        board.add_scalar(key, value, epoch + 1)
                    board.flush()
                    line = f"epoch {epoch + 1:3d}  {shown}  held-out NME {100 * row['nme']:.2f} %"
                    self.console.print(line, soft_wrap=True)
                self.accelerator.wait_for_everyone()

    def train_epoch(self, epoch: int) -> Iterator[dict[str, float]]:
        """Take the steps of one epoch, yielding the parts of each step's loss, averaged over the processes."""
        self.network.train()
        self.batches.epoch = epoch
        for step, batch in enumerate(self.loader):
            self.readable |= dict(zip(batch["index"].tolist(), batch["readable"].tolist(), strict=True))
            batch["annotated"] = self.annotated[batch["index"]]
            keys = ("crop", "points", "mask", "background", "annotated")
            moved = {key: batch[key].to(self.accelerator.device) for key in keys}
            with self.accelerator.autocast():
                prediction = self.network(moved["crop"])
            parts = objective(prediction, moved, self.recipe, self.relation)
            loss = sum(parts.values())
            # In two processes with halves of a batch this is the whole batch's loss, and all of them stop together.
            shown = self.accelerator.reduce(torch.stack([part.detach() for part in parts.values()]), "mean")
            if not shown.isfinite().all():
                raise self.diverged(f"the loss became {shown.tolist()} in epoch {epoch + 1}, step {step + 1}")
            now = epoch + step / len(self.batches)
            for group in self.optimizer.param_groups:
                group["lr"] = rate(self.recipe.optimizer, now, self.recipe.epochs)
            self.optimizer.zero_grad()
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.recipe.optimizer.clip)
            self.optimizer.step()
            self.ema.update(self.accelerator.unwrap_model(self.network), epoch * len(self.batches) + step)
            yield dict(zip(parts, shown.tolist(), strict=True))

    @torch.inference_mode()
    def validate(self) -> float:
        """NME of the averaged weights on the held-out faces, with the annotated boxes: the mean over faces; one
        without a size (all points on a line) takes no part."""
        samples = self.faces.held_out
        keys = [
            [(0, i, i) for i in range(start, min(start + 64, len(samples)))] for start in range(0, len(samples), 64)
        ]
        network = self.ema.module.eval()
        errors: dict[int, float] = {}
        for batch in DataLoader(self.held_out, batch_sampler=keys):
            points = network(batch["crop"].to(self.accelerator.device)).points.cpu().numpy()
            if not np.isfinite(points).all():  # the last step of an epoch has no loss after it that would tell
                raise self.diverged("the weights are no longer finite after an epoch")
            self.name_left_out("not readable", (samples[i].path for i in batch["index"][~batch["readable"]]))
            for i in np.flatnonzero(batch["readable"].numpy()):
                truth, mask = batch["points"][i].numpy(), batch["mask"][i].numpy()
                errors[int(batch["index"][i])] = metrics.nme(points[i], truth, self.faces.scheme, mask)
        if not errors:
            raise DataError("none of the held-out images can be read")
        sized = {index: error for index, error in errors.items() if np.isfinite(error)}
        others = (samples[index].path for index in errors.keys() - sized.keys())
        self.name_left_out("no size to divide errors by (all points on a line)", others)
        if not sized:
            raise DataError(
                "none of the held-out faces has a size to divide errors by: the points of each are on a line; name the "
                "scheme's ocular points, or change held_out"
            )
        return float(np.mean(list(sized.values())))

    def save(self, row: dict[str, float]) -> None:
        """last.pt, best.pt where this epoch is the best so far, and log.csv. Raises TrainingError where there is no
        room."""
        best = all(row["nme"] < earlier["nme"] for earlier in self.history)
        self.history.append(row)
        model = {"recipe": recipe_to_yaml(self.recipe), "info": self.info, "ema": self.ema.module.state_dict()}
        network, optimizer = self.accelerator.unwrap_model(self.network), self.optimizer
        everything = {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "history": self.history}
        try:
            if best:
                checkpoint.save({**model, "epoch": row["epoch"], "nme": row["nme"]}, self.out / "best.pt")
            checkpoint.save({**model, **everything, "epoch": row["epoch"], "nme": row["nme"]}, self.out / "last.pt")
            with atomic_write(self.out / "log.csv") as file:
                table = csv.DictWriter(file, row)
                table.writeheader()
                table.writerows(self.history)
        except OSError as error:
            raise TrainingError(
                f"cannot write to {self.out}: {error.strerror}. The checkpoints there are whole: make room and go on "
                "with --resume."
            ) from error

    def diverged(self, what: str) -> TrainingError:
        """The error for numbers that are no longer finite."""
        return TrainingError(
            f"{what}; what {self.out} holds is of the epochs before. "
            "A lower optimizer.lr or optimizer.clip often helps."
        )

    def report_unreadable(self) -> None:
        """Name the training images that could not be read in any process, and stop where there is nothing else."""
        readable = dict(gather_object(list(self.readable.items())))
        unreadable = (self.faces.training[index].path for index, fine in readable.items() if not fine)
        self.name_left_out("not readable", unreadable)
        if not any(readable.values()):
            raise DataError("none of the training images can be read")

    def name_left_out(self, why: str, paths: Iterable[Path]) -> None:
        """Say, once for each image, why it takes no part."""
        for path in sorted(set(paths) - self.reported):
            self.console.print(Text(f"{why}, left out: {path}", style="yellow"), soft_wrap=True)
            self.reported.add(path)
