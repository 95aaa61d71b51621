"""`Face`, the result for one face.

Example:
    face = FaceAligner()("photo.jpg")[0]
    face.points  # float32 (N, 2), pixels of the photo
    face.expected_errors  # float32 (N,), expected distance of each point from its true position, pixels
    face.crop(256)  # the face, upright and centered, uint8 (256, 256, 3)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.schemes import Scheme


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one image.

    Attributes:
        points: Float32 (N, 2), x and y in pixels of the image. Whole numbers are pixel centers.
        expected_errors: Float32 (N,), the expected distance of each point from its true position, in pixels.
        score: 0 to 1, how reliable the points are. It is low where there is no face.
        box: Float32 (4,), x0, y0, x1, y1, the tight box of the points.
        scheme: Meaning of the points.
        image: RGB uint8 (H, W, 3), the image that contains the face; `crop` needs it.
        track: In a video, the number of the person's track; otherwise None.
        visibility: Float32 (N,), 0 to 1, the probability that each point is visible: hidden neither by an object nor by
            the face itself. None if the model does not predict it.
        roll: Roll of the crop in which the points were predicted, in degrees, clockwise in the image, -180 to 180. It
            is about the roll of a turned face, and 0 for a face that is rotated by less than 30 degrees.
    """

    points: np.ndarray
    expected_errors: np.ndarray
    score: float
    box: np.ndarray
    scheme: Scheme
    image: np.ndarray | None = None
    track: int | None = None
    visibility: np.ndarray | None = None
    roll: float = 0.0

    @property
    def visible(self) -> np.ndarray | None:
        """Bool (N,), the points that are more likely visible than hidden; None if the model does not predict it."""
        return None if self.visibility is None else self.visibility >= 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON, without the image; coordinates are rounded to 1/100 pixel."""
        track = {} if self.track is None else {"track": self.track}
        visibility = {} if self.visibility is None else {"visibility": [round(float(v), 3) for v in self.visibility]}
        return {
            **track,
            "scheme": self.scheme.name,
            "score": round(self.score, 4),
            "box": [round(float(v), 2) for v in self.box],
            "points": [[round(float(v), 2) for v in point] for point in self.points],
            "expected_errors": [round(float(v), 2) for v in self.expected_errors],
            **visibility,
        }

    def crop(self, size: int = 256, margin: float = 1.5) -> np.ndarray:
        """Cut the face out of its image, upright and centered.

        Upright means that the line between the eyes is horizontal. A face whose scheme has no eyes is not rotated.

        Args:
            size: Side of the crop in pixels.
            margin: The crop shows ``margin`` times the longer side of the upright face's box.

        Returns:
            RGB uint8 (size, size, 3). Pixels outside the image are black.

        Raises:
            ArgumentError: The face has no image.
        """
        if self.image is None:
            raise ArgumentError("cannot crop a face without its image; use a face that FaceAligner returned")
        rotation = 0.0
        eyes = self.scheme.ocular or self.scheme.pupils
        if eyes is not None:
            left, right = (self.points[list(ids)].mean(0) for ids in eyes)
            rotation = -float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))
        # The center of the points' box changes with the rotation, so it is computed from the rotated points.
        rotated = geometry.crop_transform(self.box, size, margin, rotation)
        upright_box = geometry.points_box(geometry.apply(rotated, self.points))
        center = geometry.apply(geometry.invert(rotated), geometry.box_center(upright_box))
        side = geometry.box_side(upright_box) / geometry.transform_scale(rotated)
        matrix = geometry.crop_transform(geometry.square_box(center, side), size, margin, rotation)
        return geometry.warp(self.image, matrix, size)
