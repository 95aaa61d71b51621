"""Face: what the program finds, in one small class that every other part takes and gives.

face = FaceAligner()("photo.jpg")[0]
face.points          # float32 (N, 2), pixels of the photo
face.expected_expected_errors # float32 (N,), how far off each point is expected to be, pixels
face.crop(256)       # the face, upright and centered, uint8 (256, 256, 3)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.schemes import Scheme


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one image.

    points: float32 (N, 2), x then y, pixels of the image; whole numbers are pixel centers.
    expected_errors: float32 (N,), the expected distance of each point from the truth, pixels.
    score: 0 to 1, how much this looks like a face whose points can be trusted.
    box: float32 (4,), x0, y0, x1, y1: the tight box of the points.
    scheme: what the points mean.
    image: uint8 (H, W, 3), the image it was found in, for `crop`; not part of `to_dict`.
    track: in a video, the number of the face that this is; else None.
    """

    points: np.ndarray
    expected_errors: np.ndarray
    score: float
    box: np.ndarray
    scheme: Scheme
    image: np.ndarray | None = None
    track: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON: coordinates to 1/100 pixel."""
        track = {} if self.track is None else {"track": self.track}
        return {
            **track,
            "scheme": self.scheme.name,
            "score": round(self.score, 4),
            "box": [round(float(v), 2) for v in self.box],
            "points": [[round(float(v), 2) for v in point] for point in self.points],
            "expected_errors": [round(float(v), 2) for v in self.expected_errors],
        }

    def crop(self, size: int = 256, margin: float = 1.5) -> np.ndarray:
        """The face turned upright and centered: uint8 (size, size, 3), with ``margin`` times its size around it.

        Upright is by the line between the eyes; a scheme without eyes is left as it is in the image. Raises
        ValueError on a Face that has no image.
        """
        if self.image is None:
            raise ValueError("this face carries no image to crop from; use the Face that FaceAligner gave")
        rotation = 0.0
        eyes = self.scheme.ocular or self.scheme.pupils
        if eyes is not None:
            left, right = (self.points[list(ids)].mean(0) for ids in eyes)
            rotation = -float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))
        # The box in the image is that of the slanted face: center the crop on the box of the turned points.
        turned = geometry.crop_transform(self.box, size, margin, rotation)
        upright = geometry.points_box(geometry.apply(turned, self.points))
        center = geometry.apply(geometry.invert(turned), geometry.box_center(upright))
        box = geometry.square_box(center, geometry.box_side(upright) / geometry.transform_scale(turned))
        return geometry.warp(self.image, geometry.crop_transform(box, size, margin, rotation), size)
