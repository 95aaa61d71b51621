"""Save crops of a face for face recognition and face generation: python examples/aligned_crops.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

from facelattice import FaceAligner, geometry, save_image

image = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

face = FaceAligner(model)(image)[0]
for template in ("upright", "arcface", "ffhq"):
    save_image(f"{template}.png", face.crop(template=template))
print("written: upright.png, arcface.png, ffhq.png")

to_image = geometry.invert(face.crop_matrix(template="arcface"))  # maps points of the crop back
x, y = geometry.apply(to_image, [55.5, 55.5])
print(f"the center of the arcface crop is at {x:.1f}, {y:.1f} in the image")
