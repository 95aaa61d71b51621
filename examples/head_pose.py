"""Print the head pose and the measures of the faces in an image."""

from pathlib import Path

from facelattice import FaceAligner

for face in FaceAligner()(Path(__file__).with_name("astronaut.jpg")):
    pose, measures = face.pose, face.measures
    print(f"yaw {pose.yaw:.0f}, pitch {pose.pitch:.0f}, roll {pose.roll:.0f} degrees")
    print(f"eyes open {measures.left_eye_openness:.2f} (left in the image), {measures.right_eye_openness:.2f} (right)")
    print(f"left corner of the left eye at {face['left_eye'][0]}, nose tip at {face['nose_tip']}")
