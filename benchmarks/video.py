"""Measure tracking and smoothing on clips with known landmarks, made from annotated photos.

    python benchmarks/video.py DATA/300W/helen/testset --photos 8     # needs the extra dev

Each photo gives three clips of 75 frames at 25 frames per second, all with camera noise and JPEG compression:

- rest: the camera does not move.
- motion: the camera pans, rolls and zooms. A face moves by its own width in ten frames.
- hidden: the camera moves slowly, and an ellipse passes in front of the face.

Each pair of photos gives a clip "crossing", in which two heads pass each other. The head behind is not counted while
the other one covers it.

The rows compare `FaceAligner` on each frame ("frame by frame"), `Tracker` without smoothing ("tracked"), and `Tracker`
("smoothed"). The columns, over all frames and faces:

- NME: mean error / distance of the outer eye corners. Missed faces are left out.
- jitter: mean motion of a point from frame to frame without the true motion of the face, in the same unit.
- lag: frames by which the points are behind the face.
- missed: frames in which a face is not found.
- switches: changes of the track of a face.
- lost: faces that are visible at the end of the clip, but not found.

The missed faces are listed below the table.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from result import add_json_option, run, write_result
from rich.progress import track

from facelattice import FaceAligner, Tracker, geometry, load_image
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import match_boxes
from facelattice.face import Face
from facelattice.inference.model_zoo import DEFAULT
from facelattice.metrics import normalizing_distance
from facelattice.visualization.figures import save_figure

NUM_FRAMES, RATE, SIDE = 75, 25.0, 400
NOSE_TIP = 30  # of 68 points
FACE_SIDE = 130  # pixels in a clip
MIN_IOU = 0.4  # of a face and a true face
COVERED_IOU = 0.2  # of two heads, one of which covers the other

Clip = list[tuple[np.ndarray, list[np.ndarray]]]
"""Frames, each with the true points (N, 2) of its faces."""

Method = Callable[[np.ndarray, float], list[Face]]
"""A function from a frame and its time in seconds to faces."""

METHODS: dict[str, Callable[[FaceAligner], Method]] = {
    "frame by frame": lambda aligner: lambda image, time: aligner(image),
    "tracked": lambda aligner: Tracker(aligner, smooth=0),
    "smoothed": lambda aligner: Tracker(aligner),
}


@dataclass
class Totals:
    """Sums over frames and faces."""

    error: float = 0.0
    num_errors: int = 0
    jitter: float = 0.0
    num_steps: int = 0
    lag: float = 0.0
    motion: float = 0.0
    missed: int = 0
    switches: int = 0
    lost: int = 0
    seconds: float = 0.0  # of CPU time
    num_frames: int = 0

    def add(self, other: Totals) -> None:
        """Add the sums of another clip."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def row(self, model: str, kind: str, method: str) -> dict[str, Any]:
        """Return the row of the table; None for what a method or kind of clip does not have."""
        has_tracks = method != "frame by frame"
        return {
            "model": model, "clips": kind, "method": method, "nme": self.error / self.num_errors,
            "jitter": self.jitter / self.num_steps,
            "lag_frames": round(self.lag / self.motion, 4) + 0.0 if kind == "motion" else None, "missed": self.missed,
            "switches": self.switches if has_tracks else None, "lost": self.lost if has_tracks else None,
            "cpu_ms": 1000 * self.seconds / self.num_frames,
        }  # fmt: skip


def camera_clip(sample: Sample, image: np.ndarray, kind: str, seed: int) -> Clip:
    """Make a clip "rest", "motion" or "hidden" of one photo."""
    rng = np.random.default_rng([seed, len(kind)])
    box = geometry.square_box(geometry.box_center(sample.box), geometry.box_side(sample.box))
    photo_to_clip = geometry.crop_transform(box, SIDE, SIDE / FACE_SIDE)
    clip = []
    for i in range(NUM_FRAMES):
        t = i / RATE
        x = y = roll = log_scale = 0.0
        if kind == "motion":
            x, y = 60 * math.sin(6 * t), 30 * math.sin(4 * t)
            roll, log_scale = 12 * math.sin(3 * t), 0.15 * math.sin(2 * t)
        elif kind == "hidden":
            x, y = 20 * math.sin(2 * t), 10 * math.cos(2 * t)
        cos, sin = (math.exp(log_scale) * f(math.radians(roll)) for f in (math.cos, math.sin))
        center = (SIDE - 1) / 2
        motion = np.array([[cos, -sin, center + x - cos * center + sin * center],
                           [sin, cos, center + y - sin * center - cos * center]])  # fmt: skip
        matrix = geometry.compose(motion, photo_to_clip)
        frame = geometry.warp(image, matrix, SIDE, fill=90)
        if kind == "hidden":
            ellipse_center = (int(-80 + (SIDE + 160) * t / (NUM_FRAMES / RATE)), SIDE // 2 + 25)
            cv2.ellipse(frame, ellipse_center, (60, 45), 20, 0, 360, (176, 128, 104), -1, cv2.LINE_AA)
        clip.append((degrade(frame, rng), [geometry.apply(matrix, sample.points)]))
    return clip


def crossing_clip(samples: list[Sample], seed: int) -> Clip:
    """Make a clip in which the heads of two photos pass each other, the first behind the second."""
    rng = np.random.default_rng([seed, 99])
    heads, width, height = [], 520, 300
    for sample in samples:
        matrix = geometry.crop_transform(sample.box, 180, 180 / 110)
        heads.append((geometry.warp(load_image(sample.path), matrix, 180, fill=90), matrix))
    head_mask = np.zeros((180, 180), np.uint8)
    cv2.ellipse(head_mask, (90, 88), (68, 86), 0, 0, 360, 255, -1)
    clip = []
    for i in range(NUM_FRAMES):
        frame, matrices = np.full((height, width, 3), 90, np.uint8), []
        distance = (width - 180) * i / (NUM_FRAMES - 1)
        for (head, matrix), x, y in zip(heads, (distance, width - 180 - distance), (50, 70), strict=True):
            shift = np.array([[1.0, 0, x], [0, 1, y]])
            mask = cv2.warpAffine(head_mask, shift, (width, height)) > 127
            frame[mask] = cv2.warpAffine(head, shift, (width, height))[mask]
            matrices.append(geometry.compose(shift, matrix))
        points = [geometry.apply(matrix, sample.points) for matrix, sample in zip(matrices, samples, strict=True)]
        clip.append((degrade(frame, rng), points))
    return clip


def degrade(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the noise and the compression of a cheap camera."""
    noisy = np.clip(frame + rng.normal(0, 8, frame.shape), 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def find_faces(clip: Clip, method: Method) -> Iterator[list[Face | None]]:
    """Yield for each frame the face found for each true face; None for a missed face."""
    for i, (frame, truth) in enumerate(clip):
        found = method(frame, i / RATE)
        boxes = [geometry.points_box(points) for points in truth]
        matches = match_boxes([face.box for face in found], boxes, MIN_IOU)
        yield [None if k is None else found[k] for k in matches]


def measure(clip: Clip, faces: list[list[Face | None]], samples: list[Sample]) -> tuple[Totals, list[str]]:
    """Measure the faces of a clip; return the sums and the missed faces by name."""
    totals, missed_faces = Totals(), []
    for which, sample in enumerate(samples):
        last: tuple[np.ndarray, np.ndarray] | None = None
        number: int | None = None
        missed: list[int] = []
        is_lost = False
        for i, ((_, truths), found) in enumerate(zip(clip, faces, strict=True)):
            truth, face = truths[which], found[which]
            box = geometry.points_box(truth)
            if any(geometry.iou(box, geometry.points_box(other)) > COVERED_IOU for other in truths[which + 1 :]):
                last, is_lost = None, False
                continue
            is_lost = face is None
            if face is None:
                missed, last = [*missed, i], None
                continue
            eye_distance = normalizing_distance(truth, sample.scheme)
            totals.error += float(np.linalg.norm(face.points - truth, axis=1).mean()) / eye_distance
            totals.num_errors += 1
            if last is not None:
                step, true_step = face.points - last[0], (truth - last[1]).mean(0)
                totals.jitter += float(np.linalg.norm(step - true_step, axis=1).mean()) / eye_distance
                totals.num_steps += 1
                totals.lag += float((truth - face.points).mean(0) @ true_step)
                totals.motion += float(true_step @ true_step)
            if face.track is not None:
                totals.switches += number is not None and face.track != number
                number = face.track
            last = face.points, truth
        totals.missed += len(missed)
        totals.lost += is_lost
        if missed:
            missed_faces.append(f"{sample.path.name} in frame {', '.join(map(str, missed))}{', lost' * is_lost}")
    return totals, missed_faces


def nose_tip_errors(clip: Clip, faces: dict[str, list[list[Face | None]]]) -> dict[str, list[float | None]]:
    """Return the x error of the nose tip in each frame for each method, in pixels; None where no face was found."""
    return {
        name: [
            None if face is None else float(face.points[NOSE_TIP, 0] - points[NOSE_TIP, 0])
            for (_, (points,)), (face,) in zip(clip, found, strict=True)
        ]
        for name, found in faces.items()
    }


def draw_nose_tip(errors: dict[str, list[float | None]], path: Path) -> None:
    """Draw the x error of the nose tip over time, for each method."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot()
    for name, values in errors.items():
        axes.plot(np.arange(NUM_FRAMES) / RATE, np.array(values, float), label=name)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("x error of the nose tip (px)")
    axes.legend(loc="upper right")
    save_figure(figure, path)


def make_clips(samples: list[Sample]) -> Iterator[tuple[str, list[Sample], Clip]]:
    """Yield the kind, the samples and the frames of each clip."""
    for seed, sample in enumerate(samples):
        for kind in ("rest", "motion", "hidden"):
            yield kind, [sample], camera_clip(sample, load_image(sample.path), kind, seed)
    for seed, pair in enumerate(zip(samples[::2], samples[1::2], strict=False)):
        yield "crossing", list(pair), crossing_clip(list(pair), seed)


def format_row(row: dict[str, Any]) -> str:
    """Return a row of the table as Markdown."""
    lag = "-" if row["lag_frames"] is None else f"{row['lag_frames']:.2f} frames"
    tracks = " | ".join("-" if row[key] is None else str(row[key]) for key in ("switches", "lost"))
    errors = f"{100 * row['nme']:.2f} % | {100 * row['jitter']:.2f} %"
    return (
        f"| {row['model']} | {row['clips']} | {row['method']} | {errors} | {lag} | {row['missed']} | {tracks} "
        f"| {row['cpu_ms']:.1f} ms |"
    )


def main() -> None:
    """Measure all clips and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a dataset of 68 points")
    parser.add_argument("--photos", type=int, default=16, help="number of photos, evenly spread over the dataset")
    parser.add_argument("--model", action="append", help="a bundled model or a model file; may be repeated")
    add_json_option(parser)
    options = parser.parse_args()

    samples = [sample for sample in read_samples(options.data) if sample.mask.all()]
    samples = samples[:: max(1, len(samples) // options.photos)][: options.photos]
    aligners = {name: FaceAligner(name) for name in options.model or [DEFAULT]}
    totals: dict[tuple[str, str, str], Totals] = {}
    missed: list[str] = []
    nose_tip: dict[str, list[float | None]] | None = None  # of the first photo in motion
    num_clips = 3 * len(samples) + len(samples) // 2
    for kind, clip_samples, clip in track(make_clips(samples), "clips", total=num_clips):
        for model, aligner in aligners.items():  # in turns, so that other programs slow all models
            faces = {}
            for name, make in METHODS.items():
                start = time.process_time()
                faces[name] = list(find_faces(clip, make(aligner)))
                seconds = time.process_time() - start
                clip_totals, missed_faces = measure(clip, faces[name], clip_samples)
                clip_totals.seconds, clip_totals.num_frames = seconds, len(clip)
                if name != "frame by frame":
                    missed += [f"{model}, {kind}, {name}: {face}" for face in missed_faces]
                for part in (kind, "all"):
                    totals.setdefault((model, part, name), Totals()).add(clip_totals)
            if kind == "motion" and nose_tip is None:
                nose_tip = nose_tip_errors(clip, faces)
    order = {model: i for i, model in enumerate(aligners)}
    ordered = sorted(totals.items(), key=lambda item: (order[item[0][0]], item[0][1] == "all"))
    rows = [clip_totals.row(*key) for key, clip_totals in ordered]
    print("| model | clips | faces | NME | jitter | lag | missed | switches | lost | CPU time per frame |")
    print("|" + 10 * "---|", *map(format_row, rows), "", *missed, sep="\n")
    measured = f"{len(samples)} photos of {options.data.name} in clips of {NUM_FRAMES} frames"
    boxes = "the bundled detector and tracks"
    write_result(options.json, "video", rows, measured, boxes, missed=missed, nose_tip=nose_tip)


if __name__ == "__main__":
    run(main)
