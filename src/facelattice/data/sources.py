"""What a path holds: a 300-W tree, WFLW's lists or a CSV table, recognised by looking at it."""

from __future__ import annotations

from pathlib import Path

from facelattice.data import ibug, table, wflw
from facelattice.data.sample import DataError, Sample
from facelattice.schemes import Scheme


def read_samples(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """The annotated faces at ``path``: a folder of .pts files, the root of WFLW, or a .csv file.

    ``subset`` is WFLW's list, "train" or "test" (others have none). Raises DataError, saying what was looked for.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.is_file() and path.suffix.lower() == ".csv":
        samples = table.read(path, scheme)
    elif (path / "WFLW_annotations").is_dir():
        if subset is None:
            raise DataError(f"{path}: WFLW has a train and a test list; say which subset")
        return wflw.read(path, subset)
    elif path.is_dir():
        samples = ibug.read(path, scheme)
    else:
        raise DataError(f"{path}: not a data set; looked for a .csv file, a folder of .pts files, or WFLW's root")
    if subset is not None:
        raise DataError(f"{path}: only WFLW has subsets here, so there is no {subset!r}")
    if not samples:
        raise DataError(f"{path}: no faces; looked for .pts files, for WFLW_annotations/ and for a .csv file")
    return samples
