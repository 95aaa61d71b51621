"""Datasets: readers of annotations, samples, augmented face crops, and the order in which training uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.datasets.augmentation import AugmentationConfig
    from facelattice.datasets.convert import ConversionResult, convert_dataset
    from facelattice.datasets.face_crops import FaceCrops
    from facelattice.datasets.readers.detect_layout import read_samples, read_samples_for
    from facelattice.datasets.sample import Sample
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "AugmentationConfig": "augmentation",
            "ConversionResult": "convert",
            "FaceCrops": "face_crops",
            "Sample": "sample",
            "convert_dataset": "convert",
            "read_samples": "readers.detect_layout",
            "read_samples_for": "readers.detect_layout",
        },
    )

__all__ = [
    "AugmentationConfig",
    "ConversionResult",
    "FaceCrops",
    "Sample",
    "convert_dataset",
    "read_samples",
    "read_samples_for",
]
