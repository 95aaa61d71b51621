"""Conversion of faces to objects of supervision and pandas. Both packages are optional.

Example:
    key_points = to_supervision(FaceAligner()("photo.jpg"))
    image = sv.VertexAnnotator().annotate(image, key_points)
    table = to_dataframe(faces)  # one row for each face
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facelattice.exceptions import ArgumentError, MissingDependencyError
from facelattice.face import Face, list_faces
from facelattice.formats.result_columns import result_values

if TYPE_CHECKING:
    import pandas
    import supervision


def to_supervision(faces: Sequence[Face] | Face) -> supervision.KeyPoints:
    """Convert faces to the key points of supervision.

    Args:
        faces: Faces of one scheme, or one face.

    Returns:
        ``supervision.KeyPoints`` with ``xy`` (M, N, 2) and, in ``data``, arrays (M,) of scores, tracks (0 for none) and
        scheme names, and expected_errors and visibility (M, N), NaN where unknown. It is empty without faces.

    Raises:
        ArgumentError: If the faces have different schemes.
        MissingDependencyError: If supervision is not installed.
    """
    try:
        import supervision as sv
    except ImportError as error:
        raise MissingDependencyError("to_supervision needs supervision; run: pip install supervision") from error
    faces = list_faces(faces)
    if not faces:
        return sv.KeyPoints.empty()
    names = {face.scheme.name for face in faces}
    if len({len(face.points) for face in faces}) > 1 or len(names) > 1:
        raise ArgumentError(f"to_supervision takes faces of one scheme, not of {', '.join(sorted(names))}")
    return sv.KeyPoints(
        xy=np.stack([face.points for face in faces]).astype(np.float32),
        data={
            "score": np.array([face.score for face in faces], np.float32),
            "track": np.array([face.track or 0 for face in faces]),
            "scheme": np.array([face.scheme.name for face in faces]),
            "expected_errors": np.stack([face.expected_errors for face in faces]),
            "visibility": np.stack([_visibility(face) for face in faces]),
        },
    )


def to_dataframe(faces: Sequence[Face] | Face) -> pandas.DataFrame:
    """Convert faces to a pandas table with one row for each.

    Args:
        faces: Faces, also of several schemes, or one face.

    Returns:
        A ``pandas.DataFrame`` with the columns scheme, score, track, x0, y0, x1, y1 (the box), yaw, pitch, roll and the
        measures of `FaceMeasures`, and NAME_x, NAME_y, NAME_error and NAME_visibility for each point. Values that a
        face lacks are NaN.

    Raises:
        MissingDependencyError: If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("to_dataframe needs pandas; run: pip install pandas") from error
    rows = []
    for face in list_faces(faces):
        row = {"scheme": face.scheme.name, "score": face.score, "track": face.track}
        row |= dict(zip(("x0", "y0", "x1", "y1"), face.box.tolist(), strict=True)) | result_values(face)
        values = np.column_stack([face.points, face.expected_errors, _visibility(face)]).tolist()
        for name, (x, y, expected, visibility) in zip(face.scheme.names, values, strict=True):
            row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_error": expected, f"{name}_visibility": visibility}
        rows.append(row)
    return pd.DataFrame(rows)


def _visibility(face: Face) -> np.ndarray:
    """Return the visibility of the points, (N,), NaN if it is unknown."""
    return np.full(len(face.points), np.nan, np.float32) if face.visibility is None else face.visibility
