"""Find the faces of an image, print what is known of them, save the image with the points drawn."""

from pathlib import Path

import cv2

from facelattice import FaceAligner, draw_faces, load_image

image = load_image(Path(__file__).with_name("astronaut.jpg"))  # uint8 RGB (H, W, 3)
aligner = FaceAligner()  # the bundled model, 68 points
faces = aligner(image)

for face in faces:
    tip = face.scheme.names.index("nose_tip")
    x, y = face.points[tip]
    print(f"score {face.score:.2f}, nose tip at {x:.1f}, {y:.1f}, expected to be right to {face.expected_errors[tip]:.1f} px")
    face.crop(256)  # the face upright and centered, uint8 (256, 256, 3)

cv2.imwrite("astronaut_faces.jpg", cv2.cvtColor(draw_faces(image, faces), cv2.COLOR_RGB2BGR))
