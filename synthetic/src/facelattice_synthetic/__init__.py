"""Synthetic faces with exact landmarks, from parts that are free for any use."""

from facelattice_synthetic.assets import AssetError, Assets
from facelattice_synthetic.config import Config, ConfigError, parse_config
from facelattice_synthetic.dataset import DatasetError, write_dataset
from facelattice_synthetic.face_generator import FaceGenerator, SyntheticFace

__all__ = [
    "AssetError",
    "Assets",
    "Config",
    "ConfigError",
    "DatasetError",
    "FaceGenerator",
    "SyntheticFace",
    "parse_config",
    "write_dataset",
]
