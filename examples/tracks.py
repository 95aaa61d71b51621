"""Write the tracks of a video for After Effects, Nuke and Blender: python examples/tracks.py CLIP [MODEL]."""

import sys
from contextlib import ExitStack
from pathlib import Path

from facelattice import FaceAligner, Tracker
from facelattice.video import TrackWriter, open_video

clip = Path(sys.argv[1])
tracker = Tracker(FaceAligner(sys.argv[2] if len(sys.argv) > 2 else "ibug68"))
with open_video(clip) as video, ExitStack() as stack:
    programs = ("aftereffects", "nuke", "blender")
    writers = [
        stack.enter_context(TrackWriter(Path(clip.stem), program, video.rate, clip.name)) for program in programs
    ]
    for frame in video:
        faces = tracker(frame.image, frame.time)
        for writer in writers:
            writer.write(frame, faces)

for writer in writers:
    print(*writer.paths)
