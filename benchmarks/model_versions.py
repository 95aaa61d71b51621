"""The versions of the bundled models in the history of this repository, with the NME of their validation faces.

    python recipes/prepare_labels.py DATA runs/labels --model ibug68
    python benchmarks/model_versions.py DATA --merlrav runs/labels/merlrav-val.csv --json benchmarks/results

A model file states the NME that training measured (one crop; 110 validation faces, later 187). Versions with annotation
styles are measured again, with annotated boxes and in the style of the faces: on the validation faces of 300-W, of the
WFLW part and of MERL-RAV.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from result import add_json_option, run, write_result

from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.datasets.sampling import split_validation
from facelattice.evaluation.evaluate import evaluate_predictions
from facelattice.evaluation.predict import predict_samples
from facelattice.evaluation.protocols import choose_protocol
from facelattice.evaluation.result import EvaluationResult
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import list_models
from facelattice.inference.onnx_model import Model
from facelattice.training.config import Recipe

ROOT = Path(__file__).parents[1]
MODELS = "src/facelattice/models"
SETS = {
    "300-W": (("300W/helen/trainset", None), ("300W/afw", None), ("300W/lfpw/trainset", None)),
    "WFLW": (("WFLW", "train"),),
}
MERLRAV = "MERL-RAV"


def main() -> None:
    """Print a line for each version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that contains 300W and WFLW")
    parser.add_argument("--merlrav", type=Path, required=True, help="table of MERL-RAV's validation faces")
    add_json_option(parser)
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory() as temporary:
        for version in find_versions(Path(temporary)):
            path = version.pop("path")
            if version["annotation_styles"]:
                version["measured"] = measure(path, options.data, options.merlrav)
            print(json.dumps(version), flush=True)
            rows.append(version)
    sets = f"validation faces that the file names; measured: those of {', '.join(SETS)} and of {MERLRAV}"
    write_result(options.json, "model_versions", rows, sets, "annotation")


def find_versions(folder: Path) -> list[dict[str, Any]]:
    """Return a version for each validation NME and with or without style offsets, the oldest first; write their files.

    Args:
        folder: The model files are written here; "path" of a version is its file.
    """
    versions: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in git("log", "--reverse", "--format=%h %cs", "--", f"{MODELS}/*.onnx").decode().splitlines():
        commit, date = line.split()
        present = git("ls-tree", "--name-only", commit, f"{MODELS}/").decode().splitlines()
        for model in list_models():
            if f"{MODELS}/{model}.onnx" not in present:
                continue
            data = git("cat-file", "blob", f"{commit}:{MODELS}/{model}.onnx")
            version = {"model": model, "commit": commit, "date": date, **read_metadata(data)}
            key = (model, version["val_nme"], version["style_offsets"])
            if key not in versions:
                path = folder / f"{model}-{commit}.onnx"
                path.write_bytes(data)
                versions[key] = {**version, "path": path}
    return list(versions.values())


def git(*arguments: str) -> bytes:
    """Return what a git command prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def read_metadata(data: bytes) -> dict[str, Any]:
    """Return how a model file was trained. Files before version 0.2.0 have other keys."""
    (entry,) = onnx.load_model_from_string(data).metadata_props
    metadata = json.loads(entry.value)
    faces = list(metadata["faces"].values())
    return {
        "backbone": metadata["recipe"]["network"]["backbone"],
        "crop_size": metadata.get("crop_size") or metadata["crop"]["size"],
        "num_train": faces[0],
        "num_val": faces[1],
        "epoch": metadata["epoch"],
        "val_nme": metadata.get("val_nme") or metadata["held_out_nme"],
        "error_scale": metadata.get("error_scale"),
        "annotation_styles": metadata.get("annotation_styles", []),
        "style_offsets": bool(metadata.get("style_offsets")),
    }


def measure(path: Path, data: Path, merlrav: Path) -> dict[str, Any]:
    """Return the NME of a version on each set of validation faces, and the AUROC of its visibility on MERL-RAV."""
    scheme = Model(path).scheme
    measured: dict[str, Any] = {}
    for name, parts in SETS.items():
        faces = [read_samples_for(scheme, data / folder, subset) for folder, subset in parts]
        validation = [face for part in faces for face in split_validation(part, Recipe.val_fraction)[1]]
        measured[name] = {"num_faces": len(validation), "nme": predict(path, validation, name).nme}
    result = predict(path, read_samples_for(scheme, merlrav, None), MERLRAV)
    assert result.visibility_auroc is not None  # the table has visible and hidden landmarks
    measured[MERLRAV] = {
        "num_faces": len(result.faces),
        "nme": result.nme,
        "auroc_hidden_by_something": result.visibility_auroc.occluded,
        "auroc_hidden_by_the_face": result.visibility_auroc.self_occluded,
    }
    return measured


def predict(path: Path, faces: list[Sample], style: str) -> EvaluationResult:
    """Evaluate a model file on faces in an annotation style."""
    aligner = FaceAligner(Model(path, annotation_style=style))
    samples, converted = to_common_scheme(faces, aligner.model.scheme)
    predictions = predict_samples(aligner, converted, "annotation")
    return evaluate_predictions(samples, predictions, choose_protocol(samples, None))


if __name__ == "__main__":
    run(main)
