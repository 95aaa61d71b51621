"""Count the blinks of each face in a video: python examples/blinks.py CLIP [MODEL]."""

import sys

from facelattice import FaceAligner, Tracker
from facelattice.video import open_video

tracker = Tracker(FaceAligner(sys.argv[2] if len(sys.argv) > 2 else "ibug68"))
with open_video(sys.argv[1]) as video:
    for frame in video:
        tracker(frame.image, frame.time)

for track, blinks in tracker.blinks.items():
    print(f"face {track}: {len(blinks)} blinks", *(f"{blink.start:.2f} s" for blink in blinks))
