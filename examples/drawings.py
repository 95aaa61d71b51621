"""Draw a face in all styles, as a transparent overlay and as SVG: python examples/drawings.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

import numpy as np

from facelattice import FaceAligner, draw_faces, save_image
from facelattice.visualization import draw_overlay, faces_to_svg

photo = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

aligner = FaceAligner(model)
image = aligner(photo)[0].crop(400)
faces = aligner(image)

styles = [draw_faces(image, faces, style) for style in ("points", "lines", "mesh", "numbers")]
regions = draw_faces(image, faces, color="region")
save_image("drawings.jpg", np.concatenate([*styles, regions], axis=1))
save_image("overlay.png", draw_overlay(image.shape, faces))
Path("faces.svg").write_text(faces_to_svg(image.shape, faces), encoding="utf-8")
print("written: drawings.jpg, overlay.png, faces.svg")
