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

from facelattice.exceptions import SchemeError
from facelattice.measures import FaceMeasures

CLOSED_SHARE, OPEN_SHARE = (
    0.6,
    0.75,
)  # of the usual openness: eyes are closed below the first, open above the second
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
    """Finds the blinks of one face in a video. Both eyes must close; a wink is no blink."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, float]] = deque()  # times and openness, without those of blinks
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
            openness = max(measures.left_eye_openness, measures.right_eye_openness)
        except SchemeError:
            return None
        if not math.isfinite(openness):
            return None
        while self._history and time - self._history[0][0] > BASELINE_SECONDS:
            self._history.popleft()
        if len(self._history) < MIN_BASELINE_FRAMES:
            self._history.append((time, openness))
            return None
        share = openness / float(np.percentile([value for _, value in self._history], BASELINE_PERCENTILE))
        if self._closed_since is None:
            if share < CLOSED_SHARE:
                self._closed_since = time
            else:
                self._history.append((time, openness))
            return None
        length = time - self._closed_since
        if share > OPEN_SHARE:
            blink = Blink(self._closed_since, length) if length <= MAX_SECONDS else None
            self._closed_since = None
            return blink
        if length > MAX_SECONDS:  # the usual openness may have changed, for example with the head pose
            self._history.append((time, openness))
        return None
