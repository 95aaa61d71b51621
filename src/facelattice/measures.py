"""Simple measures of a face from its landmarks: openness of the eyes and the mouth, raised brows, size.

Example:
    measures = FaceMeasures(face.points, face.scheme)
    measures.left_eye_openness  # about 0.3 for an open eye, below 0.15 for a closed one
    measures.to_dict()  # all measures whose points the scheme has

The measures are for comparisons of a face with itself, for example over the frames of a video: blinks, speech,
surprise. They differ between people, and change with the head pose. Turning the head shortens widths: at a yaw of 50
degrees, the openness of an open eye at the far side is 0.5 to 0.7, and that of the mouth rises too. A nod shortens
heights, so the openness falls. They are no measures of emotions, drowsiness or the direction of the gaze.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.schemes import SCHEMES, Scheme

MEASURES = ("left_eye_openness", "right_eye_openness", "mouth_openness", "mouth_width", "brow_raise", "size")
"""The names of the measures."""


@dataclass(frozen=True, eq=False, repr=False)
class FaceMeasures:
    """Measures of one face. Left and right are the sides of the image.

    Each measure is computed when it is read. It is NaN if one of its points is not finite.

    Attributes:
        points: Points (N, 2), pixels.
        scheme: Meaning of the points.

    Raises:
        SchemeError: If the scheme lacks the points of a measure, when it is read; the message names them.
    """

    points: np.ndarray
    scheme: Scheme

    @property
    def left_eye_openness(self) -> float:
        """Height / width of the eye at the left of the image (eye aspect ratio).

        Source:
            Soukupova and Cech, "Real-time eye blink detection using facial landmarks", CVWW 2016.
        """
        return self._eye_openness("left")

    @property
    def right_eye_openness(self) -> float:
        """Height / width of the eye at the right of the image (eye aspect ratio)."""
        return self._eye_openness("right")

    @property
    def mouth_openness(self) -> float:
        """Mean distance of the inner lips / width of the mouth."""
        pairs = _opposite_points(self.scheme, "mouth_openness", "upper_lip_inner", "lower_lip_inner")
        return self._mean_distance(pairs) / self._distance("left_mouth", "right_mouth", "mouth_openness")

    @property
    def mouth_width(self) -> float:
        """Distance of the corners of the mouth / distance of the centers of the eyes."""
        left, right = self._eye_centers("mouth_width")
        return self._distance("left_mouth", "right_mouth", "mouth_width") / max(math.dist(left, right), 1e-6)

    @property
    def brow_raise(self) -> float:
        """Mean height of the brows over the centers of the eyes / distance of the centers of the eyes."""
        left, right = self._eye_centers("brow_raise")
        heights = []
        for name, eye in (("left_brow", left), ("right_brow", right)):
            if name not in self.scheme.regions:
                advice = f"add to its YAML file, under regions, {name}: [names of its points]"
                raise _lacks(self.scheme, "brow_raise", f"the region {name}", advice)
            x, y = self._center(self.scheme.regions[name])
            heights.append(((x - eye[0]) * (right[1] - left[1]) - (y - eye[1]) * (right[0] - left[0])) / 2)
        return sum(heights) / max(math.dist(left, right), 1e-6) ** 2

    @property
    def size(self) -> float:
        """Longer side of the tight box of the points, pixels."""
        try:
            return geometry.box_side(geometry.points_box(self.points))
        except ArgumentError:  # no point is finite
            return math.nan

    def to_dict(self) -> dict[str, float]:
        """Return the measures whose points the scheme has, rounded for JSON; those that are NaN are left out."""
        values = {}
        for name in available_measures(self.scheme):
            value = getattr(self, name)
            if math.isfinite(value):
                values[name] = round(value, 1 if name == "size" else 3)
        return values

    def __repr__(self) -> str:
        return f"FaceMeasures({', '.join(f'{name}={value}' for name, value in self.to_dict().items())})"

    def _eye_openness(self, side: str) -> float:
        measure = f"{side}_eye_openness"
        pairs = _opposite_points(self.scheme, measure, f"{side}_eye_top", f"{side}_eye_bottom")
        return self._mean_distance(pairs) / self._distance(f"{side}_eye_outer", f"{side}_eye_inner", measure)

    def _mean_distance(self, pairs: Sequence[tuple[int, int]]) -> float:
        distances = [math.dist(self.points[a], self.points[b]) for a, b in pairs]
        return sum(distances) / len(distances)

    def _distance(self, a: str, b: str, measure: str) -> float:
        return max(math.dist(*(self.points[i] for i in _indices(self.scheme, measure, a, b))), 1e-6)

    def _center(self, ids: Sequence[int]) -> tuple[float, float]:
        x, y = zip(*(self.points[i].tolist() for i in ids), strict=True)
        return sum(x) / len(ids), sum(y) / len(ids)

    def _eye_centers(self, measure: str) -> tuple[tuple[float, float], tuple[float, float]]:
        eyes = self.scheme.pupils or self.scheme.ocular
        if eyes is None:
            advice = "add to its YAML file ocular: [point of the left eye, point of the right eye]"
            raise _lacks(self.scheme, measure, "pupils or ocular, the points of the eyes", advice)
        return self._center(eyes[0]), self._center(eyes[1])


@lru_cache(maxsize=16)
def available_measures(scheme: Scheme) -> tuple[str, ...]:
    """Return the names of the measures whose points a scheme has."""
    face = FaceMeasures(np.zeros((len(scheme), 2)), scheme)
    available = []
    for name in MEASURES:
        try:
            getattr(face, name)
        except SchemeError:
            continue
        available.append(name)
    return tuple(available)


@lru_cache(maxsize=256)
def _opposite_points(scheme: Scheme, measure: str, upper: str, lower: str) -> tuple[tuple[int, int], ...]:
    """Return the pairs of points whose names differ in ``upper`` and ``lower``, with any number or side."""
    index = {name: i for i, name in enumerate(scheme.names)}
    pairs = tuple((i, index[other]) for name, i in index.items()
                  if upper in name and (other := name.replace(upper, lower)) in index)  # fmt: skip
    if not pairs:
        raise _lacks_points(scheme, measure, [upper, lower])
    return pairs


@lru_cache(maxsize=256)
def _indices(scheme: Scheme, measure: str, *names: str) -> tuple[int, ...]:
    missing = [name for name in names if name not in scheme.names]
    if missing:
        raise _lacks_points(scheme, measure, missing)
    return tuple(scheme.names.index(name) for name in names)


def _lacks_points(scheme: Scheme, measure: str, names: list[str]) -> SchemeError:
    return _lacks(scheme, measure, f"the points {', '.join(names)}", "points in its YAML file need these names")


def _lacks(scheme: Scheme, measure: str, missing: str, advice: str) -> SchemeError:
    advice = "" if scheme.name in SCHEMES else f"; {advice}"  # built-in schemes cannot be changed
    return SchemeError(f"{measure}: the scheme {scheme.name!r} lacks {missing}{advice}")
