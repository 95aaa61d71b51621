"""Track: the state of one tracked face, from which its next position is extrapolated."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from facelattice import geometry
from facelattice.face import Face
from facelattice.inference.predictor import CLEAR_SCORE
from facelattice.inference.roll import follow_roll
from facelattice.video.blinks import BlinkDetector
from facelattice.video.smoothing import FaceSmoother

MAX_EXTRAPOLATION = 0.25  # seconds: a hidden face is assumed to stop soon
VELOCITY_HALF_LIFE = 0.04  # seconds: the smoothing of velocities
APPEARANCE_SIZE = 24  # pixels
APPEARANCE_UPDATE = 0.1  # weight of a new observation in the appearance of a track


@dataclass
class Track:
    """The state of one tracked face.

    Attributes:
        number: The number of the track, from 1.
        face: The last observation, not smoothed.
        time: The time of the last observation, in seconds.
        appearance: The appearance (see `appearance`), averaged over observations.
        smoother: The filter of the points; None without smoothing.
        velocity: The velocity (2,) of the box, in pixels per second.
        blink_detector: Finds the blinks.
    """

    number: int
    face: Face
    time: float
    appearance: np.ndarray
    smoother: FaceSmoother | None
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    blink_detector: BlinkDetector = field(default_factory=BlinkDetector)

    @property
    def roll(self) -> float:
        """The roll of the next crop, in degrees, clockwise."""
        face = self.face
        return follow_roll(face.roll, face.points, face.scheme) if face.score >= CLEAR_SCORE else face.roll

    def extrapolated_box(self, time: float) -> np.ndarray:
        """Return the box (4,) that is expected at a time in seconds."""
        return self.face.box.astype(np.float64) + self._shift(time)

    def crop_box(self, time: float) -> np.ndarray:
        """Return the box (4,) for a crop with the roll at a time in seconds, see `geometry.upright_box`."""
        return geometry.upright_box(self.face.points, self.roll) + self._shift(time)

    def _shift(self, time: float) -> np.ndarray:
        return np.tile(self.velocity * min(time - self.time, MAX_EXTRAPOLATION), 2)

    def similarity(self, face: Face) -> float:
        """Return the correlation (-1 to 1) between the appearance of a face and that of this track."""
        return float(self.appearance @ appearance(face))

    def update(self, face: Face, time: float, maybe_covered: bool) -> None:
        """Add an observation. The box and the appearance of a face that may be partly covered are not reliable."""
        if not maybe_covered:
            seconds = time - self.time
            alpha = 1 - 0.5 ** (seconds / VELOCITY_HALF_LIFE)
            step = geometry.box_center(face.box) - geometry.box_center(self.face.box)
            if seconds > 0:
                self.velocity = self.velocity + alpha * (step / seconds - self.velocity)
            self.appearance = self.appearance + APPEARANCE_UPDATE * (appearance(face) - self.appearance)
        self.face, self.time = face, time


def appearance(face: Face) -> np.ndarray:
    """Return a small blurred upright crop of a face as a zero-mean unit vector; dot products are correlations."""
    crop = face.crop(APPEARANCE_SIZE, margin=1.1)
    vector = cv2.GaussianBlur(crop, (0, 0), 1.0).astype(np.float32).ravel()
    vector -= vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
