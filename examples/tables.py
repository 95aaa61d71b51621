"""Make a table of faces with pandas, and key points of supervision."""

from pathlib import Path

from facelattice import FaceAligner, to_dataframe, to_supervision

faces = FaceAligner()(Path(__file__).with_name("astronaut.jpg"))

print(to_dataframe(faces)[["score", "yaw", "pitch", "roll", "nose_tip_x", "nose_tip_y"]])  # pip install pandas
print(to_supervision(faces).xy.shape)  # pip install supervision
