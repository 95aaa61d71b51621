"""Tracker: frames in, faces out, each with the number of the person's track.

    tracker = Tracker()
    for time, image in frames:                    # seconds, uint8 RGB (H, W, 3)
        for face in tracker(image, time):
            print(face.track, face.points)

A face is looked for where it was last and moved on as it moved; the detector looks only every few frames and when a
face is lost. A face that is hidden is waited for, and known again by where it should be and by what it looks like.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from facelattice import geometry
from facelattice.face import Face
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.video.smoothing import FaceSmoother

DETECT_EVERY = 10  # frames
DETECT_HIDDEN = 3  # frames, while someone is hidden
MAX_HIDDEN_SECONDS = 1.0  # seconds that a hidden face is waited for
SAME_PLACE = 0.4  # overlap from which two faces are one, and a face is where it was looked for
TOUCHING = 0.02  # overlap from which on one face may be behind another
SURE = 0.5  # a followed face that scores less must look as before, or be found by the detector
VELOCITY_HALF = 0.04  # seconds in which half of what is known of a face's velocity is replaced
LOOK_SIDE = 24  # pixels of the small upright image that a face is known again by
LOOK_RATE = 0.1  # how fast the memory of a face's look follows it
# Correlations of looks: a face from frame to frame 0.95 and more, half hidden from 0.4 on; two people -0.1 to 0.7, so
# that it is the place that tells who someone is, and the look that says who is not.
ALIKE, UNCHANGED = 0.3, 0.5


@dataclass
class Track:
    """What is known of one face: who it is, where it was last, how it moves (pixels a second), what it looks like."""

    number: int
    face: Face
    time: float
    look: np.ndarray
    smoother: FaceSmoother | None
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def expected(self, time: float) -> np.ndarray:
        """The box (4,) where the face should be at a time. A face that hides is taken to slow down."""
        gone = min(time - self.time, 0.25)
        return self.face.box.astype(np.float64) + np.tile(self.velocity * gone, 2)

    def move(self, face: Face, time: float, free: bool) -> None:
        """Take a new sight of the face in. One that is not ``free`` of others may be half hidden by them: how it moves
        and looks then says nothing of it."""
        if free:
            seconds = time - self.time
            # The share of it that a new sight says: little soon after the last, when a pixel would be a great speed.
            share = 1 - 0.5 ** (seconds / VELOCITY_HALF)
            step = geometry.box_center(face.box) - geometry.box_center(self.face.box)
            if seconds > 0:
                self.velocity = self.velocity + share * (step / seconds - self.velocity)
            self.look = self.look + LOOK_RATE * (appearance(face) - self.look)
        self.face, self.time = face, time


class Tracker:
    """Follows the faces of a video. Feed it the frames in their order; a new video wants a new Tracker.

    aligner: finds the faces; None is one with the bundled default model. smooth: how strongly points are smoothed, 0
    for not at all. every: frames from one look of the detector to the next.
    """

    def __init__(self, aligner: FaceAligner | None = None, smooth: float = 1.0, every: int = DETECT_EVERY):
        if not 0 <= smooth < math.inf or every < 1:
            raise ValueError(f"expected a finite smooth >= 0 and every >= 1, not smooth={smooth}, every={every}")
        self.aligner = aligner or FaceAligner()
        self.smooth, self.every = smooth, every
        self._once = FaceAligner(self.aligner.model, self.aligner.detector, refine=0)
        self._tracks: list[Track] = []
        self._shown: set[int] = set()  # tracks seen in the last frame
        self._count = self._frames = 0
        self._looked = -every  # the last frame that the detector looked at

    def __call__(self, image: Any, time: float) -> list[Face]:
        """The faces of the next frame, an image as `load_image` takes it, at a time in seconds; oldest track first.

        Points are smoothed; a face that is hidden is left out. Raises ImageError for what is no image, ValueError
        for a time before the last.
        """
        image = load_image(image)
        if self._tracks and time < max(track.time for track in self._tracks):
            raise ValueError(f"frames must come in their order, but {time:g} s is before the last")
        # A face of the last frame is there still, however long that frame stood.
        self._tracks = [track for track in self._tracks if track.number in self._shown or time - track.time <= MAX_HIDDEN_SECONDS]
        seen = self._follow(image, time)
        every = self.every if len(seen) == len(self._tracks) else min(self.every, DETECT_HIDDEN)
        if self._frames - self._looked >= every or self._is_news(seen):
            self._find(image, time, seen)
            self._looked = self._frames
        self._frames, self._shown = self._frames + 1, set(seen)
        faces = []
        for track in self._tracks:
            if track.number in seen:
                others = [face for number, face in seen.items() if number != track.number]
                track.move(seen[track.number], time, _is_beside(seen[track.number].box, others, TOUCHING))
                faces.append(self._smoothed(track, time))
        return faces[: self.aligner.max_faces]

    def _follow(self, image: np.ndarray, time: float) -> dict[int, Face]:
        """The tracks that are seen where they are expected, each in a face of its own."""
        boxes = [track.expected(time) for track in self._tracks]
        found = self._once(image, boxes=boxes)
        claims = [
            (float(track.look @ appearance(face)), track.number, face)
            for track, box, face in zip(self._tracks, boxes, found, strict=True)
            if face.score >= self.aligner.min_score and geometry.iou(face.box, box) >= SAME_PLACE
        ]
        hidden = {track.number for track in self._tracks if track.number not in self._shown}
        claims = [claim for claim in claims if claim[0] >= ALIKE or claim[1] not in hidden]
        seen: dict[int, Face] = {}
        # Where two tracks came to the same face, as when people cross, it is the one whom it looks more like.
        for _, number, face in sorted(claims, key=lambda claim: -claim[0]):
            if _is_beside(face.box, seen.values()):
                seen[number] = face
        return seen

    def _is_news(self, seen: dict[int, Face]) -> bool:
        """True where a face of the last frame is gone, or no longer sure."""
        fell = any(
            track.number in seen and seen[track.number].score < SURE <= track.face.score for track in self._tracks
        )
        return fell or not self._shown <= seen.keys()

    def _find(self, image: np.ndarray, time: float, seen: dict[int, Face]) -> None:
        """Add what the detector finds beside the faces seen: those that were hidden, and new ones."""
        boxes = self.aligner.detect(image)
        for track in self._tracks:  # one may have slipped off its face onto something like it
            face = seen.get(track.number)
            doubtful = face is not None and face.score < SURE and float(track.look @ appearance(face)) < UNCHANGED
            if face is not None and doubtful and geometry.highest_iou(boxes, face.box, SAME_PLACE) is None:
                del seen[track.number]
        new: list[Face] = []
        beside = [box for box in boxes if _is_beside(box, seen.values())]
        for face in sorted(self.aligner(image, boxes=beside), key=lambda face: -face.score):
            if face.score >= self.aligner.min_score and _is_beside(face.box, [*seen.values(), *new]):
                new.append(face)
        self._tell_who(new, time, seen)

    def _tell_who(self, new: list[Face], time: float, seen: dict[int, Face]) -> None:
        """Add faces beside those seen: as tracks that were hidden where they are near and look alike, else as new
        tracks."""
        known = list(seen.values())
        hidden = [track for track in self._tracks if track.number not in seen]
        pairs = [
            (float(track.look @ appearance(face)), track.number, i)
            for track in hidden
            for i, face in enumerate(new)
            if _is_near(track, face, time)
        ]
        taken: set[int] = set()
        for alike, number, i in sorted(pairs, reverse=True):
            if alike >= ALIKE and number not in seen and i not in taken and new[i].score >= SURE:
                seen[number] = new[i]
                taken.add(i)
        near = {i for _, _, i in pairs}
        for i, face in enumerate(new):
            # Half of a face behind another looks like nobody: who it is will be seen when the other has passed.
            behind = i in near and (face.score < SURE or not _is_beside(face.box, known, TOUCHING))
            room = self.aligner.max_faces is None or len(seen) < self.aligner.max_faces
            if i not in taken and not behind and room:
                self._count += 1
                smoother = FaceSmoother(self.smooth) if self.smooth > 0 else None
                self._tracks.append(Track(self._count, face, time, appearance(face), smoother))
                seen[self._count] = face

    def _smoothed(self, track: Track, time: float) -> Face:
        face = replace(track.face, track=track.number)
        if track.smoother is None:
            return face
        points = track.smoother(face.points, face.expected_errors, time)
        return replace(face, points=points, box=geometry.points_box(points).astype(np.float32))


def appearance(face: Face) -> np.ndarray:
    """The face upright, small and blurred, as a vector of length 1 without its mean: products are correlations."""
    small = cv2.GaussianBlur(face.crop(LOOK_SIDE, margin=1.1), (0, 0), 1.0).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def _is_beside(box: np.ndarray, faces: Iterable[Face], most: float = SAME_PLACE) -> bool:
    return all(geometry.iou(box, face.box) < most for face in faces)


def _is_near(track: Track, face: Face, time: float) -> bool:
    """True where a face is so near to where a hidden one should be that it may be that one."""
    expected = track.expected(time)
    distance = np.linalg.norm(geometry.box_center(expected) - geometry.box_center(face.box))
    return bool(distance < geometry.box_side(expected) * (1 + 2 * (time - track.time)))
