"""Tables of boxes that show no face, such as false alarms of a detector: a CSV with the header image,x0,y0,x1,y1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facelattice.datasets.readers.files import ImageFinder
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError
from facelattice.formats.csv_reader import read_csv
from facelattice.schemes import Scheme


def read_backgrounds(path: Path, scheme: Scheme) -> list[Sample]:
    """Read boxes that show no face.

    Args:
        path: The table.
        scheme: Scheme of the faces that the samples are used with.

    Returns:
        Samples without annotated points.

    Raises:
        DataError: If a row is not an image and a box.
        FormatError: If the table is damaged; it names file and line.
    """
    finder, samples, count = ImageFinder(path.parent), [], len(scheme)
    for number, (image, corners, mask) in enumerate(read_csv(path), 1):
        if len(corners) != 2 or not mask.all() or not (corners[1] > corners[0]).all():
            raise DataError(f"{path}, box {number}: expected image,x0,y0,x1,y1 with x1 > x0 and y1 > y0")
        nothing = np.zeros(count, bool)
        samples.append(
            Sample(
                path=finder.find(image),
                points=np.full((count, 2), np.nan, np.float32),
                mask=nothing,
                box=corners.reshape(4).astype(np.float64),
                scheme=scheme,
                group=image,
                attributes={},
                hidden=nothing,
                visible=nothing,
                dataset_box=None,
                protocol="",
            )
        )
    return samples
