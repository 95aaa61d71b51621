"""Training faces that are turned further than in their photos, with landmarks and visibility.

    python recipes/turn_faces.py DATA TURNED

For each training face of 300-W in DATA/300W that is turned by at most 40 degrees, writes one crop into the folder
TURNED on which the head is turned by 20 to 55 degrees more to the same side, and the table TURNED/points.csv. Faces of
validation photos are left out.

The mean 3D face gives each landmark its depth. The face, with a forehead, is a mesh of triangles over the landmarks;
the vertices are rotated about the vertical axis of the head, and the triangles are drawn from far to near. The frame of
the crop stays where it is, so the hair and the background are stretched. Landmarks that the turned face covers have no
place, as in MERL-RAV.

Source:
    Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", CVPR 2016 (face profiling), simplified.
"""

from __future__ import annotations

import csv
import json
import math
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import typer
from scipy.spatial import Delaunay

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sampling import split_validation
from facelattice.image_io import load_image
from facelattice.pose import head_pose
from facelattice.schemes import SCHEMES, mean_shape, sources_in_98
from facelattice.training.config import Recipe
from facelattice.training.progress import track_progress

FOLDERS = ("helen/trainset", "afw", "lfpw/trainset")
SIZE, MARGIN = 288, 1.8
MAX_YAW = 40.0  # degrees; beyond, too much of the face is hidden in the photo
TURNS = (20.0, 55.0)  # degrees
AXIS = 0.45  # depth of the axis between the ears behind the lids, as a share of the width of the face
EAR_DEPTH, CHIN_DEPTH = 0.48, 0.03  # likewise
COVER = 0.03  # a landmark is covered if a triangle is nearer by this share of the width of the face
SCHEME = SCHEMES["ibug68"]
NUM_JAW = 17
BORDER = np.array([[x, y] for x in (0, 0.25, 0.5, 0.75, 1) for y in (0, 0.25, 0.5, 0.75, 1) if {x, y} & {0, 1}])


class Mesh(NamedTuple):
    """The 3D face: x to the image's right, y down, z away from the camera; 1 is the width of the face.

    Attributes:
        vertices: (V, 3), the 68 landmarks, then the forehead.
        faces: int (F, 3), triangles of the face.
    """

    vertices: np.ndarray
    faces: np.ndarray


def main(data: Path, turned: Path) -> None:
    """Write the crops and the table."""
    turned.mkdir(parents=True, exist_ok=True)
    mesh = build_mesh()
    faces = [
        face
        for folder in FOLDERS
        for face in split_validation(read_samples(data / "300W" / folder), Recipe.val_fraction)[0]
    ]
    with open(turned / "points.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", *(f"{axis}{i}" for i in range(len(SCHEME)) for axis in "xy"), "visibility"])
        for number, face in enumerate(track_progress(faces, "turning", "faces")):
            yaw = head_pose(face.points, SCHEME).yaw
            if abs(yaw) > MAX_YAW:
                continue
            rng = np.random.default_rng(number)
            side = math.copysign(1, yaw if abs(yaw) > 5 else rng.uniform(-1, 1))
            matrix = geometry.crop_transform(face.box, SIZE, MARGIN)
            crop = geometry.warp(load_image(face.path), matrix, SIZE)
            image, points, hidden = turn(crop, geometry.apply(matrix, face.points), mesh, side * rng.uniform(*TURNS))
            name = f"{number:04}.jpg"
            cv2.imwrite(str(turned / name), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
            cells = [
                cell
                for point, gone in zip(points, hidden, strict=True)
                for cell in (["", ""] if gone else np.round(point, 2))
            ]
            writer.writerow([name, *cells, "".join("2" if gone else "0" for gone in hidden)])


def build_mesh() -> Mesh:
    """Build the mesh: the 3D face of the head pose, a jaw and a forehead of an assumed depth."""
    data = json.loads(files("facelattice").joinpath("face_shape.json").read_text(encoding="utf-8"))
    known = np.array(data["mean"], np.float64) / 1000
    first = len(SCHEMES["wflw98"]) - len(known)
    sources = [np.array(ids) - first for ids in sources_in_98(SCHEME)]
    landmarks = np.array([known[ids].mean(0) if ids.min() >= 0 else [0, 0, 0] for ids in sources])
    flat = mean_shape(SCHEME).astype(np.float64)
    landmarks[:NUM_JAW, :2] = flat[:NUM_JAW] - flat[30] + landmarks[30, :2]
    x, y = landmarks[:NUM_JAW, 0], landmarks[:NUM_JAW, 1]
    landmarks[:NUM_JAW, 2] = CHIN_DEPTH + (EAR_DEPTH - CHIN_DEPTH) * np.abs(x / x.max()) ** 1.3
    angles = np.radians(np.linspace(180, 360, 11))[1:-1]
    forehead = np.column_stack(
        [0.48 * np.cos(angles), y[0] + 0.5 * np.sin(angles), EAR_DEPTH * np.abs(np.cos(angles)) ** 2 + 0.05]
    )
    vertices = np.concatenate([landmarks, forehead])
    return Mesh(vertices, triangulate(vertices[:, :2]))


def triangulate(points: np.ndarray) -> np.ndarray:
    """Return the Delaunay triangles int (F, 3) of points (V, 2), all turning in the same direction."""
    triangles = Delaunay(points).simplices
    a, b, c = (points[triangles[:, k]] for k in range(3))
    clockwise = area(a, b, c) < 0
    triangles[clockwise] = triangles[clockwise][:, ::-1]
    return triangles


def area(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of triangles with corners (..., 2)."""
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])


def turn(crop: np.ndarray, points: np.ndarray, mesh: Mesh, angle: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn a head about its vertical axis.

    Args:
        crop: uint8 (S, S, 3).
        points: The landmarks (68, 2), pixels.
        mesh: The 3D face.
        angle: Degrees; positive turns the face to the image's right.

    Returns:
        The new crop, the new landmarks (68, 2), and which of them are hidden (68,).
    """
    rotation = head_rotation(points)
    rotated = mesh.vertices @ rotation.T
    inner = np.arange(NUM_JAW, len(SCHEME))
    centered = points - points[inner].mean(0)
    flat = rotated[:, :2] - rotated[inner, :2].mean(0)
    scale = np.linalg.norm(centered[inner]) / np.linalg.norm(flat[inner])
    source = points[inner].mean(0) + scale * flat  # the forehead as the model predicts it, the landmarks as annotated
    source[: len(SCHEME)] = points
    depth = scale * rotated[:, 2]
    axis = rotation @ [0, 0, AXIS]
    center = np.array([*(points[inner].mean(0) + scale * (axis[:2] - rotated[inner, :2].mean(0))), scale * axis[2]])
    about_axis = rotation @ rotation_about_y(angle) @ rotation.T
    moved = (np.column_stack([source, depth]) - center) @ about_axis.T + center

    border = BORDER * (len(crop) - 1)
    source, target = np.concatenate([source, border]), np.concatenate([moved[:, :2], border])
    depths = np.concatenate([moved[:, 2], np.full(len(border), 3 * scale)])
    triangles = np.concatenate([around_face(source, len(mesh.vertices)), mesh.faces])
    front = area(*(target[triangles[:, k]] for k in range(3))) > 0
    image = draw(crop, source, target, triangles[front], depths)
    new_points = target[: len(SCHEME)]
    faces = mesh.faces[area(*(target[mesh.faces[:, k]] for k in range(3))) > 0]
    hidden = np.array([is_covered(i, target, depths, faces, COVER * scale) for i in range(len(SCHEME))])
    return image, new_points, hidden


def around_face(points: np.ndarray, num_face: int) -> np.ndarray:
    """Triangles between the outline of the face and the border of the crop."""
    triangles = triangulate(points)
    return triangles[(triangles >= num_face).any(1)]


def head_rotation(points: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) of a head from its pose."""
    pose = head_pose(points, SCHEME)
    roll, pitch = math.radians(pose.roll), math.radians(-pose.pitch)
    turn_roll = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    return turn_roll @ rotation_about_y(pose.yaw) @ nod


def rotation_about_y(degrees: float) -> np.ndarray:
    """Return the rotation (3, 3) that turns a face to the image's right by an angle."""
    a = math.radians(-degrees)
    return np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])


def draw(
    crop: np.ndarray, source: np.ndarray, target: np.ndarray, triangles: np.ndarray, depths: np.ndarray
) -> np.ndarray:
    """Draw triangles of a crop at their new places, from far to near."""
    image = np.zeros_like(crop)
    for triangle in triangles[np.argsort(-depths[triangles].mean(1), kind="stable")]:
        old, new = source[triangle].astype(np.float32), target[triangle].astype(np.float32)
        low = np.maximum(np.floor(new.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(new.max(0)).astype(int) + 2, len(crop))
        if (high <= low).any():
            continue
        matrix = cv2.getAffineTransform(old, new - low.astype(np.float32))
        size = tuple(int(side) for side in high - low)
        patch = cv2.warpAffine(crop, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        mask = np.zeros(size[::-1], np.uint8)
        cv2.fillConvexPoly(mask, np.round((new - low) * 16).astype(np.int32), 1, shift=4)
        view = image[low[1] : high[1], low[0] : high[0]]
        view[mask > 0] = patch[mask > 0]
    return image


def is_covered(i: int, points: np.ndarray, depths: np.ndarray, faces: np.ndarray, tolerance: float) -> bool:
    """Return whether a landmark lies behind the face: all of its triangles face away, or another one is before it."""
    own = (faces == i).any(1)
    if not own.any():
        return True
    others = faces[~own]
    a, b, c = (points[others[:, k]] for k in range(3))
    whole = area(a, b, c)
    shares = np.stack([area(points[i], b, c), area(a, points[i], c), area(a, b, points[i])], 1) / whole[:, None]
    inside = (shares > 0).all(1)
    return bool((inside & ((shares * depths[others]).sum(1) < depths[i] - tolerance)).any())


if __name__ == "__main__":
    typer.run(main)
