"""Follow the faces of a camera or a video with OpenCV: python examples/camera.py [CAMERA or CLIP] [MODEL]."""

import sys
import time

import cv2

from facelattice import FaceAligner, Tracker, draw_faces, save_image

source = sys.argv[1] if len(sys.argv) > 1 else "0"
model = sys.argv[2] if len(sys.argv) > 2 else "ibug68"

is_camera = source.isdecimal()
capture = cv2.VideoCapture(int(source) if is_camera else source)
if not capture.isOpened():
    raise SystemExit(f"{source}: cannot be opened")
tracker = Tracker(FaceAligner(model))
number, drawing = 0, None
try:
    while True:
        is_read, frame = capture.read()
        if not is_read:  # the end of the video
            break
        seconds = time.monotonic() if is_camera else capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)  # OpenCV reads BGR
        faces = tracker(image, seconds)
        print(f"frame {number}:", *(f"face {face.track} with yaw {face.pose.yaw:.0f}," for face in faces))
        number, drawing = number + 1, draw_faces(image, faces)
except KeyboardInterrupt:  # Ctrl-C
    pass
capture.release()

if drawing is not None:
    save_image("camera.jpg", drawing)
    print("written: camera.jpg, the last frame")
