"""Make a pandas table of faces: python examples/tables.py [IMAGE] [MODEL]."""

import sys
from pathlib import Path

from facelattice import FaceAligner, to_dataframe  # pip install pandas

image = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("astronaut.jpg")
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

table = to_dataframe(FaceAligner(model)(image))
print(table[["score", "yaw", "pitch", "roll", "nose_tip_x", "nose_tip_y"]])
