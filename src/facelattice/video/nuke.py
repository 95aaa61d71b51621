"""Tracks for Nuke: a script with a Tracker4 node, which Nuke inserts or pastes.

Positions are in pixels from the lower left corner, y upwards. Frames count from 1, as in Nuke.

Source: Foundry, "Curve serialisation format", for the curves. The table of a Tracker4 node is not documented; its
columns here are those that Nuke writes itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from facelattice.video.point_tracks import PointTracks

FIRST_FRAME = 1
# Type, animated (1 or 0), width, name and label of each column.
_COLUMNS = (
    *((5, 1, 20, "enable", "e"), (3, 1, 75, "name", "name")),
    *((2, 1, 58, name, name) for name in ("track_x", "track_y")),
    *((2, 1, 63, name, name) for name in ("offset_x", "offset_y")),
    *((4, 1, 27, name, name) for name in ("T", "R", "S")),
    (2, 0, 45, "error", "error"),
    *((1, 1, 0, name, name) for name in ("error_min", "error_max")),
    *((1, 1, 0, f"{area}_{side}", f"{area}_{side}") for area in ("pattern", "search") for side in "xyrt"),
    (2, 1, 0, "key_track", "key_track"),
    *((2, 1, 0, f"key_{area}_{side}", f"key_{area}_{side}") for area in ("search", "track") for side in "xyrt"),
    *((2, 1, 0, f"key_centre_offset_{axis}", f"key_centre_offset_{axis}") for axis in "xy"),
)
_NUM_KEY_COLUMNS = 11  # the last columns; only Nuke's own tracking uses them


def tracker_script(tracks: PointTracks) -> str:
    """Return a Nuke script with a Tracker4 node that has a track for each point.

    A point is disabled in frames in which the face was not found, also before the first one.

    Args:
        tracks: The points of a face.
    """
    positions = tracks.positions()
    positions[..., 1] = tracks.height - positions[..., 1]
    frames = [frame + FIRST_FRAME for frame in tracks.frames]
    # Nuke holds the first key to the left, so a face that appears later needs a key at the start of the clip.
    enabled = [f"x{FIRST_FRAME} 0"] if tracks.frames[0] > 0 else []
    for first, last in tracks.runs():
        enabled += [f"x{first + FIRST_FRAME} 1", f"x{last + FIRST_FRAME + 1} 0"]
    rows = [
        _row(f"{i} {name}", enabled, *(_curve(frames, positions[:, i, axis]) for axis in (0, 1)))
        for i, name in enumerate(tracks.names)
    ]
    columns = [f"{{ {kind} {animated} {width} {name} {label} 1 }}" for kind, animated, width, name, label in _COLUMNS]
    lines = [
        "Tracker4 {",
        " inputs 0",
        f" tracks {{ {{ 1 {len(_COLUMNS)} {len(rows)} }}",
        "{ " + "\n".join(columns),
        "}",
        "{ " + "\n".join(rows),
        "}",
        "}",
        f" reference_frame {frames[0]}",
        f" name FaceTrack{tracks.number}",
        " selected true",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, enabled: list[str], x: str, y: str) -> str:
    quoted = name.replace("\\", "/").replace('"', "'")
    areas = "-32 -32 32 32 -22 -22 22 22"  # the pattern and search areas of a new track
    keys = "{} " * _NUM_KEY_COLUMNS
    first = f'{{curve K {" ".join(enabled)}}} "{quoted}" {x} {y} {{0}} {{0}}'
    return f" {{ {first} 1 0 0 {{0}} 1 0 {areas} {keys}}}"


def _curve(frames: Iterable[int], values: Iterable[float]) -> str:
    keys = (f"x{frame} {value:.3f}" for frame, value in zip(frames, values, strict=True))
    return f"{{curve {' '.join(keys)}}}"
