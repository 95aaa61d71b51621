"""Save crops of a face for face recognition and face generation, and map a point of a crop back to the image."""

from pathlib import Path

from facelattice import FaceAligner, geometry, save_image

face = FaceAligner()(Path(__file__).with_name("astronaut.jpg"))[0]
for template in ("upright", "arcface", "ffhq"):
    save_image(f"astronaut_{template}.png", face.crop(template=template))

to_image = geometry.invert(face.crop_matrix(template="arcface"))
x, y = geometry.apply(to_image, [55.5, 55.5])
print(f"the center of the arcface crop is at {x:.1f}, {y:.1f} in the image")
