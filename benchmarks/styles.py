"""What annotation styles and their offsets contribute, as a Markdown table.

    python benchmarks/styles.py DATA             # needs the extra train

Training faces of 300-W (LFPW) and of WFLW, most of which the bundled models have seen, in annotated boxes: in each
style, with and without its offset. The offset that remains is the median, over faces and landmarks, of the annotation
minus the prediction, to the right, in inter-ocular distances.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from annotation_gap import measure_gap
from result import add_json_option, run, write_result

from facelattice.evaluation.evaluate import evaluate
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.training.onnx_export import write_model

SETS = {"LFPW, training part": ("300W/lfpw/trainset", None), "WFLW part": ("WFLW", "train")}
STYLES = ("300-W", "WFLW")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that contains 300W and WFLW")
    parser.add_argument("--model", action="append", help="a bundled model or a model file; may be repeated")
    add_json_option(parser)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("| model | faces | style | offset | NME | offset that remains |\n|" + 6 * "---|")
    with TemporaryDirectory() as temporary:
        for name in options.model or list_models():
            path = find_model(name)
            plain = remove_offsets(path, Path(temporary))
            for faces, (folder, subset) in SETS.items():
                for style, model in itertools.product(STYLES, (path, plain)):
                    row = {"model": path.stem, "faces": faces, "style": style, "with_offset": model == path}
                    rows.append(row | measure(model, options.data / folder, subset, style))
                    print_row(rows[-1])
    write_result(options.json, "styles", rows, " and ".join(SETS), "annotation")


def remove_offsets(path: Path, folder: Path) -> Path:
    """Write a copy of a model file without the offsets of its styles, and return its path."""
    copy = folder / path.name
    write_model(onnx.load(path), replace(Model(path).info, style_offsets={}), copy)
    return copy


def measure(model: Path, data: Path, subset: str | None, style: str) -> dict[str, Any]:
    """Return the number of faces, the NME and the remaining offset of a model in a style."""
    result = evaluate(str(model), data, "annotation", subset, annotation_style=style)
    offset = -np.nanmedian(measure_gap(result.scores).offsets[..., 0])
    return {"num_faces": result.num_faces, "nme": result.nme, "offset": float(offset)}


def print_row(row: dict[str, Any]) -> None:
    """Print a row of the table."""
    print(
        f"| {row['model']} | {row['faces']}, {row['num_faces']} | {row['style']} "
        f"| {'yes' if row['with_offset'] else 'no'} | {100 * row['nme']:.2f} % | {100 * row['offset']:+.2f} % |",
        flush=True,
    )


if __name__ == "__main__":
    run(main)
