"""`Face`, the result for one face, and `Faces`, the list of faces of one image.

Example:
    face = FaceAligner()("photo.jpg")[0]
    face.points  # float32 (N, 2), pixels of the photo
    face["left_eye"]  # the points of a region, or of a name: (n, 2); left is the image's
    face.expected_errors  # float32 (N,), expected distance of each point from its true position, pixels
    face.pose  # HeadPose(yaw, pitch, roll) in degrees
    face.measures  # openness of eyes and mouth, raised brows, size
    face.crop()  # the face, upright and centered, uint8 (256, 256, 3)
    face.mask("lips")  # uint8 (H, W)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.crops import TEMPLATES, crop_matrix
from facelattice.exceptions import ArgumentError, FacelatticeError, SchemeError
from facelattice.masks import face_mask
from facelattice.measures import FaceMeasures
from facelattice.messages import suggest_name
from facelattice.pose import HeadPose, head_pose
from facelattice.schemes import Scheme

NOTEBOOK_SIZE = 1024  # longest side of a picture in a notebook, pixels


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """One face in one image.

    Attributes:
        points: Float32 (N, 2), x and y in pixels of the image. Whole numbers are pixel centers.
        expected_errors: Float32 (N,), the expected distance of each point from its true position, in pixels.
        score: 0 to 1, how reliable the points are. It is low where there is no face.
        box: Float32 (4,), x0, y0, x1, y1, the tight box of the points.
        scheme: Meaning of the points.
        image: RGB uint8 (H, W, 3), the image that contains the face; `crop` and notebooks need it.
        track: Number of the face's track in a video; otherwise None.
        visibility: Float32 (N,), 0 to 1, the probability that each point is visible: hidden neither by an object nor by
            the face itself. None if the model does not predict it.
        roll: Roll of the crop in which the points were predicted, in degrees, clockwise in the image, -180 to 180. It
            is approximately the roll of the face, but 0 for a face that is rotated by less than 30 degrees.
        confidence: 0 to 1, the confidence of the detector that this is a face; 1 for a given box.
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
    confidence: float = 1.0

    @property
    def visible(self) -> np.ndarray | None:
        """Bool (N,), points with a visibility of at least 0.5; None if the model does not predict it."""
        return None if self.visibility is None else self.visibility >= 0.5

    def __repr__(self) -> str:
        track = "" if self.track is None else f", track={self.track}"
        box = ", ".join(f"{v:.0f}" for v in self.box)
        error = f"{float(np.mean(self.expected_errors)):.1f} px" if len(self.expected_errors) else "unknown"
        return f"Face({self.scheme.name}, score={self.score:.2f}, box=({box}), expected_error={error}{track})"

    def __getitem__(self, name: str) -> np.ndarray:
        """Return points by the name of a region of the scheme, or of a point. Left and right are the image's.

        A region has priority over a point of the same name.

        Args:
            name: A region, such as "left_eye", or a point, such as "nose_tip".

        Returns:
            Float32 (n, 2) for a region, (2,) for a point.

        Raises:
            SchemeError: If the scheme has no region or point with this name.
        """
        if name in self.scheme.regions:
            return self.points[self.scheme.regions[name]]
        if name in self.scheme.names:
            return self.points[self.scheme.names.index(name)]
        hint = suggest_name(name, [*self.scheme.regions, *self.scheme.names])
        hint = hint or f"its regions are {', '.join(self.scheme.regions) or 'none'}"
        raise SchemeError(f"{self.scheme.name} has no region or point {name!r}; {hint}")

    @cached_property
    def pose(self) -> HeadPose:
        """The head pose in degrees, see `facelattice.pose.head_pose`.

        Raises:
            SchemeError: If the scheme lacks points that the pose needs; the message names them.
            ArgumentError: If too few of the points are finite.
        """
        return head_pose(self.points, self.scheme, self.expected_errors, self.visibility)

    @property
    def measures(self) -> FaceMeasures:
        """Openness of the eyes and the mouth, raised brows and size, see `facelattice.measures.FaceMeasures`."""
        return FaceMeasures(self.points, self.scheme)

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON, without the image; coordinates are rounded to 1/100 pixel.

        The pose and measures that need missing points are left out.
        """
        visibility = {} if self.visibility is None else {"visibility": _round(self.visibility, 3)}
        return {
            **({} if self.track is None else {"track": self.track}),
            "scheme": self.scheme.name,
            "score": round(self.score, 4),
            "box": _round(self.box, 2),
            "points": _round(self.points, 2),
            "expected_errors": _round(self.expected_errors, 2),
            **visibility,
            **self.results(),
        }

    def results(self) -> dict[str, dict[str, float]]:
        """Return the part of `to_dict` that is computed from the points: pose and measures."""
        try:
            pose = {"pose": self.pose.to_dict()}
        except FacelatticeError:
            pose = {}
        return {**pose, "measures": self.measures.to_dict()}

    def crop_matrix(
        self, size: int | None = None, template: str = "upright", margin: float | None = None
    ) -> np.ndarray:
        """Compute the transform from the image to a crop; `geometry.invert` inverts it.

        Args:
            size: Side of the crop in pixels; None for that of the template: 256, arcface 112, ffhq 1024.
            template: "upright", "arcface" or "ffhq", see `facelattice.crops.crop_matrix`.
            margin: For "upright": the crop shows ``margin`` times the longer side of the face's box; None for 1.5.

        Returns:
            The matrix (2, 3). Whole numbers are pixel centers in both the image and the crop.

        Raises:
            ArgumentError: If an argument has a value that is not allowed.
            SchemeError: If the scheme lacks points that the template needs.
        """
        return crop_matrix(self.points, self.scheme, template, size, margin)

    def crop(self, size: int | None = None, template: str = "upright", margin: float | None = None) -> np.ndarray:
        """Cut the face out of its image.

        Args:
            size: Side of the crop in pixels; None for that of the template: 256, arcface 112, ffhq 1024.
            template: "upright": the eyes are level, and the face is in the center. Or "arcface" or "ffhq".
            margin: For "upright": the crop shows ``margin`` times the longer side of the face's box; None for 1.5.

        Returns:
            RGB uint8 (size, size, 3). Pixels outside the image are black.

        Raises:
            ArgumentError: If the face has no image, or an argument has a value that is not allowed.
            SchemeError: If the scheme lacks points that the template needs.
        """
        if self.image is None:
            raise ArgumentError("cannot crop a face without its image; use a face that FaceAligner returned")
        matrix = self.crop_matrix(size, template, margin)
        return geometry.warp(self.image, matrix, TEMPLATES[template] if size is None else size)

    def mask(
        self,
        region: str = "face",
        shape: tuple[int, ...] | None = None,
        forehead: bool = False,
        soft_edge: float = 0.0,
    ) -> np.ndarray:
        """Draw the mask of a region of the face.

        Args:
            region: "face", "skin", "eyes", "left_eye", "right_eye", "brows", "left_brow", "right_brow", "nose",
                "mouth", "lips" or "inner_mouth", see `facelattice.masks.face_mask`. Left and right are the image's.
            shape: Height and width of the mask; None for those of the image.
            forehead: For "face" and "skin": add the forehead, by extrapolation.
            soft_edge: Width of the soft edge in pixels.

        Returns:
            Uint8 (H, W), 0 outside and 255 inside.

        Raises:
            ArgumentError: If the face has no image and no shape is given, or an argument has a value that is not
                allowed.
            SchemeError: If the scheme lacks points that the region needs.
        """
        if shape is None:
            if self.image is None:
                raise ArgumentError("a face without its image needs the shape (height, width) of the mask")
            shape = self.image.shape
        return face_mask(self.points, self.scheme, shape, region, forehead, soft_edge)

    def _repr_png_(self) -> bytes | None:
        """Return the face with its landmarks for a notebook."""
        if self.image is None:
            return None
        matrix = self.crop_matrix()
        points = geometry.apply(matrix, self.points)
        errors = self.expected_errors * geometry.transform_scale(matrix)
        return _draw_png(self.crop(), [replace(self, points=points, expected_errors=errors)])


class Faces(list[Face]):
    """The faces of one image: a list that shows them in notebooks."""

    def _repr_png_(self) -> bytes | None:
        """Return the image with all landmarks for a notebook."""
        image = self[0].image if self else None
        if image is None:
            return None
        scale = min(1.0, NOTEBOOK_SIZE / max(image.shape[:2]))
        matrix = geometry.downscale_transform(1 / scale)
        shown = [
            replace(face, points=geometry.apply(matrix, face.points), expected_errors=face.expected_errors * scale)
            for face in self
        ]
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        return _draw_png(geometry.warp(image, matrix, (width, height)), shown)


def list_faces(faces: Iterable[Face] | Face) -> list[Face]:
    """Return faces as a list; a single face becomes a list of one."""
    return [faces] if isinstance(faces, Face) else list(faces)


def _round(values: np.ndarray, digits: int) -> list[Any]:
    return np.round(np.asarray(values, dtype=np.float64), digits).tolist()


def _draw_png(image: np.ndarray, faces: list[Face]) -> bytes:
    # Imported here, because the drawing module imports this one, and is only needed in notebooks.
    import cv2

    from facelattice.visualization.faces import draw_faces

    return cv2.imencode(".png", draw_faces(image, faces)[..., ::-1])[1].tobytes()
