"""Find the landmarks of faces, and convert them into a file for CVAT, where they can be corrected."""

from pathlib import Path

from facelattice import FaceAligner
from facelattice.datasets import convert_dataset
from facelattice.formats import open_sink

image = Path(__file__).with_name("astronaut.jpg")
with open_sink("csv", "corrected") as sink:
    sink.write(image, FaceAligner()(image))

result = convert_dataset("corrected/landmarks.csv", "corrected/annotations.xml", format="cvat")
print(f"{result.num_faces} face for CVAT; notes: {', '.join(result.notes) or 'none'}")

# The corrected file can be trained on. Reading it needs: pip install "facelattice[evaluate]"
