"""HTML report of a comparison: one file that contains its images and loads nothing from a network.

Example:
    write_comparison(compare("ibug68", "ibug68-fast", Path("300W")), Path("report"))

This needs the extra "evaluate".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facelattice.evaluation.compare import Comparison
from facelattice.evaluation.report_parts import (
    MAX_LINKED_FACES,
    NUM_FACES,
    face_picture,
    render_template,
    scatter_errors,
    write_files,
)
from facelattice.visualization.figures import BLUE


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write folder/index.html and folder/result.json, both or none."""
    write_files(folder, render_comparison(comparison), comparison.to_dict())


def render_comparison(comparison: Comparison) -> str:
    """Return the report as HTML."""
    a, b = comparison.faces.nme
    difference = np.where(np.isfinite(a) & np.isfinite(b), a - b, 0)
    order = np.argsort(-difference, kind="stable").tolist()
    grids: dict[str, list[int]] = {
        "worse_a": [i for i in order if difference[i] > 0][:NUM_FACES],
        "worse_b": [i for i in order[::-1] if difference[i] < 0][:NUM_FACES],
        "missed": np.flatnonzero(np.isfinite(a) != np.isfinite(b))[:NUM_FACES].tolist(),
    }
    shown = {i for faces in grids.values() for i in faces}
    others = [i for i in order if i not in shown and np.isfinite(a[i] + b[i])][:MAX_LINKED_FACES]
    linked = np.isin(np.arange(len(a)), [*shown, *others])
    labels = f"NME of A, {comparison.a.name}, %", f"NME of B, {comparison.b.name}, %"
    return render_template(
        "compare_report.html.jinja",
        r=comparison.to_dict(),
        data_name=Path(comparison.data).name,
        scatter=scatter_errors(a, b, labels, BLUE, linked, "scatter"),
        others=[_face(comparison, i, large=False) for i in others],
        **{name: [_face(comparison, i, large=True) for i in faces] for name, faces in grids.items()},
    )


def _face(comparison: Comparison, i: int, large: bool) -> dict[str, Any]:
    """Describe the picture of a face with both predictions, and the two errors."""
    faces = comparison.faces
    predicted = {
        f"{letter}: {program.name}": points[i]
        for letter, program, points in zip("AB", (comparison.a, comparison.b), faces.predicted, strict=True)
    }
    nme = [float(values[i]) if np.isfinite(values[i]) else None for values in faces.nme]
    return {**face_picture(faces.samples[i], faces.truth[i], predicted, i, large), "nme": nme}
