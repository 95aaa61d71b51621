"""Blinks of a tracked face, from the openness of its eyes.

Example:
    detector = BlinkDetector()
    for frame in video:
        blink = detector(face.measures, frame.time)  # a Blink in the frame in which the eyes are open again, or None
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.measures import FaceMeasures
from facelattice.pose import head_pose

# Fractions of the usual openness of an eye: below the first it is closed, above the second it is open.
CLOSED_SHARE, OPEN_SHARE = 0.6, 0.75
# Degrees. The far eye of the mean 3D face is 15 % narrower at this yaw, half as wide at 53 degrees, and hidden in a
# profile. Errors of its points then have a large effect on its openness, so only the near eye is used.
MAX_YAW_OF_BOTH_EYES = 25.0
BASELINE_SECONDS = 5.0  # the usual openness is that of the last seconds, as people and head poses differ
BASELINE_PERCENTILE = 75
MIN_BASELINE_FRAMES = 5
MAX_SECONDS = 1.0  # closed eyes that open later are not a blink


@dataclass(frozen=True)
class Blink:
    """One blink.

    Attributes:
        start: Time of the first frame with closed eyes, seconds.
        length: Time from there to the first frame with open eyes, seconds.
    """

    start: float
    length: float


class BlinkDetector:
    """Finds the blinks of one face in a video.

    Both eyes must close; a wink is no blink. If the face is turned by more than `MAX_YAW_OF_BOTH_EYES`, only the near
    eye is used, since the far one is narrow or hidden.
    """

    def __init__(self) -> None:
        # Times, and the openness of the left and the right eye, without those of blinks.
        self._history: deque[tuple[float, float, float]] = deque()
        self._closed_since: float | None = None

    def __call__(self, measures: FaceMeasures, time: float) -> Blink | None:
        """Add a frame.

        Args:
            measures: Measures of the face, from points that are not smoothed: smoothing hides short blinks.
            time: Time of the frame, seconds.

        Returns:
            The blink that has ended with this frame, or None. Always None for schemes without eyelids.
        """
        try:
            openness = (measures.left_eye_openness, measures.right_eye_openness)
        except SchemeError:
            return None
        if not all(map(math.isfinite, openness)):
            return None
        while self._history and time - self._history[0][0] > BASELINE_SECONDS:
            self._history.popleft()
        if len(self._history) < MIN_BASELINE_FRAMES:
            self._history.append((time, *openness))
            return None
        share = self._share(openness, _yaw(measures))
        if self._closed_since is None:
            if share < CLOSED_SHARE:
                self._closed_since = time
            else:
                self._history.append((time, *openness))
            return None
        length = time - self._closed_since
        if share > OPEN_SHARE:
            blink = Blink(self._closed_since, length) if length <= MAX_SECONDS else None
            self._closed_since = None
            return blink
        if length > MAX_SECONDS:  # the usual openness may have changed, for example with the head pose
            self._history.append((time, *openness))
        return None

    def _share(self, openness: tuple[float, float], yaw: float) -> float:
        """Return the openness of the eyes that are used, relative to the usual openness of each."""
        # On a turned face, the usual openness of the two eyes differs.
        usual = np.percentile([values for _, *values in self._history], BASELINE_PERCENTILE, axis=0)
        left, right = (np.array(openness) / np.maximum(usual, 1e-6)).tolist()
        if abs(yaw) > MAX_YAW_OF_BOTH_EYES:
            return left if yaw > 0 else right  # a face that is turned to the right shows its left side
        return max(left, right)


def _yaw(measures: FaceMeasures) -> float:
    """Return the yaw in degrees; 0 if it is unknown."""
    try:
        return head_pose(measures.points, measures.scheme).yaw
    except (SchemeError, ArgumentError):
        return 0.0
