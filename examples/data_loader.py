"""Load face crops in worker processes of PyTorch: python examples/data_loader.py [FOLDER or IMAGE] [MODEL]."""

import sys
from pathlib import Path

import numpy as np
import torch  # pip install torch
from torch.utils.data import DataLoader, Dataset

from facelattice import FaceAligner
from facelattice.file_search import find_images
from facelattice.inference import Model, find_model
from facelattice.onnx_session import set_num_threads


class FaceCrops(Dataset[tuple[torch.Tensor, bool]]):
    """The best face of each image."""

    def __init__(self, images: list[Path], aligner: FaceAligner) -> None:
        self.images, self.aligner = images, aligner

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, bool]:
        """Return the crop, float32 (3, 112, 112) from 0 to 1, and whether a face was found."""
        faces = self.aligner(self.images[i])
        crop = faces[0].crop(template="arcface") if faces else np.zeros((112, 112, 3), np.uint8)
        return torch.from_numpy(crop).permute(2, 0, 1) / 255, bool(faces)


def start_worker(number: int) -> None:
    """Let the detector of each worker use one thread, as the workers share the processors."""
    set_num_threads(1)


if __name__ == "__main__":  # each worker imports this file
    source = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
    model = Model(find_model(sys.argv[2] if len(sys.argv) > 2 else "ibug68"), num_threads=1)
    crops_of_faces = FaceCrops(find_images([source]), FaceAligner(model, max_faces=1))
    # "spawn" pickles the aligner, which opens its model again in each worker. A forked worker would inherit a session
    # of ONNX Runtime without its threads, and hang.
    loader = DataLoader(
        crops_of_faces, batch_size=8, num_workers=2, worker_init_fn=start_worker, multiprocessing_context="spawn"
    )
    for crops, found in loader:
        print(f"{tuple(crops.shape)}, faces in {int(found.sum())} of {len(found)} images")
