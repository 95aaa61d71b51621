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

CLIP = {clip}  # the name of the movie clip; the only one is used if it is not loaded
FRAMES = json.loads("{frames}")
POINTS = json.loads("""{points}""")  # by name: x, y of each frame

clips = bpy.data.movieclips
if not clips:
    raise RuntimeError("no movie clip is loaded: open the clip first, in the Movie Clip Editor, and run this again")
clip = clips[CLIP] if CLIP in clips else clips[0]
for name, positions in POINTS.items():
    track = clip.tracking.tracks.new(name=name, frame=FRAMES[0])
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
        clip: Name of the movie clip in Blender, which is that of the video file.
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
