"""Draw docs/images/panels.jpg, the picture of the README: `python docs/draw_panels.py`.

The photo is the example photo (public domain), changed by the program: covered, turned, darkened, small. The profile is
a synthetic face (docs/render_profile.py).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facelattice import FaceAligner, draw_faces, geometry, load_image, save_image
from facelattice.datasets.synthetic_occlusion import draw_accessory

ROOT = Path(__file__).parents[1]
PATH = ROOT / "docs" / "images" / "panels.jpg"
PROFILE = ROOT / "src" / "facelattice" / "serve" / "page" / "profile.jpg"
SIDE = 320  # of a panel, pixels
CAPTION = 26  # height of a caption, pixels
ROLLS = (0, -22, 14, 25, 6, -16, -8, 18, -25)  # of the small heads, degrees


def main() -> None:
    """Find the faces of all panels, and write the picture."""
    aligner = FaceAligner()
    panels = make_panels(aligner)
    drawn = [add_caption(draw_faces(image, aligner(image)), name) for name, image in panels.items()]
    rows = [np.hstack(drawn[i : i + 3]) for i in (0, 3)]
    save_image(PATH, np.vstack(rows))


def make_panels(aligner: FaceAligner) -> dict[str, np.ndarray]:
    """Return the changed photos by their captions, RGB uint8 (SIDE, SIDE, 3)."""
    photo = load_image(ROOT / "examples" / "astronaut.jpg")
    face = aligner(photo)[0]
    matrix = geometry.crop_transform(face.box, SIDE, 2.2)
    image, points = geometry.warp(photo, matrix, SIDE), geometry.apply(matrix, face.points)
    known = np.ones(len(points), bool)
    covered = {
        kind: draw_accessory(image, points, known, face.scheme, np.random.default_rng(seed), kind)[0]
        for kind, seed in (("sunglasses", 1), ("hand", 6))
    }
    dark = cv2.GaussianBlur(image, (0, 0), 4) * 0.22 + np.random.default_rng(0).normal(0, 3, image.shape)
    return {
        **covered,
        "profile": load_image(PROFILE),
        "turned by 180 degrees": geometry.turn_image(image, 180)[0],
        "dark and blurred": dark.clip(0, 255).astype(np.uint8),
        "small and many": make_group(photo, face.box),
    }


def make_group(photo: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return nine small heads, tilted and mirrored."""
    size = SIDE // 3 + 1
    heads = [
        geometry.warp(photo, geometry.crop_transform(box, size, 2.2 + 0.15 * (i % 4), ROLLS[i], i % 2 == 1), size)
        for i in range(9)
    ]
    return np.vstack([np.hstack(heads[i : i + 3]) for i in (0, 3, 6)])[:SIDE, :SIDE]


def add_caption(image: np.ndarray, name: str) -> np.ndarray:
    """Return the panel with its caption below."""
    strip = np.full((CAPTION, image.shape[1], 3), 28, np.uint8)
    cv2.putText(strip, name, (8, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([image, strip])


if __name__ == "__main__":
    main()
