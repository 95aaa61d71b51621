"""WFLW: 98 points and six attributes.

Layout: WFLW_images/ and WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train,test}.txt. A line
has 196 coordinates, 4 values of the face box, 6 flags, and the name of the image.

Source:
    Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", CVPR 2018.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facelattice.datasets.readers.annotations import check_subset
from facelattice.datasets.readers.files import ImageFinder
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.formats.parsing import open_text
from facelattice.schemes import get_scheme

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
LISTS = Path("WFLW_annotations") / "list_98pt_rect_attr_train_test"
NUM_CELLS = 196 + 4 + 6 + 1


def read(root: Path, subset: str | None = None) -> list[Sample]:
    """Read the faces of a list.

    Args:
        root: The folder that contains WFLW_annotations.
        subset: "train", "test", or one of `ATTRIBUTES`: the faces of the test list with this attribute.

    Raises:
        DataError: If the subset does not exist or a line is damaged; it names file and line.
    """
    path = _list_path(root, "test" if subset in ATTRIBUTES else subset)
    if not path.exists():
        found = sorted(p.stem.rsplit("_", 1)[-1] for p in (root / LISTS).glob("list_98pt_rect_attr_*.txt"))
        subsets = [*found, *(ATTRIBUTES if "test" in found else ())]
        check_subset(root, subset, subsets)
    with open_text(path) as file:
        text = file.read()
    lines = [(f"{path}, line {number}", line.split()) for number, line in enumerate(text.splitlines(), 1)]
    finder = ImageFinder(root / "WFLW_images")
    samples = [_make_sample(finder, cells, where) for where, cells in lines if cells]
    return [sample for sample in samples if subset not in ATTRIBUTES or sample.attributes[str(subset)]]


def find_test_subset(root: Path) -> str | None:
    """Return the subset that the benchmark tests; None if its list is missing."""
    return "test" if _list_path(root, "test").exists() else None


def _list_path(root: Path, name: str | None) -> Path:
    return root / LISTS / f"list_98pt_rect_attr_{name}.txt"


def _make_sample(finder: ImageFinder, cells: list[str], where: str) -> Sample:
    if len(cells) != NUM_CELLS:
        raise DataError(
            f"{where}: {len(cells)} values; expected {NUM_CELLS}: 196 coordinates, 4 of the box, 6 flags and a name"
        )
    try:
        points = np.array(cells[:196], dtype=np.float64).reshape(98, 2)
        box = np.array(cells[196:200], dtype=np.float64)
        flags = {name: bool(int(cell)) for name, cell in zip(ATTRIBUTES, cells[200:206], strict=True)}
    except ValueError as error:
        raise DataError(f"{where}: {str(error)[:200]}") from error
    image, scheme = finder.find(cells[206]), get_scheme("wflw98")
    # WFLW marks faces, not points: without these two flags all points are visible.
    visible = np.full(98, not (flags["occlusion"] or flags["pose"]))
    return make_sample(
        image, points, scheme, cells[206], where, flags, visible=visible, dataset_box=box, protocol="wflw"
    )
