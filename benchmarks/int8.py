"""Accuracy and speed of a bundled model with a backbone in 8-bit integers.

    python benchmarks/int8.py recipes/ibug68-fast.yaml data_root=DATA         # with the files that the recipe names

`facelattice export --int8` writes the same network, unless its NME rises by more than 0.05 percentage points. The NME
is that of the validation faces of the recipe, in one crop and in the mean of the annotation styles. The time is that of
a crop in one thread; both networks take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from result import add_json_option, run, write_result

from facelattice.inference.model_zoo import find_model
from facelattice.onnx_session import session_options
from facelattice.training.onnx_export import to_float16_weights
from facelattice.training.prepare import load_training_data
from facelattice.training.quantize import calibration_crops, mean_nme, quantize, readable_crops
from facelattice.training.recipe_file import load_recipe

NUM_REPEATS = 300


def main() -> None:
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="recipe of a bundled model")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="keys of the recipe to override")
    add_json_option(parser)
    options = parser.parse_args()
    recipe = load_recipe(options.recipe, options.overrides)
    data = find_model(recipe.name).read_bytes()
    faces = load_training_data(recipe)
    quantized = onnx.load_from_string(quantize(data, calibration_crops(faces.train, recipe)))
    files = {"float32": data, "int8": to_float16_weights(quantized).SerializeToString()}  # as `facelattice export`
    validation = readable_crops(faces.val, recipe)
    times = measure_times(files, validation[0]["crop"].numpy()[None])
    rows = []
    for backbone, content in files.items():
        nme = mean_nme(content, validation, faces.scheme)
        rows.append(
            {"model": recipe.name, "backbone": backbone, "nme": nme, "ms": times[backbone], "bytes": len(content)}
        )
        print(f"{recipe.name}, {backbone}: {100 * nme:.2f} %, {times[backbone]:.2f} ms, {len(content) / 1e6:.1f} MB")
    write_result(options.json, "int8", rows, f"{len(validation)} validation faces", "annotation")


def measure_times(files: dict[str, bytes], crops: np.ndarray) -> dict[str, float]:
    """Return the median time of each network for crops, in milliseconds."""
    sessions = {name: onnxruntime.InferenceSession(data, session_options(1)) for name, data in files.items()}
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(NUM_REPEATS):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, {"crops": crops})
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    run(main)
