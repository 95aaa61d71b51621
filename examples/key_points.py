"""Draw faces with supervision: python examples/key_points.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

import supervision as sv  # pip install supervision

from facelattice import FaceAligner, load_image, save_image, to_supervision

image = load_image(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg"))
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

key_points = to_supervision(FaceAligner(model)(image))
print(key_points.xy.shape)
save_image("key_points.jpg", sv.VertexAnnotator(radius=2).annotate(image.copy(), key_points))
print("written: key_points.jpg")
