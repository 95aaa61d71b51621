"""WFLW: WFLW_images/ and WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train,test}.txt.

A line is 196 coordinates, the box, six flags and the image's name (Wu et al., "Look at Boundary", CVPR 2018).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
LISTS = Path("WFLW_annotations") / "list_98pt_rect_attr_train_test"


def read(root: Path, subset: str | None = None) -> list[Sample]:
    """The faces of the ``train`` or ``test`` list, or those of the test list with one of ATTRIBUTES.

    Raises DataError, naming file and line.
    """
    path = root / LISTS / f"list_98pt_rect_attr_{'test' if subset in ATTRIBUTES else subset}.txt"
    if not path.exists():
        found = sorted(p.stem.rsplit("_", 1)[-1] for p in (root / LISTS).glob("list_98pt_rect_attr_*.txt"))
        subsets = [*found, *(ATTRIBUTES if "test" in found else ())]
        raise DataError(f"{root}: choose a subset out of {', '.join(subsets) or 'none found'}, not {subset!r}")
    scheme = get_scheme("wflw98")
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")  # a name need not be valid UTF-8
    samples = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where, cells = f"{path}, line {number}", line.split()
        if len(cells) != 207:
            raise DataError(
                f"{where}: {len(cells)} values, but 196 coordinates, 4 of the box, 6 flags and a name make 207"
            )
        try:
            points = np.array(cells[:196], dtype=np.float64).reshape(98, 2)
            box = np.array(cells[196:200], dtype=np.float64)
            flags = {name: bool(int(cell)) for name, cell in zip(ATTRIBUTES, cells[200:206], strict=True)}
        except ValueError as error:
            raise DataError(f"{where}: {error}") from error
        if subset in ATTRIBUTES and not flags[subset]:
            continue
        image = root / "WFLW_images" / cells[206]
        samples.append(make_sample(image, points, scheme, cells[206], where, flags, dataset_box=box, benchmark="wflw"))
    return samples
