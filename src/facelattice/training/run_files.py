"""The files of a run other than its checkpoints: images, curves and TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch.utils.data import default_collate
from torch.utils.tensorboard import SummaryWriter

from facelattice.datasets.face_crops import FaceCrops
from facelattice.exceptions import TrainingError
from facelattice.image_io import save_image
from facelattice.schemes import Scheme
from facelattice.training.run_images import MAX_TRAIN_CROPS, draw_train_batch, draw_val_predictions
from facelattice.training.validation import Validation
from facelattice.visualization.training_curves import draw_training_curves

SECONDS_BETWEEN_CURVES = 20.0
NUM_BOARD_IMAGES = 10  # of predictions in TensorBoard; each takes about a megabyte


class RunFiles:
    """Writes train_batch.png, val_predictions.png, results.png and tensorboard/.

    Args:
        out: Folder of the run.
        scheme: The point scheme.
        num_epochs: Number of epochs of the run.
        first_epoch: Number of epochs that were trained before, in a resumed run.
    """

    def __init__(self, out: Path, scheme: Scheme, num_epochs: int, first_epoch: int):
        self._out, self._scheme, self._num_epochs = out, scheme, num_epochs
        self._board = SummaryWriter(out / "tensorboard", purge_step=first_epoch + 1)
        self._board_epochs: dict[str, int] = {}
        self._last_curves = time.monotonic()

    def save_train_batch(self, crops: FaceCrops, keys: Sequence[tuple[int, int, int]], epoch: int) -> None:
        """Write train_batch.png.

        Args:
            crops: Crops of the training faces.
            keys: Keys of the first batch.
            epoch: Number of its epoch, from 1.
        """
        batch = default_collate([crops[key] for key in keys[:MAX_TRAIN_CROPS]])
        self._save_image("train_batch", draw_train_batch(batch, self._scheme), epoch)

    def save_epoch(
        self, history: Sequence[dict[str, float]], validation: Validation, crops: FaceCrops, is_best: bool
    ) -> None:
        """Write results.png and, if the epoch is the best so far, val_predictions.png; the same to TensorBoard.

        Args:
            history: The log of all epochs.
            validation: The predictions of the last one.
            crops: Crops of the validation faces.
            is_best: Whether the last one is the best so far.

        Raises:
            TrainingError: If the files cannot be written.
        """
        row = history[-1]
        epoch = int(row["epoch"])
        for name, value in row.items():
            self._board.add_scalar(name, value, epoch)
        if is_best:
            self._save_image("val_predictions", draw_val_predictions(validation, crops, self._scheme), epoch)
        self._board.flush()
        if epoch == self._num_epochs or time.monotonic() - self._last_curves >= SECONDS_BETWEEN_CURVES:
            with writing_to(self._out):
                draw_training_curves(history, self._out / "results.png")
            self._last_curves = time.monotonic()

    def _save_image(self, name: str, image: np.ndarray, epoch: int) -> None:
        """Write an image; also to TensorBoard, unless that has one from a close epoch."""
        with writing_to(self._out):
            save_image(self._out / f"{name}.png", image)
        step = self._num_epochs / NUM_BOARD_IMAGES
        if name not in self._board_epochs or epoch - self._board_epochs[name] >= step:
            self._board.add_image(name, image, epoch, dataformats="HWC")
            self._board_epochs[name] = epoch


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Convert an OSError to a TrainingError that says how to continue the run in ``out``."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"cannot write to {out}: {error.strerror}; the checkpoints there are whole, so free some space "
            "and continue with --resume"
        ) from error
