"""Tracks for Blender: a Python script that adds them to the movie clip, run in Blender's text editor.

Positions are fractions of the width and height from the lower left corner, y upwards. Frames count from 1, as in
Blender's movie clips.

Source: Blender Python API, `bpy.types.MovieTrackingTracks` and `MovieTrackingMarkers`.
"""

from __future__ import annotations

import json

from facelattice.video.point_tracks import PointTracks

FIRST_FRAME = 1
_SCRIPT = '''"""Adds the tracks of a face to a movie clip. Run it in Blender's text editor, with the clip loaded."""

import json

import bpy

CLIP = {clip}  # the file of the movie clip; if it is not loaded, the only clip is used
FRAMES = json.loads("{frames}")
POINTS = json.loads("""{points}""")  # by name: x, y of each frame

loaded = list(bpy.data.movieclips)
clips = [clip for clip in loaded if bpy.path.basename(clip.filepath) == CLIP]
if not clips and len(loaded) == 1:
    clips = loaded
if not clips:
    raise RuntimeError(CLIP + " is not loaded: open it first, in the Movie Clip Editor, and run this again")
tracks = clips[0].tracking.objects[0].tracks  # of the camera
for name, positions in POINTS.items():
    track = tracks.new(name=name, frame=FRAMES[0])
    if FRAMES[0] > {first_frame}:  # Blender holds the first marker to the left
        track.markers.insert_frame(FRAMES[0] - 1, co=positions[0]).mute = True
    for i, (frame, position) in enumerate(zip(FRAMES, positions)):
        track.markers.insert_frame(frame, co=position)
        if i + 1 == len(FRAMES) or FRAMES[i + 1] > frame + 1:  # the face is not found in the next frame
            track.markers.insert_frame(frame + 1, co=position).mute = True
'''


def tracking_script(tracks: PointTracks, clip: str) -> str:
    """Return a Python script that adds a track for each point.

    Its markers are muted while the face is not found, also before the first frame with the face.

    Args:
        tracks: The points of a face.
        clip: Name of the video file, or of the first image.
    """
    positions = tracks.positions() / [tracks.width, tracks.height]
    positions[..., 1] = 1 - positions[..., 1]
    names = [f"face {tracks.number}, {i} {name}" for i, name in enumerate(tracks.names)]
    points = {name: positions[:, i].round(6).tolist() for i, name in enumerate(names)}
    lines = [f"{json.dumps(name)}: {json.dumps(values, separators=(',', ':'))}" for name, values in points.items()]
    # Python would interpret the backslashes of JSON.
    text = ("{" + ",\n".join(lines) + "}").replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    frames = json.dumps([frame + FIRST_FRAME for frame in tracks.frames])
    return _SCRIPT.format(clip=repr(clip), frames=frames, points=text, first_frame=FIRST_FRAME)
