r"""Robustness curves of models, as `facelattice robustness` measures them; `tables.py` draws those of the ablation.

python benchmarks/robustness.py DATA/300W/helen/testset graph=a.pt graph=b.pt linear=c.pt --name robustness_flatten \
        --json benchmarks/results
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from result import add_json_option, add_name_option, run, write_result

from facelattice.evaluation.robustness_curves import compute_curves, group_by_label
from facelattice.training.progress import track_progress


def main() -> None:
    """Print the NME of all landmarks at each level."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="annotated faces")
    parser.add_argument("models", nargs="+", metavar="LABEL=MODEL", help="models; a label may be repeated")
    parser.add_argument("--subset", help="use only the faces of this subset")
    add_name_option(parser, "robustness")
    add_json_option(parser)
    options = parser.parse_args()
    curves = compute_curves(group_by_label(options.models), options.data, options.subset, progress=track)
    for point in curves.points:
        if point.region == "all":
            print(f"{point.perturbation}, {point.level:g}: {point.model} {100 * point.nme:.2f} %")
    for message in curves.unreadable:
        print(message, file=sys.stderr)
    values: dict[str, Any] = curves.to_dict()
    points = values.pop("points")
    faces = f"{curves.num_faces} faces of {'/'.join(options.data.parts[-2:])}"
    write_result(options.json, options.name, points, faces, curves.box_source, curves=values)


def track(settings: list[Any]) -> Any:
    """Show progress over the perturbations and levels."""
    return track_progress(settings, "perturbing", "settings")


if __name__ == "__main__":
    run(main)
