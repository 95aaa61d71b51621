"""Find the faces of a picture, print what is known of them, save the picture with the points drawn."""

from pathlib import Path

import cv2

from facelattice import FaceAligner, draw_faces, read_picture

picture = read_picture(Path(__file__).with_name("astronaut.jpg"))  # uint8 RGB (H, W, 3)
aligner = FaceAligner()  # the bundled model, 68 points
faces = aligner(picture)

for face in faces:
    tip = face.scheme.names.index("nose_tip")
    x, y = face.points[tip]
    print(f"score {face.score:.2f}, nose tip at {x:.1f}, {y:.1f}, expected to be right to {face.errors[tip]:.1f} px")
    face.crop(256)  # the face upright and centred, uint8 (256, 256, 3)

cv2.imwrite("astronaut_faces.jpg", cv2.cvtColor(draw_faces(picture, faces), cv2.COLOR_RGB2BGR))
