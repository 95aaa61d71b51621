"""The 300-W tree: any folder of NAME.pts beside NAME.jpg (or .png, ...), at any depth.

Sagonas et al., "300 Faces In-The-Wild Challenge", 2013. `.pts` files count from 1; samples count from 0.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.data.sample import DataError, Sample, group_of, make_sample, scheme_of
from facelattice.formats import read_pts
from facelattice.pictures import PICTURE_SUFFIXES
from facelattice.schemes import Scheme


def read(folder: Path, scheme: Scheme | None = None) -> list[Sample]:
    """Every annotated face below ``folder``, by name. Raises DataError, naming the file."""
    samples = []
    for pts in sorted(folder.rglob("*.pts")):
        pictures = [
            p for suffix in sorted(PICTURE_SUFFIXES) for p in (pts.with_suffix(suffix), pts.with_suffix(suffix.upper()))
        ]
        picture = next((p for p in pictures if p.exists()), None)
        if picture is None:
            raise DataError(f"{pts}: no picture {pts.stem}.jpg (or .png, ...) beside it")
        try:
            points = read_pts(pts)
        except ValueError as error:
            raise DataError(str(error)) from error
        where = str(pts)
        samples.append(make_sample(picture, points, scheme_of(len(points), scheme, where), group_of(pts.stem), where))
    return samples
