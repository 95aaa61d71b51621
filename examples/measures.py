"""Print the openness of eyes and mouth, and other measures: python examples/measures.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

from facelattice import FaceAligner

image = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

for face in FaceAligner(model)(image):
    measures = face.measures  # left and right are the sides of the image
    print(f"eyes open {measures.left_eye_openness:.2f} and {measures.right_eye_openness:.2f}", end=", ")
    print(f"mouth open {measures.mouth_openness:.2f}, width {measures.mouth_width:.2f}", end=", ")
    print(f"brows raised {measures.brow_raise:.2f}, size {measures.size:.0f} px")
