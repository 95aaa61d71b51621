"""Aligned crops of faces, as face recognition, face generation and other models expect them.

Example:
    matrix = crop_matrix(face.points, face.scheme, "arcface")  # (2, 3), from the image to a crop of 112 x 112 px
    crop = geometry.warp(face.image, matrix, 112)
    points_in_image = geometry.apply(geometry.invert(matrix), points_in_crop)
"""

from __future__ import annotations

import math

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.schemes import Scheme, convert, get_scheme

TEMPLATES = {"upright": 256, "arcface": 112, "ffhq": 1024}
"""The templates and the usual side of their crops in pixels."""

UPRIGHT_MARGIN = 1.5  # side of the crop / side of the face's box

# The eyes, the tip of the nose and the corners of the mouth in a crop of 112 x 112 px; "left" is the image's. Source:
# Deng et al., "ArcFace", CVPR 2019, in InsightFace's `norm_crop`.
ARCFACE_POINTS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
ARCFACE_SIZE = 112


def crop_matrix(
    points: np.ndarray,
    scheme: Scheme,
    template: str = "upright",
    size: int | None = None,
    margin: float | None = None,
) -> np.ndarray:
    """Compute the transform from an image to an aligned crop of a face.

    Templates:
        upright: The line between the eyes is horizontal, and the box of the rotated points is in the center. A face
            whose scheme has no eyes is not rotated.
        arcface: The similarity transform that fits five points to those of ArcFace, as InsightFace's ``norm_crop``. As
            there, a size that is not a multiple of 112 is treated as a multiple of 128: the crop shows 1/16 of its side
            more at the left and the right, and 1/8 more at the bottom.
        ffhq: The square of the alignment of the FFHQ dataset, from the eyes and the corners of the mouth.

    Args:
        points: Points (N, 2) in pixels of the image.
        scheme: Meaning of the points.
        template: One of `TEMPLATES`.
        size: Side of the crop in pixels; None for the usual side of the template: 256, 112 or 1024.
        margin: For "upright": the crop shows ``margin`` times the longer side of the face's box; None for 1.5.

    Returns:
        The matrix (2, 3). Whole numbers are pixel centers in both the image and the crop.

    Raises:
        ArgumentError: If an argument has a value that is not allowed, or needed points are not finite.
        SchemeError: If the scheme lacks points that the template needs; the message names them.
    """
    if template not in TEMPLATES:
        raise ArgumentError(f"unknown template {template!r}; expected one of {', '.join(TEMPLATES)}")
    size = TEMPLATES[template] if size is None else size
    if size < 1:
        raise ArgumentError(f"expected a size of at least 1 pixel, not {size}")
    if template == "upright":
        return _upright(points, scheme, size, UPRIGHT_MARGIN if margin is None else margin)
    if margin is not None:
        raise ArgumentError(f'margin is for the template "upright"; the margin of {template!r} is fixed')
    five = five_points(points, scheme, f'the template "{template}"')
    return _arcface(five, size) if template == "arcface" else _ffhq(five, size)


def five_points(points: np.ndarray, scheme: Scheme, purpose: str) -> np.ndarray:
    """Return the centers of the eyes, the tip of the nose and the corners of the mouth.

    Args:
        points: Points (N, 2).
        scheme: Meaning of the points. Schemes of your own need the names of these points, as in the scheme "five", or
            the names of their eyes in ``pupils``.
        purpose: The purpose of the points, for error messages.

    Returns:
        Points (5, 2) in the order of the scheme "five"; "left" is the image's.

    Raises:
        SchemeError: If the scheme lacks one of the points; the message names it.
        ArgumentError: If one of the points is not finite.
    """
    five = get_scheme("five")
    try:
        found, _ = convert(points, np.ones(len(scheme), bool), scheme, five)
    except SchemeError:
        found = np.full((5, 2), np.nan, np.float32)
        missing = []
        for i, name in enumerate(five.names):
            eyes = scheme.pupils if i < 2 else None
            if eyes is not None:
                found[i] = points[list(eyes[i])].mean(0)
            elif name in scheme.names:
                found[i] = points[scheme.names.index(name)]
            else:
                missing.append(name)
        if missing:
            raise SchemeError(
                f"{purpose} needs the points {', '.join(five.names)}; the scheme {scheme.name!r} lacks "
                f"{', '.join(missing)}"
            ) from None
    if not np.isfinite(found).all():
        raise ArgumentError(f"{purpose} needs the points {', '.join(five.names)}, but some of them are not finite")
    return found


def _upright(points: np.ndarray, scheme: Scheme, size: int, margin: float) -> np.ndarray:
    rotation = 0.0
    eyes = scheme.ocular or scheme.pupils
    if eyes is not None:
        left, right = (points[list(ids)].mean(0) for ids in eyes)
        rotation = -math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))
    # The center of the points' box changes with the rotation, so it is computed from the rotated points.
    rotated = geometry.crop_transform(geometry.face_box(points), size, margin, rotation)
    upright_box = geometry.points_box(geometry.apply(rotated, points))
    center = geometry.apply(geometry.invert(rotated), geometry.box_center(upright_box))
    side = geometry.box_side(upright_box) / geometry.transform_scale(rotated)
    return geometry.crop_transform(geometry.square_box(center, side), size, margin, rotation)


def _arcface(five: np.ndarray, size: int) -> np.ndarray:
    target = np.array(ARCFACE_POINTS)
    if size % ARCFACE_SIZE == 0:
        return geometry.similarity(five, target * size / ARCFACE_SIZE)
    return geometry.similarity(five, (target + np.array([8, 0])) * size / 128)


def _ffhq(five: np.ndarray, size: int) -> np.ndarray:
    """Return the transform to the square of FFHQ.

    Source:
        Karras et al., "A style-based generator architecture for generative adversarial networks", CVPR 2019,
        appendix A.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = five.astype(np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    between_eyes, to_mouth = right_eye - left_eye, mouth - eyes
    # The direction of the x axis: the mean of the line of the eyes and the perpendicular to the line to the mouth.
    x_axis = between_eyes - to_mouth[::-1] * [-1, 1]
    half_side = max(2.0 * float(np.linalg.norm(between_eyes)), 1.8 * float(np.linalg.norm(to_mouth)))
    rotation = -math.degrees(math.atan2(x_axis[1], x_axis[0]))
    return geometry.crop_transform(geometry.square_box(eyes + 0.1 * to_mouth, 2 * half_side), size, 1.0, rotation)
