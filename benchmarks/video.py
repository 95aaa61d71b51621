"""What following and smoothing are worth: clips with a known truth, made from annotated photos.

    python benchmarks/video.py DATA/300W/helen/testset -o docs/images/video.svg       # needs the extra dev

Each photo becomes three clips of 75 frames at 25 a second, all with camera noise and compressed: "rest", a camera that
stands still; "motion", one that pans, turns and zooms, up to a face's width in ten frames; "hidden", one that drifts
while a blob in front passes over the face. In a fourth kind, "crossing", the heads of two photos pass each other; the
one behind counts again when it is clear of the other.

Frame by frame is FaceAligner on each frame, with its detector; "followed" is Tracker without smoothing. NME is the mean
over all frames and faces, inter-ocular; a frame without the face counts as missed and in nothing else. Jitter is how
far a point moves between two frames beside the true motion, a share of the same distance; lag, how many frames the
points are behind the truth. A switch is a face that changes its number; a lost track is one whose face is in sight when
the clip ends, but no longer followed. Below the table each track that missed its face is named, with the frames.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from rich.progress import track

from facelattice import FaceAligner, Tracker, geometry, load_image
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import pair
from facelattice.face import Face
from facelattice.metrics import normalizing_distance
from facelattice.visualization.figures import save

FRAMES, RATE, SIDE = 75, 25.0, 400
NOSE = 30  # the tip, of 68 points
FACE = 130  # pixels of the face's box in a clip
Clip = list[tuple[np.ndarray, list[np.ndarray]]]  # frames, and the true points of each face in them
Follow = Callable[[np.ndarray, float], list[Face]]


def camera(sample: Sample, image: np.ndarray, kind: str, seed: int) -> Clip:
    """One photo as a camera of that kind sees it."""
    rng = np.random.default_rng([seed, len(kind)])
    box = geometry.square_box(geometry.box_center(sample.box), geometry.box_side(sample.box))
    base = geometry.crop_transform(box, SIDE, SIDE / FACE)
    clip = []
    for i in range(FRAMES):
        t = i / RATE
        x = y = turn = grow = 0.0
        if kind == "motion":
            x, y, turn, grow = 60 * math.sin(6 * t), 30 * math.sin(4 * t), 12 * math.sin(3 * t), 0.15 * math.sin(2 * t)
        elif kind == "hidden":
            x, y = 20 * math.sin(2 * t), 10 * math.cos(2 * t)
        cos, sin = (math.exp(grow) * f(math.radians(turn)) for f in (math.cos, math.sin))
        middle = (SIDE - 1) / 2
        move = np.array([[cos, -sin, middle + x - cos * middle + sin * middle],
                         [sin, cos, middle + y - sin * middle - cos * middle]])  # fmt: skip
        matrix = geometry.compose(move, base)
        frame = geometry.warp(image, matrix, SIDE, fill=90)
        if kind == "hidden":
            blob = (int(-80 + (SIDE + 160) * t / (FRAMES / RATE)), SIDE // 2 + 25)
            cv2.ellipse(frame, blob, (60, 45), 20, 0, 360, (176, 128, 104), -1, cv2.LINE_AA)
        clip.append((degrade(frame, rng), [geometry.apply(matrix, sample.points)]))
    return clip


def crossing(samples: list[Sample], seed: int) -> Clip:
    """The heads of two photos pass each other, the first behind the second."""
    rng = np.random.default_rng([seed, 99])
    heads, width, height = [], 520, 300
    for sample in samples:
        matrix = geometry.crop_transform(sample.box, 180, 180 / 110)
        heads.append((geometry.warp(load_image(sample.path), matrix, 180, fill=90), matrix))
    oval = np.zeros((180, 180), np.uint8)
    cv2.ellipse(oval, (90, 88), (68, 86), 0, 0, 360, 255, -1)
    clip = []
    for i in range(FRAMES):
        frame, truth = np.full((height, width, 3), 90, np.uint8), []
        far = (width - 180) * i / (FRAMES - 1)
        for (head, matrix), x, y in zip(heads, (far, width - 180 - far), (50, 70), strict=True):
            place = np.array([[1.0, 0, x], [0, 1, y]])
            cover = cv2.warpAffine(oval, place, (width, height)) > 127
            frame[cover] = cv2.warpAffine(head, place, (width, height))[cover]
            truth.append(geometry.compose(place, matrix))
        points = [geometry.apply(matrix, sample.points) for matrix, sample in zip(truth, samples, strict=True)]
        clip.append((degrade(frame, rng), points))
    return clip


def degrade(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame as a cheap camera gives it: noise, then compression."""
    noisy = np.clip(frame + rng.normal(0, 8, frame.shape), 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def follow(clip: Clip, how: Follow) -> Iterator[list[Face | None]]:
    """For each frame the face found for each true one."""
    for i, (frame, truth) in enumerate(clip):
        found = how(frame, i / RATE)
        best = pair([face.box for face in found], [geometry.points_box(points) for points in truth], 0.4)
        yield [None if k is None else found[k] for k in best]


def measure(clip: Clip, faces: list[list[Face | None]], samples: list[Sample]) -> tuple[dict[str, float], list[str]]:
    """Sums over a clip: errors and their count, jitter, lag, missed, switches, lost; and the faces missed, by name."""
    pluralize = "error", "frames", "jitter", "steps", "behind", "speed", "missed", "switches", "lost"
    sums, named = dict.fromkeys(pluralize, 0.0), []
    for which, sample in enumerate(samples):
        last: tuple[np.ndarray, np.ndarray] | None = None
        number: int | None = None
        missed: list[int] = []
        lost = False
        for i, ((_, truths), found) in enumerate(zip(clip, faces, strict=True)):
            truth, face = truths[which], found[which]
            if any(geometry.overlap(*map(geometry.points_box, (truth, other))) > 0.2 for other in truths[which + 1 :]):
                last, lost = None, False  # behind another head, where a face is not to be found
                continue
            lost = face is None
            if face is None:
                missed, last = [*missed, i], None
                continue
            size = normalizing_distance(truth, sample.scheme)
            sums["error"] += float(np.linalg.norm(face.points - truth, axis=1).mean()) / size
            sums["frames"] += 1
            if last is not None:
                step, true_step = face.points - last[0], (truth - last[1]).mean(0)
                sums["jitter"] += float(np.linalg.norm(step - true_step, axis=1).mean()) / size
                sums["steps"] += 1
                sums["behind"] += float((truth - face.points).mean(0) @ true_step)
                sums["speed"] += float(true_step @ true_step)
            if face.track is not None:
                sums["switches"] += number is not None and face.track != number
                number = face.track
            last = face.points, truth
        sums["missed"] += len(missed)
        sums["lost"] += lost
        if missed:
            named.append(f"{sample.path.name} at frame {', '.join(map(str, missed))}{', lost' * lost}")
    return sums, named


def curves(clip: Clip, by: dict[str, list[list[Face | None]]], path: Path) -> None:
    """The nose tip's way across in a clip, minus the truth, frame by frame, followed and smoothed."""
    plot = Figure(figsize=(8, 3), layout="constrained")
    axes = plot.add_subplot()
    for name, faces in by.items():
        noses = [np.nan if face is None else face.points[NOSE, 0] for (face,) in faces]
        axes.plot(np.arange(FRAMES) / RATE, noses - np.array([truth[NOSE, 0] for _, (truth,) in clip]), label=name)
    axes.set_xlabel("seconds")
    axes.set_ylabel("nose tip, px right of the truth")
    axes.legend(loc="upper right")
    save(plot, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=16, help="evenly out of the data")
    parser.add_argument("--model", default=None)
    parser.add_argument("-o", type=Path, default=None, help="draw the curves of the first photo's motion")
    options = parser.parse_args()

    samples = [sample for sample in read_samples(options.data) if sample.mask.all()]
    samples = samples[:: max(1, len(samples) // options.photos)][: options.photos]
    aligner = FaceAligner(options.model)
    ways: dict[str, Callable[[], Follow]] = {
        "frame by frame": lambda: lambda image, time: aligner(image),
        "followed": lambda: Tracker(aligner, smooth=0),
        "smoothed": lambda: Tracker(aligner),
    }
    clips: list[tuple[str, list[Sample], Callable[[], Clip]]] = []
    for seed, sample in enumerate(samples):
        for kind in ("rest", "motion", "hidden"):
            clips.append((kind, [sample], lambda a=sample, b=kind, c=seed: camera(a, load_image(a.path), b, c)))
    for seed, two in enumerate(zip(samples[::2], samples[1::2], strict=False)):
        clips.append(("crossing", list(two), lambda a=list(two), b=seed: crossing(a, b)))
    totals: dict[tuple[str, str], dict[str, float]] = {}
    missed: list[str] = []
    drawn = False
    for kind, faces, make in track(clips, "clips"):
        clip = make()
        by = {name: list(follow(clip, way())) for name, way in ways.items()}
        for name, found in by.items():
            sums, named = measure(clip, found, faces)
            missed += [f"{kind}, {name}: {face}" for face in named if name != "frame by frame"]
            for row in (kind, name), ("all", name):
                total = totals.setdefault(row, dict.fromkeys(sums, 0.0))
                totals[row] = {key: total[key] + value for key, value in sums.items()}
        if options.o is not None and kind == "motion" and not drawn:
            curves(clip, by, options.o)
            drawn = True
    print("| clips | faces | NME | jitter | lag | missed | switches | lost |\n|---|---|---|---|---|---|---|---|")
    for (kind, name), t in sorted(totals.items(), key=lambda row: row[0][0] == "all"):  # those of all clips last
        nme, jitter = (f"{100 * t[a] / t[b]:.2f} %" for a, b in (("error", "frames"), ("jitter", "steps")))
        lag = f"{round(t['behind'] / t['speed'], 2) + 0.0:.2f} frames" if kind == "motion" else "-"
        tracks = "- | -" if name == "frame by frame" else f"{t['switches']:.0f} | {t['lost']:.0f}"
        print(f"| {kind} | {name} | {nme} | {jitter} | {lag} | {t['missed']:.0f} | {tracks} |")
    print("", *missed, sep="\n")


if __name__ == "__main__":
    main()
