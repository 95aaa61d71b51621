"""Print points of a face by region and by name: python examples/regions.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

from facelattice import FaceAligner

image = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

for face in FaceAligner(model)(image):
    x, y = face["nose_tip"]
    print(f"nose tip at {x:.1f}, {y:.1f}")
    for region, indices in face.scheme.regions.items():  # the indices select rows of any array of the face
        x, y = face[region].mean(axis=0)
        print(f"{region}: center {x:.1f}, {y:.1f}, expected error {face.expected_errors[indices].mean():.1f} px")
