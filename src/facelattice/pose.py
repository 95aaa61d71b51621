"""Head pose from landmarks.

Example:
    pose = head_pose(face.points, face.scheme, face.expected_errors)
    pose.yaw  # degrees, positive if the face is turned to the right side of the image

A 3D face with a few modes of deformation is fitted to the points by weighted least squares, under a perspective camera
at an unknown distance that looks at the face. The modes contain the differences between people and between expressions,
so that an open mouth does not turn the head. The points of the jaw are not used: annotators mark the visible outline,
which moves over the head when it turns.

Source:
    The 3D face is ``face_shape.json``, under CC0. ``tools/build_face_shape.py`` computed it from the MakeHuman base
    mesh and its targets (CC0, http://www.makehumancommunity.org) and the Face Units of Mika Suominen (CC0). Its frontal
    view is the mean shape of `facelattice.schemes.mean_shape`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.point_names import match_names
from facelattice.schemes import SCHEMES, Scheme, sources_in_98

POINT_DEVIATION = 0.02  # of the face's width: deviations that the modes do not explain, and inaccurate annotations
PERSPECTIVE, PERSPECTIVE_DEVIATION = 0.1, 0.1  # prior of face width / distance of the camera
MAX_PERSPECTIVE = 0.4
MIN_VISIBILITY_WEIGHT = 0.1  # a hidden point has some information, because it is predicted from the others
MAX_ITERATIONS = 8
MIN_STEP, MAX_STEP = 0.01, 0.5  # radians; a smaller step ends the iterations, a larger one is shortened
# Beyond TURNED_YAW degrees, the rest of the yaw is multiplied by 1 + YAW_GAIN times the mean expected error in widths
# of the face, at most MAX_YAW_ERROR. Chosen on synthetic faces (docs/pose.md).
TURNED_YAW, YAW_GAIN, MAX_YAW_ERROR = 50.0, 14.0, 0.1
PROFILE_YAWS = (62.0, 70.0)  # degrees; from the first to the second, the roll becomes pitch, see `HeadPose`
# Degrees: the nod plus the rotation of the image that a profile shows, and the pitch that is taken from this sum.
PROFILE_TILTS, PROFILE_PITCHES = (-120, -60, 60, 120), (60, -60, 60, -60)
REQUIRED_REGIONS = ("left_eye", "right_eye", "nose", "mouth")


@dataclass(frozen=True)
class HeadPose:
    """The rotation of a head in degrees.

    Roll rotates the upright head in the plane of the image. Then yaw rotates it about its vertical axis, and pitch
    about the axis between its ears. Rotating the image changes only the roll. Left and right are the sides of the
    image.

    In a profile, rotating the image and nodding look the same, and close to a profile small errors of the points decide
    between the two. Most cameras are upright. So from a yaw of 62 degrees on, an increasing part of the roll is counted
    as pitch, and from 70 degrees on all of it, if it is at most 60 degrees. Heads do not nod further: a decreasing part
    of a larger roll is counted, and nothing of 90 or 180 degrees, where the image is turned.

    Attributes:
        yaw: Positive if the face is turned to the image's right, -180 to 180, and near 90 for a profile.
        pitch: Positive if the face looks up, -90 to 90.
        roll: Positive if the face is turned clockwise on the screen, -180 to 180.
    """

    yaw: float
    pitch: float
    roll: float

    def __repr__(self) -> str:
        return f"HeadPose({', '.join(f'{name}={value}' for name, value in self.to_dict().items())})"

    def to_dict(self) -> dict[str, float]:
        """Return a dictionary for JSON; angles are rounded to 1/10 degree."""
        return {"yaw": round(self.yaw, 1), "pitch": round(self.pitch, 1), "roll": round(self.roll, 1)}


def head_pose(
    points: np.ndarray,
    scheme: Scheme,
    expected_errors: np.ndarray | None = None,
    visibility: np.ndarray | None = None,
) -> HeadPose:
    """Estimate the head pose from landmarks.

    The camera is assumed to look at the face. A face at the edge of a wide image is seen from its side, and the angles
    are relative to the line from the camera to the face.

    Models place the points of the far side of a turned face near its outline, and the fit then turns the face too
    little. So beyond 50 degrees, the larger the expected errors are, the more the yaw is increased. Exact points keep
    theirs.

    Args:
        points: Points (N, 2), x and y in pixels. Points that are not finite are ignored.
        scheme: Meaning of the points.
        expected_errors: Expected distance (N,) of each point from its true position, pixels; None for 0.
        visibility: Probability (N,) that each point is visible; None for 1. Hidden points have less weight.

    Returns:
        The pose; its angles are finite.

    Raises:
        SchemeError: If the scheme lacks points that the pose needs; the message names them.
        ArgumentError: If the shape of ``points`` is wrong, or too few of the needed points are finite.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape != (len(scheme), 2):
        raise ArgumentError(f"{scheme.name} has {len(scheme)} points, but points are {points.shape}")
    shape = _shape_of(scheme)
    if isinstance(shape, str):
        raise SchemeError(shape)
    observed = shape.averages @ np.where(np.isfinite(points), points, 0)
    known = shape.averages @ ~np.isfinite(points).all(1) == 0
    if known.sum() < 4 or np.ptp(observed[known], axis=0).max() <= 0:
        raise ArgumentError("cannot estimate the head pose: fewer than 4 of the needed points are finite and different")
    centered, flat = observed - observed[known].mean(0), shape.mean[:, :2] - shape.mean[known, :2].mean(0)
    size = np.linalg.norm(centered[known]) / np.linalg.norm(flat[known])  # pixels in one unit of the 3D face
    errors = np.zeros(len(scheme)) if expected_errors is None else np.asarray(expected_errors, np.float64) / size
    errors = np.nan_to_num(errors, posinf=1.0)
    weights = known / (POINT_DEVIATION**2 + shape.averages @ errors**2)
    if visibility is not None:
        shares = np.clip(np.nan_to_num(np.asarray(visibility, np.float64), nan=1.0), 0, 1)
        weights *= shape.averages @ (MIN_VISIBILITY_WEIGHT + (1 - MIN_VISIBILITY_WEIGHT) * shares)
    mean_error = float((shape.averages @ errors)[known].mean())
    return _pose(_fit(shape, centered / size, weights), 1 + YAW_GAIN * min(mean_error, MAX_YAW_ERROR))


@dataclass(frozen=True, eq=False)
class _Shape:
    """The 3D face of a scheme: x to the image's right, y down, z away from the camera; 1 is the width of the face.

    Attributes:
        averages: (n, N), the weights of the scheme's points in each of the n points of the fit.
        mean: (n, 3), the mean positions.
        modes: (n, 3, K), the displacements of K modes whose coefficients have a standard normal distribution.
        starts: (S, 3, 3), the rotations that are compared before the fit.
        views: Complex (S, n), x + iy of the mean under each of them.
    """

    averages: np.ndarray
    mean: np.ndarray
    modes: np.ndarray
    starts: np.ndarray
    views: np.ndarray


@lru_cache(maxsize=16)
def _shape_of(scheme: Scheme) -> _Shape | str:
    """Return the 3D face of a scheme, or a message about the points that the scheme lacks."""
    if scheme.name in SCHEMES and scheme.names == SCHEMES[scheme.name].names:
        mean, modes, _ = _built_in(scheme.name)
        used = np.flatnonzero(np.isfinite(mean).all(1))
        averages, mean, modes = np.eye(len(scheme))[used], mean[used], modes[used]
    else:
        known = _known_points()
        chosen = _match_points(scheme, known)
        missing = [part for part in REQUIRED_REGIONS if part not in {known[name].region for name, _ in chosen}]
        if missing:
            return (
                f"cannot estimate the head pose: the scheme {scheme.name!r} has no known points of "
                f"{', '.join(missing)}; name points as in the built-in schemes (nose_tip, left_mouth), or define the "
                "regions left_eye, right_eye and mouth"
            )
        averages = np.array([row for _, row in chosen])
        mean, modes = (np.array([known[name][k] for name, _ in chosen]) for k in range(2))
    starts = np.array(
        [_rotation(yaw, pitch) for yaw, pitch in product((-80, -60, -40, -20, 0, 20, 40, 60, 80), (-25, 0, 25))]
    )
    projected = np.einsum("sij,nj->sni", starts[:, :2], mean)
    return _Shape(averages, mean, modes, starts, projected[..., 0] + 1j * projected[..., 1])


class _KnownPoint(NamedTuple):
    """A point of a built-in scheme: its mean (3,), its modes (3, K), and its part of the face."""

    mean: np.ndarray
    modes: np.ndarray
    region: str


@cache
def _known_points() -> dict[str, _KnownPoint]:
    """Return the points of all built-in schemes by name."""
    known: dict[str, _KnownPoint] = {}
    for scheme in SCHEMES.values():
        mean, modes, regions = _built_in(scheme.name)
        for i in np.flatnonzero(np.isfinite(mean).all(1)):
            known.setdefault(scheme.names[i], _KnownPoint(mean[i], modes[i], regions[i]))
    return known


def _match_points(scheme: Scheme, known: dict[str, _KnownPoint]) -> list[tuple[str, np.ndarray]]:
    """Return names of known points, and for each the weights (N,) of the points of the scheme that give it."""
    rows = np.eye(len(scheme))
    matches = zip(known, match_names(scheme.names, tuple(known)), strict=True)
    chosen = [(name, rows[i]) for name, i in matches if i is not None]
    # The centers of the eyes and of the mouth, for schemes that name their points in another way.
    found = {known[name].region for name, _ in chosen}
    for part in ("left_eye", "right_eye", "mouth"):
        if part not in found and part in scheme.regions:
            chosen.append((part, rows[scheme.regions[part]].mean(0)))
    return chosen


@cache
def _built_in(name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the mean (N, 3), the modes (N, 3, K) and the regions of the points of a built-in scheme.

    The mean and the modes are NaN for points that the 3D face lacks.
    """
    data = json.loads(Path(__file__).with_name("face_shape.json").read_text(encoding="utf-8"))
    modes = np.array(data["modes"], np.float64).transpose(1, 2, 0) / 10_000
    num_jaw = len(SCHEMES["wflw98"]) - len(modes)  # the points of the jaw are the first of wflw98
    jaw = np.full((num_jaw, *modes.shape[1:]), np.nan)
    all_mean = np.concatenate([jaw[..., 0], np.array(data["mean"], np.float64) / 1000])
    all_modes = np.concatenate([jaw, modes])
    scheme = SCHEMES[name]
    sources = [list(ids) for ids in sources_in_98(scheme)]
    regions = {i: region for region, ids in scheme.regions.items() for i in ids}
    mean = np.array([all_mean[ids].mean(0) for ids in sources])
    # The positions of these points in MEAN_FROM_98 are only valid in the frontal view.
    mean[[i for i, point in enumerate(scheme.names) if "nose_side" in point]] = np.nan
    return mean, np.array([all_modes[ids].mean(0) for ids in sources]), [regions[i] for i in range(len(scheme))]


def _fit(shape: _Shape, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit the 3D face to points (n, 2) with weights (n,), 1 / variance; return its rotation (3, 3)."""
    share = weights / weights.sum()
    mean, observed = shape.mean - share @ shape.mean, observed - share @ observed
    rotation, scale = _best_start(shape, observed, share)
    num_points, _, num_modes = shape.modes.shape
    modes = shape.modes.transpose(1, 0, 2).reshape(3, -1)
    # Parameters: a small rotation (3), coefficients (K), logarithm of the scale, shift (2), perspective.
    coefficients, shift, perspective = np.zeros(num_modes), np.zeros(2), PERSPECTIVE
    prior_precisions = np.array([0.0] * 3 + [1.0] * num_modes + [0.0] * 3 + [1 / PERSPECTIVE_DEVIATION**2])
    prior_errors = np.zeros(num_modes + 7)
    moved = np.zeros((3, num_points, 3 + num_modes))  # derivatives of the rotated points
    jacobian = np.zeros((2, num_points, num_modes + 7))
    jacobian[0, :, -3] = jacobian[1, :, -2] = 1
    for _ in range(MAX_ITERATIONS):
        x, y, z = rotated = rotation @ (mean + shape.modes @ coefficients).T
        nearness = 1 / (1 + perspective * z)
        projected = scale * nearness * rotated[:2]
        moved[0, :, 1], moved[0, :, 2] = z, -y
        moved[1, :, 0], moved[1, :, 2] = -z, x
        moved[2, :, 0], moved[2, :, 1] = y, -x
        moved[:, :, 3:] = (rotation @ modes).reshape(3, num_points, num_modes)
        jacobian[:, :, :-4] = (scale * nearness)[:, None] * moved[:2]
        jacobian[:, :, :-4] -= (perspective * nearness * projected)[:, :, None] * moved[2]
        jacobian[:, :, -4] = projected
        jacobian[:, :, -1] = -z * nearness * projected
        flat = jacobian.reshape(2 * num_points, -1)
        weighted = (jacobian * weights[:, None]).reshape(2 * num_points, -1).T
        prior_errors[3:-4], prior_errors[-1] = coefficients, perspective - PERSPECTIVE
        hessian = weighted @ flat
        hessian.flat[:: num_modes + 8] += prior_precisions + 1e-6 * hessian.flat[:: num_modes + 8]
        residuals = observed.T - projected - shift[:, None]
        step = np.linalg.solve(hessian, weighted @ residuals.ravel() - prior_precisions * prior_errors)
        angle = math.sqrt(step[:3] @ step[:3])
        rotation = _small_rotation(step[:3] * min(1.0, MAX_STEP / max(angle, 1e-9))) @ rotation
        coefficients = coefficients + step[3:-4]
        scale *= math.exp(min(max(step[-4], -0.3), 0.3))
        shift = shift + step[-3:-1]
        perspective = min(max(perspective + float(step[-1]), 0.0), MAX_PERSPECTIVE)
        if angle < MIN_STEP:
            break
    return rotation


def _best_start(shape: _Shape, observed: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the start that fits best after rotation, scaling and shift in the image, and its scale."""
    target = observed[:, 0] + 1j * observed[:, 1]
    views = shape.views - (shape.views @ share)[:, None]
    weighted = views.conj() * share
    products, powers = weighted @ target, (weighted * views).sum(1).real
    best = int(np.argmax(np.abs(products) ** 2 / powers))
    factor = products[best] / powers[best]
    scale = max(abs(factor), 1e-6)
    cos, sin = factor.real / scale, factor.imag / scale
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ shape.starts[best], scale


def _small_rotation(vector: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) about an axis (3,) by its length in radians (Rodrigues' formula)."""
    angle = math.sqrt(vector @ vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _rotation(yaw: float, pitch: float) -> np.ndarray:
    """Return the rotation (3, 3) of a head with a yaw and a pitch in degrees, without roll."""
    a, b = math.radians(-yaw), math.radians(-pitch)
    turn = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    return turn @ np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])


def _pose(rotation: np.ndarray, stretch: float) -> HeadPose:
    """Split a rotation (3, 3) into the angles of `HeadPose`; multiply the yaw beyond `TURNED_YAW` by ``stretch``."""
    sign = 1.0 if rotation[2, 2] >= 0 else -1.0  # a head that is turned by more than 90 degrees
    yaw = math.degrees(math.atan2(rotation[2, 0], sign * math.hypot(rotation[0, 0], rotation[1, 0])))
    roll = math.degrees(math.atan2(sign * rotation[1, 0], sign * rotation[0, 0]))
    pitch = -math.degrees(math.atan2(sign * rotation[2, 1], sign * rotation[2, 2]))
    side, turn = math.copysign(1.0, yaw), abs(yaw)
    if TURNED_YAW < turn < 90:
        turn = min(TURNED_YAW + stretch * (turn - TURNED_YAW), 90.0)
    taken = 0.0
    if turn > PROFILE_YAWS[0]:
        share = min((turn - PROFILE_YAWS[0]) / (PROFILE_YAWS[1] - PROFILE_YAWS[0]), 1.0)
        profile_pitch = float(np.interp(pitch - side * roll, PROFILE_TILTS, PROFILE_PITCHES, period=360))
        taken = share * (profile_pitch - pitch)
    return HeadPose(side * turn, pitch + taken, (roll + side * taken + 180) % 360 - 180)
