"""The training loop.

A run depends only on its recipe: the random numbers of a sample come from (seed, epoch, position, index), the network
draws none, and the checkpoint of each epoch contains everything else. A resumed run ends with the same weights as an
uninterrupted one, and two processes compute the same as one with the same batch.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from rich.console import Console
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import DataLoader

from facelattice import metrics
from facelattice.atomic_files import atomic_write, write_file
from facelattice.datasets.sampling import EpochBatchSampler
from facelattice.exceptions import DataError, TrainingError
from facelattice.image_formats import silence_pillow
from facelattice.modeling.landmark_graph import laplacian
from facelattice.modeling.losses import sdfl_losses
from facelattice.stop_signals import ignore_stop_signals
from facelattice.terminal import one_line
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import Recipe, recipe_to_yaml
from facelattice.training.initialize import initialize_from, weight_names
from facelattice.training.origin import Origin
from facelattice.training.precision import depthwise_in_float32
from facelattice.training.prepare import TrainingData, checkpoint_metadata, landmark_graph, make_crops, make_network
from facelattice.training.resume import restore
from facelattice.training.run_files import RunFiles, writing_to
from facelattice.training.run_log import RunLog
from facelattice.training.schedule import learning_rate
from facelattice.training.sync_batchnorm import convert_sync_batchnorm
from facelattice.training.validation import Validation

VAL_BATCH_SIZE = 64


def _start_loader_worker(number: int) -> None:
    """Initialize a process that loads images. The training process handles stop signals, and ends it."""
    ignore_stop_signals()
    silence_pillow()


@contextmanager
def _closing_workers(loader: DataLoader[Any]) -> Iterator[None]:
    """End the persistent workers of a loader at the end of the context.

    They ignore SIGTERM, with which multiprocessing would end them at exit: the program would wait for them forever.
    """
    try:
        yield
    finally:
        iterator: Any = loader._iterator
        if iterator is not None:  # there are workers
            iterator._shutdown_workers()
            loader._iterator = None


class Trainer:
    """One training run.

    Args:
        recipe: The recipe.
        data: Its faces.
        out: Folder for checkpoints and logs.
        accelerator: Device, precision and processes.
        console: Where progress is printed.
        checkpoint: The checkpoint to resume from; None to start.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: TrainingData,
        out: Path,
        accelerator: Accelerator,
        console: Console,
        checkpoint: Checkpoint | None = None,
    ):
        self.recipe, self.data, self.out, self.accelerator, self.console = recipe, data, out, accelerator, console
        self.first_epoch = 0 if checkpoint is None else checkpoint.epoch
        self.history: list[dict[str, float]] = [] if checkpoint is None else checkpoint.history or []
        graph = landmark_graph(data, recipe) if checkpoint is None else checkpoint.metadata["graph"]
        self.laplacian = laplacian(graph).to(accelerator.device)
        network, self._origin = self._initial_network(graph, checkpoint)
        self.ema = ModelEmaV3(network, decay=recipe.optimizer.ema_decay, use_warmup=True, device=accelerator.device)
        self.network, self.optimizer = self._prepare(network, checkpoint)
        self.batches = EpochBatchSampler(
            data.order, recipe.batch_size, recipe.seed, accelerator.process_index, accelerator.num_processes
        )
        self.train_crops = make_crops(data.train, recipe, recipe.augmentation)
        self.loader: DataLoader[Any] = DataLoader(
            self.train_crops,
            batch_sampler=self.batches,
            num_workers=recipe.num_workers,
            worker_init_fn=_start_loader_worker,
            persistent_workers=recipe.num_workers > 0,
        )
        self.val_crops = make_crops(data.val, recipe)
        self.annotated = torch.from_numpy(data.annotated)
        self.readable: dict[int, bool] = {}
        self.reported: set[Path] = set()
        self._graph, self.metadata = graph, {} if checkpoint is None else checkpoint.metadata

    @property
    def num_steps(self) -> int:
        """The number of steps of the whole run."""
        return len(self.batches) * self.recipe.epochs

    def fit(self) -> None:
        """Train, validate and save, epoch by epoch."""
        files = self._start_files() if self.accelerator.is_main_process else None
        num_steps = len(self.batches)
        with (
            _closing_workers(self.loader),
            RunLog(self.console, self.recipe.epochs, self.first_epoch, num_steps) as log,
        ):
            for epoch in range(self.first_epoch, self.recipe.epochs):
                start = time.monotonic()
                sums: dict[str, float] = {}
                for step, losses in enumerate(self.train_epoch(epoch), 1):
                    sums = {name: sums.get(name, 0.0) + value for name, value in losses.items()}
                    speed = step * self.recipe.batch_size / (time.monotonic() - start)
                    log.show_step(epoch + 1, step, speed)
                self.report_unreadable()
                if files is not None:
                    means = {name: value / num_steps for name, value in sums.items()}
                    row = {"epoch": epoch + 1, "lr": self.optimizer.param_groups[0]["lr"], "images_per_second": speed}
                    row |= {f"loss_{name}": value for name, value in means.items()}
                    validation = self.validate()
                    row["val_nme"] = validation.nme
                    is_best = self.save_checkpoint(row)
                    files.save_epoch(self.history, validation, self.val_crops, is_best)
                    log.show_epoch(epoch + 1, means, validation.nme, is_best)
                self.accelerator.wait_for_everyone()

    def train_epoch(self, epoch: int) -> Iterator[dict[str, float]]:
        """Train for one epoch, step by step.

        Args:
            epoch: Number of the epoch, from 0.

        Yields:
            The terms of each step's loss, averaged over the processes.

        Raises:
            TrainingError: If the loss is not finite.
        """
        self.network.train()
        self.batches.epoch = epoch
        size, margin = self.recipe.network.crop_size, self.recipe.crop_margin
        for step, batch in enumerate(self.loader):
            self.readable |= dict(zip(batch["index"].tolist(), batch["readable"].tolist(), strict=True))
            batch["annotated"] = self.annotated[batch["index"]]
            keys = ("crop", "points", "mask", "visibility", "background", "turned", "style", "annotated")
            batch = {key: batch[key].to(self.accelerator.device) for key in keys}
            with self.accelerator.autocast():
                prediction = self.network(batch["crop"], batch["style"])
            losses = sdfl_losses(prediction, batch, self.laplacian, self.recipe.loss, size, margin)
            # The mean over the processes is the loss of the whole batch, and all processes stop together.
            values = self.accelerator.reduce(torch.stack([loss.detach() for loss in losses.values()]), "mean")
            if not values.isfinite().all():
                raise self._divergence_error(f"the loss became {values.tolist()} in epoch {epoch + 1}, step {step + 1}")
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.recipe.optimizer, epoch + step / len(self.batches), self.recipe.epochs)
            self.optimizer.zero_grad()
            self.accelerator.backward(sum(losses.values()))
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.recipe.optimizer.max_grad_norm)
            self.optimizer.step()
            self.ema.update(self.accelerator.unwrap_model(self.network), epoch * len(self.batches) + step)
            yield dict(zip(losses, values.tolist(), strict=True))

    @torch.inference_mode()
    def validate(self) -> Validation:
        """Predict the validation faces with the averaged weights, in annotated boxes.

        Faces whose points are all on a line have no size to divide errors by; they are left out and reported.

        Raises:
            DataError: If no validation face can be measured.
            TrainingError: If the weights are not finite.
        """
        samples = self.data.val
        starts = range(0, len(samples), VAL_BATCH_SIZE)
        keys = [[(0, i, i) for i in range(start, min(start + VAL_BATCH_SIZE, len(samples)))] for start in starts]
        network = self.ema.module.eval()
        validation = Validation()
        for batch in DataLoader(self.val_crops, batch_sampler=keys):
            crops, styles = (batch[key].to(self.accelerator.device) for key in ("crop", "style"))
            prediction = network(crops, styles)
            points, expected_errors = prediction.points.cpu().numpy(), prediction.expected_errors.cpu().numpy()
            if not np.isfinite(points).all():  # the last step of an epoch is not followed by a check of the loss
                raise self._divergence_error("the weights are not finite after an epoch")
            self._report("cannot be read", (samples[i].path for i in batch["index"][~batch["readable"]]))
            for i in np.flatnonzero(batch["readable"].numpy()):
                index, truth, mask = int(batch["index"][i]), batch["points"][i].numpy(), batch["mask"][i].numpy()
                validation.errors[index] = metrics.nme(points[i], truth, self.data.scheme, mask)
                validation.points[index], validation.expected_errors[index] = points[i], expected_errors[i]
        if not validation.errors:
            raise DataError("none of the validation images can be read")
        unmeasured = [index for index, error in validation.errors.items() if not np.isfinite(error)]
        self._report(
            "no size to divide errors by (all points on a line)", (samples[index].path for index in unmeasured)
        )
        for index in unmeasured:
            del validation.errors[index]
        if not validation.errors:
            raise DataError(
                "no validation face has a size to divide errors by: the points of each lie on a line; name the "
                "scheme's ocular points, or change val_fraction"
            )
        return validation

    def save_checkpoint(self, row: dict[str, float]) -> bool:
        """Write last.pt, log.csv and, if this epoch is the best so far, best.pt.

        Args:
            row: The log of the epoch.

        Returns:
            Whether this epoch is the best so far.

        Raises:
            TrainingError: If the files cannot be written.
        """
        is_best = all(row["val_nme"] < earlier["val_nme"] for earlier in self.history)
        self.history.append(row)
        best = Checkpoint(
            recipe_to_yaml(self.recipe), self.metadata, self.ema.module.state_dict(), int(row["epoch"]), row["val_nme"]
        )
        weights = self.accelerator.unwrap_model(self.network).state_dict()
        last = replace(best, weights=weights, optimizer=self.optimizer.state_dict(), history=self.history)
        with writing_to(self.out):
            if is_best:
                best.save(self.out / "best.pt")
            last.save(self.out / "last.pt")
            with atomic_write(self.out / "log.csv") as file:
                table = csv.DictWriter(file, row)
                table.writeheader()
                table.writerows(self.history)
        return is_best

    def report_unreadable(self) -> None:
        """Report the training images that no process could read.

        Raises:
            DataError: If no training image can be read.
        """
        readable = dict(gather_object(list(self.readable.items())))
        self._report("cannot be read", (self.data.train[index].path for index, ok in readable.items() if not ok))
        if not any(readable.values()):
            raise DataError("none of the training images can be read")

    def _start_files(self) -> RunFiles:
        """Write the recipe and the image of the first batch."""
        self.metadata = self.metadata or checkpoint_metadata(self.data, self.recipe, self._graph, self._origin)
        write_file(self.out / "recipe.yaml", recipe_to_yaml(self.recipe))
        files = RunFiles(self.out, self.data.scheme, self.recipe.epochs, self.first_epoch)
        if self.first_epoch < self.recipe.epochs:
            self.batches.epoch = self.first_epoch
            files.save_train_batch(self.train_crops, next(iter(self.batches)), self.first_epoch + 1)
        return files

    def _initial_network(self, graph: Tensor, checkpoint: Checkpoint | None) -> tuple[nn.Module, Origin | None]:
        """Create the network with its initial weights, and return both with the origin of copied weights."""
        recipe = self.recipe
        network = make_network(graph, recipe, pretrained=checkpoint is None and recipe.init_from is None)
        origin = None
        if checkpoint is not None:
            restore(network, checkpoint.weights or {}, self.out / "last.pt")
        elif recipe.init_from is not None:
            with self.console.status(one_line(f"starting from {recipe.init_from}")):
                origin = initialize_from(recipe.init_from, network, recipe)
            line = f"{origin.num_tensors} of {len(weight_names(network))} tensors are copied from {recipe.init_from}"
            line += "".join(f"; {difference}" for difference in origin.differences)
            self.console.print(one_line(line), soft_wrap=True)
        return network, origin

    def _prepare(self, network: nn.Module, checkpoint: Checkpoint | None) -> tuple[nn.Module, Any]:
        """Put the network and its optimizer on the device, for one or several processes."""
        if self.accelerator.num_processes > 1:
            network = convert_sync_batchnorm(network, self.accelerator.device)
        if self.accelerator.device.type == "cpu" and self.recipe.precision == "bf16":
            depthwise_in_float32(network)
        config = self.recipe.optimizer
        optimizer = create_optimizer_v2(network, config.name, config.lr, config.weight_decay, config.momentum)
        if checkpoint is not None:
            restore(self.ema.module, checkpoint.ema_weights, self.out / "last.pt")
            restore(optimizer, checkpoint.optimizer or {}, self.out / "last.pt")
        prepared: tuple[nn.Module, Any] = self.accelerator.prepare(
            network.to(memory_format=torch.channels_last), optimizer
        )
        return prepared

    def _divergence_error(self, problem: str) -> TrainingError:
        kept = f"; {self.out} holds the epochs before" if self.history else ""
        return TrainingError(f"{problem}{kept}. A lower optimizer.lr or optimizer.max_grad_norm often helps.")

    def _report(self, reason: str, paths: Iterable[Path]) -> None:
        """Print once for each image why it is left out."""
        for path in sorted(set(paths) - self.reported):
            self.console.print(one_line(f"left out: {path}: {reason}", style="yellow"), soft_wrap=True)
            self.reported.add(path)
