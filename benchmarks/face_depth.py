"""The depth of annotated faces, for `DEPTH` of tools/build_face_shape.py.

    python benchmarks/face_depth.py DATA/300W/helen/trainset DATA/300W/afw DATA/300W/lfpw/trainset

Structure from motion: under an orthographic camera, the poses of all faces and one mirror-symmetric 3D shape of the 68
points without the jaw are fitted in turns, by least squares. How the points move against each other when faces turn
gives the depth of the shape. Its depth is the standard deviation of z, compared with that of `facelattice.pose`'s
where x has the same. Differences between people and expressions are noise here. `DEPTH` was measured with the file that
build_face_shape.py writes with `DEPTH = 1`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from result import add_json_option, run, write_result
from scipy.spatial.transform import Rotation

from facelattice import get_scheme, pose
from facelattice.datasets.readers.detect_layout import read_samples

ROUNDS, STEPS = 25, 20
KEPT = 0.9  # of the faces; those with larger residuals are left out of the shape
MAX_STEP = 0.3  # radians


def fit_poses(shape: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a rotation and a scale to each face by Gauss-Newton steps.

    Args:
        shape: (n, 3), centered.
        faces: (F, n, 2), each centered.

    Returns:
        Rotations (F, 3, 3), scales (F,), and the root mean square residuals (F,) in units of the shape.
    """
    affine = np.linalg.pinv(shape) @ faces  # (F, 3, 2)
    left, _, right = np.linalg.svd(affine.transpose(0, 2, 1), full_matrices=False)
    rows = left @ right
    rotations = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    for _ in range(STEPS):
        turned = shape @ rotations.transpose(0, 2, 1)
        scales = _scales(turned, faces)
        residuals = faces - scales[:, None, None] * turned[..., :2]
        x, y, z = (scales[:, None] * turned[..., k] for k in range(3))
        zero = np.zeros_like(x)
        # The derivatives by the rotations about the three axes of the camera, and by the scale.
        by_x = np.stack([zero, z, -y, turned[..., 0]], axis=-1)
        by_y = np.stack([-z, zero, x, turned[..., 1]], axis=-1)
        jacobians = np.concatenate([by_x, by_y], axis=1)  # (F, 2n, 4)
        errors = np.concatenate([residuals[..., 0], residuals[..., 1]], axis=1)[..., None]
        transposed = jacobians.transpose(0, 2, 1)
        steps = np.linalg.solve(transposed @ jacobians, transposed @ errors)[:, :3, 0]
        steps *= np.minimum(1, MAX_STEP / np.maximum(np.linalg.norm(steps, axis=1), 1e-9))[:, None]
        rotations = Rotation.from_rotvec(steps).as_matrix() @ rotations
    turned = shape @ rotations.transpose(0, 2, 1)
    scales = _scales(turned, faces)
    residuals = faces / scales[:, None, None] - turned[..., :2]
    return rotations, scales, np.sqrt((residuals**2).mean((1, 2)))


def _scales(turned: np.ndarray, faces: np.ndarray) -> np.ndarray:
    return (faces * turned[..., :2]).sum((1, 2)) / (turned[..., :2] ** 2).sum((1, 2))


def fit_shape(
    rotations: np.ndarray, scales: np.ndarray, faces: np.ndarray, mirror: np.ndarray, width: float
) -> np.ndarray:
    """Return the symmetric shape (n, 3) with a standard deviation of x of ``width`` that fits faces in known poses."""
    rows = rotations[:, :2]
    normal = (rows.transpose(0, 2, 1) @ rows).sum(0)
    shape = np.einsum("fni,fij->nj", faces / scales[:, None, None], rows) @ np.linalg.inv(normal)
    shape = (shape + shape[mirror] * [-1, 1, 1]) / 2
    return (shape - shape.mean(0)) * width / shape[:, 0].std()


def measure(folders: Sequence[Path]) -> tuple[int, float, float]:
    """Return the number of faces, the standard deviation of their yaw in degrees, and their relative depth."""
    scheme = get_scheme("ibug68")
    samples = [sample for folder in folders for sample in read_samples(folder) if sample.mask.all()]
    mean = pose._built_in("ibug68")[0]
    used = np.flatnonzero(np.isfinite(mean).all(1))
    start = mean[used] - mean[used].mean(0)
    mirror = np.searchsorted(used, scheme.mirror[used])
    faces = np.array([sample.points[used] for sample in samples], float)
    faces -= faces.mean(1, keepdims=True)
    shape = start
    for _ in range(ROUNDS):
        rotations, scales, residuals = fit_poses(shape, faces)
        good = residuals < np.quantile(residuals, KEPT)
        shape = fit_shape(rotations[good], scales[good], faces[good], mirror, start[:, 0].std())
    # The pitch of the new shape is that with which it is nearest to the old one.
    turned = Rotation.align_vectors(start, shape)[0].apply(shape)
    yaws = np.degrees(np.arctan2(rotations[:, 0, 2], rotations[:, 2, 2]))
    return len(faces), float(yaws.std()), float(turned[:, 2].std() / start[:, 2].std())


def main() -> None:
    """Print the depth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="annotated faces with 68 points")
    add_json_option(parser)
    options = parser.parse_args()
    num_faces, yaw, depth = measure(options.data)
    print(f"{num_faces} faces, standard deviation of their yaw {yaw:.0f} degrees")
    print(f"depth, times that of face_shape.json: {depth:.3f}")
    row = {"num_faces": num_faces, "yaw_standard_deviation": yaw, "relative_depth": depth}
    write_result(options.json, "face_depth", [row], f"{num_faces} faces with all points", "not used")


if __name__ == "__main__":
    run(main)
