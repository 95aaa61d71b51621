"""Print the head pose of the faces in an image: python examples/head_pose.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

from facelattice import FaceAligner

image = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

for face in FaceAligner(model)(image):
    pose = face.pose
    print(f"yaw {pose.yaw:.0f}, pitch {pose.pitch:.0f}, roll {pose.roll:.0f} degrees")
