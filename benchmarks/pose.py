"""Errors of the head pose on synthetic faces, whose pose is known exactly.

Usage:
    python -m facelattice_synthetic runs/poses --count 600 --size 192 --seed 1 --set wide_pose=1 --set any_roll=0
    python benchmarks/pose.py runs/poses

The points of each model are compared with the exact points, as the rest of the error comes from the fit of the 3D face.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from result import add_json_option, run, write_result

from facelattice import FaceAligner, load_image
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.geometry import points_box
from facelattice.inference.model_zoo import list_models
from facelattice.pose import HeadPose, head_pose
from facelattice.schemes import SCHEMES
from facelattice.training.progress import track_progress

YAW_LIMITS = (0, 15, 30, 45, 60, 75, 90)  # degrees
ANGLES = ("yaw", "pitch", "roll")


def main() -> None:
    """Print the mean errors of each model for each range of the yaw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="a folder of synthetic faces, with points68.csv and poses.csv")
    parser.add_argument("--model", action="append", help="a bundled model or a model file; may be repeated")
    add_json_option(parser)
    options = parser.parse_args()
    true = read_poses(options.faces / "poses.csv")
    samples = read_samples(options.faces / "points68.csv")
    truth = np.array([true[f"images/{sample.path.name}"] for sample in samples])
    rows = measure("exact points", truth, [head_pose(sample.points, SCHEMES["ibug68"]) for sample in samples])
    for name in options.model or list_models():
        aligner = FaceAligner(name)
        poses = []
        for sample in track_progress(samples, name, "faces"):
            (face,) = aligner(load_image(sample.path), boxes=[points_box(sample.points)])
            poses.append(face.pose)
        rows += measure(name, truth, poses)
    seed = json.loads((options.faces / "settings.json").read_text(encoding="utf-8"))["seed"]
    write_result(options.json, "pose", rows, f"{len(samples)} synthetic faces of seed {seed}", "annotation")


def read_poses(path: Path) -> dict[str, tuple[float, ...]]:
    """Return yaw, pitch and roll by the name of the image."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["image"]: tuple(float(row[angle]) for angle in ANGLES) for row in csv.DictReader(file)}


def measure(name: str, truth: np.ndarray, poses: list[HeadPose]) -> list[dict[str, Any]]:
    """Print and return the mean absolute errors of the angles, and the mean error of the yaw towards the profile.

    Args:
        name: Where the points come from.
        truth: (F, 3), the true angles in degrees.
        poses: The estimated poses of these faces.
    """
    found = np.array([[getattr(pose, angle) for angle in ANGLES] for pose in poses])
    errors = (found - truth + 180) % 360 - 180
    yaws = np.abs(truth[:, 0])
    rows = []
    for low, high in itertools.pairwise(YAW_LIMITS):
        chosen = (yaws >= low) & (yaws < high)
        means = np.abs(errors[chosen]).mean(0)
        outward = float((errors[chosen, 0] * np.sign(truth[chosen, 0])).mean())
        rows.append({"points": name, "yaw_from": low, "yaw_to": high, "num_faces": int(chosen.sum())}
                    | {f"{angle}_error": float(mean) for angle, mean in zip(ANGLES, means, strict=True)}
                    | {"yaw_outward": outward})  # fmt: skip
        print(f"{name}, yaw {low} to {high}, {chosen.sum()} faces: "
              + ", ".join(f"{angle} {mean:.1f}" for angle, mean in zip(ANGLES, means, strict=True))
              + f"; yaw too large by {outward:.1f} in the mean")  # fmt: skip
    return rows


if __name__ == "__main__":
    run(main)
