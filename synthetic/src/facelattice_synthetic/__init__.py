"""Synthetic faces with exact landmarks, from parts that are free for any use."""

from facelattice_synthetic.assets import AssetError, Assets
from facelattice_synthetic.config import Config
from facelattice_synthetic.dataset import write_dataset
from facelattice_synthetic.generate import FaceGenerator, SyntheticFace

__all__ = ["AssetError", "Assets", "Config", "FaceGenerator", "SyntheticFace", "write_dataset"]
