"""Tracker: follows the faces of a video from frame to frame.

    tracker = Tracker()
    for frame in open_video("clip.mp4"):
        for face in tracker(frame.image, frame.time):
            print(face.track, face.points)

Each face is predicted in a box extrapolated from its last position and velocity, with its last roll. The detector runs
every few frames, and when a face is lost. A hidden face keeps its track for a short time: it is found again by its
position, and distinguished from other faces by its appearance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.face import Face, Faces
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.predictor import LandmarkPredictor
from facelattice.video.blinks import Blink
from facelattice.video.smoothing import FaceSmoother
from facelattice.video.track import Track, appearance

DETECT_EVERY = 10  # frames
DETECT_EVERY_WHILE_HIDDEN = 3  # frames
MAX_HIDDEN_SECONDS = 1.0  # a face that is hidden for longer loses its track
RELIABLE_SCORE = 0.5  # a face with a lower score keeps its track only if its appearance is unchanged or it is detected

SAME_FACE_IOU = 0.4  # boxes with this IoU belong to one face
OCCLUSION_IOU = 0.02  # boxes with this IoU may be a face and another one that covers it

# Similarities are correlations between -1 and 1: 0.95 and more for a face in neighboring frames, 0.4 and more for a
# half covered face, -0.1 to 0.7 for two people. So faces with a low similarity are two people, but those with a high
# one are not always the same person.
MIN_SIMILARITY = 0.3
UNCHANGED_SIMILARITY = 0.5


class Tracker:
    """Follows the faces of one video; use a new Tracker for each video.

    Args:
        aligner: Finds the faces; None for one with the bundled default model.
        smooth: Strength of the smoothing of points: 1 is the tuned value, 0 turns it off.
        detect_every: Frames from one run of the detector to the next, while all faces are visible.

    Attributes:
        blinks: The blinks of each track so far, by its number. A blink is added when the eyes are open again.

    Raises:
        ArgumentError: If an argument has a value that is not allowed.
    """

    def __init__(
        self, aligner: FaceAligner | None = None, smooth: float = 1.0, detect_every: int = DETECT_EVERY
    ) -> None:
        if not 0 <= smooth < math.inf or detect_every < 1:
            raise ArgumentError(
                f"expected a finite smooth >= 0 and detect_every >= 1, not smooth={smooth}, detect_every={detect_every}"
            )
        self.aligner = aligner or FaceAligner()
        self.smooth, self.detect_every = smooth, detect_every
        self.blinks: dict[int, list[Blink]] = {}
        self._predictor = _create_predictor(self.aligner)
        self._tracks: list[Track] = []
        self._visible: set[int] = set()  # numbers of the tracks that were observed in the last frame
        self._num_tracks = self._num_frames = 0
        self._last_detection = -detect_every  # number of the frame

    def __call__(self, image: Any, time: float) -> list[Face]:
        """Find the faces of the next frame.

        Args:
            image: The frame, as `load_image` takes it.
            time: The time of the frame, in seconds.

        Returns:
            The visible faces with their track and smoothed points, oldest track first.

        Raises:
            ImageError: If the frame cannot be used as an image.
            ArgumentError: If the time is before that of the last frame.
        """
        image = load_image(image, max_pixels=self.aligner.max_pixels)
        if self._tracks and time < max(track.time for track in self._tracks):
            raise ArgumentError(f"frames must come in the order of their times, but {time:g} s is before the last")
        self._drop_lost_tracks(time)
        observed = self._follow(image, time)
        if self._needs_detection(observed):
            self._detect(image, time, observed)
            self._last_detection = self._num_frames
        self._num_frames, self._visible = self._num_frames + 1, set(observed)
        faces = []
        for track in self._tracks:
            if track.number in observed:
                face = observed[track.number]
                others = [other for number, other in observed.items() if number != track.number]
                track.update(face, time, maybe_covered=_overlaps(face.box, others, OCCLUSION_IOU))
                if (blink := track.blink_detector(face.measures, time)) is not None:
                    self.blinks[track.number].append(blink)
                faces.append(self._smoothed(track, time))
        return Faces(faces[: self.aligner.max_faces])

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the models and images, so that it is small; see `resume`."""
        tracks = [replace(track, face=replace(track.face, image=None)) for track in self._tracks]
        return {**vars(self), "_tracks": tracks, "aligner": None, "_predictor": None}

    def resume(self, aligner: FaceAligner) -> None:
        """Continue after `pickle.loads`, in any process.

        Args:
            aligner: Finds the faces, with the model and options of the aligner before.
        """
        self.aligner = aligner
        self._predictor = _create_predictor(aligner)

    def _drop_lost_tracks(self, time: float) -> None:
        """Drop tracks that are hidden for too long. Faces of the last frame stay, however long ago it was."""
        self._tracks = [
            track for track in self._tracks if track.number in self._visible or time - track.time <= MAX_HIDDEN_SECONDS
        ]

    def _follow(self, image: np.ndarray, time: float) -> dict[int, Face]:
        """Predict each track in its extrapolated box and return the faces by track number, one track for each face."""
        boxes = [track.extrapolated_box(time) for track in self._tracks]
        crop_boxes, rolls = [track.crop_box(time) for track in self._tracks], [track.roll for track in self._tracks]
        faces = self._predictor.predict([image] * len(boxes), crop_boxes, rolls)
        candidates = [
            (track.similarity(face), track.number, face)
            for track, box, face in zip(self._tracks, boxes, faces, strict=True)
            if face.score >= self.aligner.min_score and geometry.iou(face.box, box) >= SAME_FACE_IOU
        ]
        observed: dict[int, Face] = {}
        # If two tracks lead to one face, for example when people cross, it belongs to the more similar one.
        for similarity, number, face in sorted(candidates, key=lambda candidate: -candidate[0]):
            is_same_person = number in self._visible or similarity >= MIN_SIMILARITY
            if is_same_person and not _overlaps(face.box, observed.values(), SAME_FACE_IOU):
                observed[number] = face
        return observed

    def _needs_detection(self, observed: dict[int, Face]) -> bool:
        """Return whether a face was lost or became unreliable in this frame, or whether the next detection is due."""
        all_visible = len(observed) == len(self._tracks)
        interval = self.detect_every if all_visible else min(self.detect_every, DETECT_EVERY_WHILE_HIDDEN)
        if self._num_frames - self._last_detection >= interval or not self._visible <= observed.keys():
            return True
        return any(
            observed[track.number].score < RELIABLE_SCORE <= track.face.score
            for track in self._tracks
            if track.number in observed
        )

    def _detect(self, image: np.ndarray, time: float, observed: dict[int, Face]) -> None:
        """Add detected faces without a track. Remove tracks that have drifted away from their face."""
        if not self._tracks:
            self._assign_identities(self.aligner(image), time, observed)
            return
        # All faces of a video that was recorded sideways have the same roll.
        roll = max(self._tracks, key=lambda track: (track.time, track.face.score)).roll
        boxes = self.aligner.detect(image, roll)
        for track in self._tracks:
            face = observed.get(track.number)
            if face is None or face.score >= RELIABLE_SCORE or track.similarity(face) >= UNCHANGED_SIMILARITY:
                continue
            if geometry.highest_iou(boxes, face.box, SAME_FACE_IOU) is None:
                del observed[track.number]
        new_faces: list[Face] = []
        free_boxes = [box for box in boxes if not _overlaps(box, observed.values(), SAME_FACE_IOU)]
        found = self.aligner.predictor.predict([image] * len(free_boxes), free_boxes, [roll] * len(free_boxes))
        for face in sorted(found, key=lambda face: -face.score):
            is_new = not _overlaps(face.box, [*observed.values(), *new_faces], SAME_FACE_IOU)
            if face.score >= self.aligner.min_score and is_new:
                new_faces.append(face)
        self._assign_identities(new_faces, time, observed)

    def _assign_identities(self, new_faces: list[Face], time: float, observed: dict[int, Face]) -> None:
        """Add each new face to a hidden track that is near and similar; otherwise start a new track."""
        followed = list(observed.values())
        pairs = [
            (track.similarity(face), track.number, i)
            for track in self._tracks
            if track.number not in observed
            for i, face in enumerate(new_faces)
            if _is_near(track, face, time)
        ]
        assigned: set[int] = set()
        for similarity, number, i in sorted(pairs, reverse=True):
            is_free = number not in observed and i not in assigned
            if is_free and similarity >= MIN_SIMILARITY and new_faces[i].score >= RELIABLE_SCORE:
                observed[number] = new_faces[i]
                assigned.add(i)
        near_hidden_track = {i for _, _, i in pairs}
        for i, face in enumerate(new_faces):
            # The appearance of a half covered face is not reliable: it starts no track if a hidden one is near.
            is_covered = face.score < RELIABLE_SCORE or _overlaps(face.box, followed, OCCLUSION_IOU)
            has_room = self.aligner.max_faces is None or len(observed) < self.aligner.max_faces
            if i not in assigned and has_room and not (i in near_hidden_track and is_covered):
                self._start_track(face, time)
                observed[self._num_tracks] = face

    def _start_track(self, face: Face, time: float) -> None:
        self._num_tracks += 1
        self.blinks[self._num_tracks] = []
        smoother = FaceSmoother(self.smooth) if self.smooth > 0 else None
        self._tracks.append(Track(self._num_tracks, face, time, appearance(face), smoother))

    def _smoothed(self, track: Track, time: float) -> Face:
        face = replace(track.face, track=track.number)
        if track.smoother is None:
            return face
        points = track.smoother(face.points, face.expected_errors, time)
        return replace(face, points=points, box=geometry.points_box(points).astype(np.float32))


def _create_predictor(aligner: FaceAligner) -> LandmarkPredictor:
    return LandmarkPredictor(aligner.model, refine=0, min_score=aligner.min_score)


def _overlaps(box: np.ndarray, faces: Iterable[Face], min_iou: float) -> bool:
    return any(geometry.iou(box, face.box) >= min_iou for face in faces)


def _is_near(track: Track, face: Face, time: float) -> bool:
    """Return whether a hidden face can have moved to a face by this time."""
    box = track.extrapolated_box(time)
    distance = np.linalg.norm(geometry.box_center(box) - geometry.box_center(face.box))
    return bool(distance < geometry.box_side(box) * (1 + 2 * (time - track.time)))
