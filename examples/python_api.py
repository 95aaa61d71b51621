"""Find the faces in an image, print their landmarks, and save a drawing."""

from pathlib import Path

from facelattice import FaceAligner, draw_faces, load_image, save_image

image = load_image(Path(__file__).with_name("astronaut.jpg"))  # RGB uint8 (H, W, 3)
aligner = FaceAligner()  # the default model, 68 points
faces = aligner(image)

for face in faces:
    tip = face.scheme.names.index("nose_tip")
    x, y = face.points[tip]
    print(f"score {face.score:.2f}, nose tip at {x:.1f}, {y:.1f}, expected error {face.expected_errors[tip]:.1f} px")
    crop = face.crop(256)  # the face upright and centered, RGB uint8 (256, 256, 3)

save_image("astronaut_faces.jpg", draw_faces(image, faces))
print("written: astronaut_faces.jpg")
