"""Tracks for After Effects: keyframes of the position of a layer, as text that After Effects pastes.

Positions are in pixels from the upper left corner of the composition. Frames count from 0.
"""

from __future__ import annotations

from facelattice.video.point_tracks import PointTracks


def keyframe_texts(tracks: PointTracks) -> list[str]:
    """Return the keyframe data of each point.

    Copied to the clipboard and pasted to a layer, such as a null object, the text sets the position of the layer.

    Args:
        tracks: The points of a face.

    Returns:
        A text for each point.
    """
    header = [
        "Adobe After Effects 8.0 Keyframe Data",
        "",
        f"\tUnits Per Second\t{tracks.rate:.6g}",
        f"\tSource Width\t{tracks.width}",
        f"\tSource Height\t{tracks.height}",
        "\tSource Pixel Aspect Ratio\t1",
        "\tComp Pixel Aspect Ratio\t1",
        "",
        "Transform\tPosition",
        "\tFrame\tX pixels\tY pixels\tZ pixels",
    ]
    positions = tracks.positions()
    texts = []
    for i in range(len(tracks.names)):
        keys = [f"\t{frame}\t{x:.3f}\t{y:.3f}\t0" for frame, (x, y) in zip(tracks.frames, positions[:, i], strict=True)]
        texts.append("\r\n".join([*header, *keys, "", "End of Keyframe Data", ""]))
    return texts
