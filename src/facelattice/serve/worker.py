"""The code of a worker process: decodes images and finds their faces, one batch after another."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection

import numpy as np

from facelattice import geometry
from facelattice.exceptions import FacelatticeError, FormatError, ImageError, ModelError
from facelattice.face import Face
from facelattice.image_formats import silence_pillow
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT, find_model
from facelattice.inference.onnx_model import Model
from facelattice.messages import get_logger
from facelattice.onnx_session import set_num_threads
from facelattice.serve.decode import decode
from facelattice.serve.export import export_faces
from facelattice.serve.jobs import (
    AlignResult,
    ExportJob,
    ExportResult,
    Job,
    Outcome,
    StreamState,
    VideoJob,
    WorkerFailedError,
)
from facelattice.serve.video import follow_video
from facelattice.stop_signals import ignore_stop_signals
from facelattice.video.tracker import Tracker

READY = "ready"


def run_worker(pipe: Connection) -> None:
    """Process batches of jobs, or a video, until the other end of the pipe is closed.

    Args:
        pipe: First sends `READY`. Then receives lists of jobs, and sends a list of outcomes for each. For a `VideoJob`,
            sends lines of JSON, and a `VideoEnd` at the end.
    """
    ignore_stop_signals()  # the server handles them, and first completes the requests in progress
    silence_pillow()  # clients could fill the log
    set_num_threads(1)
    models = {DEFAULT: Model(find_model())}
    pipe.send(READY)
    with suppress(EOFError, OSError):  # OSError: the server was killed while a batch was in progress
        while True:
            jobs = pipe.recv()
            if isinstance(jobs, VideoJob):
                follow_video(_load(models, jobs.model), jobs, pipe)
            else:
                pipe.send(process_batch(models, jobs))


def process_batch(models: dict[str, Model], jobs: Sequence[Job | ExportJob]) -> list[Outcome]:
    """Return the outcome of each job.

    If the batch fails, its jobs run one by one, so that a failure affects only one image.

    Args:
        models: The models loaded so far. A missing one is loaded.
        jobs: Jobs that differ only in their images.
    """
    try:
        model = _load(models, jobs[0].model)
        if isinstance(jobs[0], ExportJob):
            return [_export(model, jobs[0])]
        images = [job for job in jobs if isinstance(job, Job)]
        return _align(model, images) if images[0].stream is None else [_follow(model, images[0], images[0].stream)]
    except Exception as error:
        if len(jobs) > 1:
            return [outcome for job in jobs for outcome in process_batch(models, [job])]
        get_logger().error("a worker process failed", exc_info=error)
        return [WorkerFailedError("the server failed")]


def _load(models: dict[str, Model], name: str) -> Model:
    if name not in models:
        models[name] = Model(find_model(name))
    return models[name]


def _export(model: Model, job: ExportJob) -> Outcome:
    try:
        return ExportResult(export_faces(job, model.scheme))
    except FacelatticeError as error:
        return FormatError(str(error))


def _follow(model: Model, job: Job, stream: StreamState) -> Outcome:
    """Return the outcome for a frame of a stream."""
    start = time.perf_counter()
    try:
        image = decode(job.data)
    except ImageError as error:
        return ImageError(str(error))
    decoded = time.perf_counter()
    aligner = FaceAligner(model, min_score=job.min_score, max_faces=job.max_faces)
    if stream.tracker is None:
        tracker = Tracker(aligner)
    else:
        tracker = pickle.loads(stream.tracker)  # from another worker process
        tracker.resume(aligner)
    faces = tracker(image, stream.time)
    edges = [_edges(model, face) for face in faces] if job.edge_weights else None
    times = {"decode": 1000 * (decoded - start), "find": 1000 * (time.perf_counter() - decoded)}
    return AlignResult(
        [replace(face, image=None) for face in faces], edges,
        {name: round(value, 1) for name, value in times.items()}, pickle.dumps(tracker),
    )  # fmt: skip


def _align(model: Model, jobs: Sequence[Job]) -> list[Outcome]:
    """Return the outcome of each job. Images are decoded when the aligner takes them, so that few are in memory."""
    # max_faces is not passed to the aligner: with 1, it detects on a small image, and could miss the best face.
    aligner = FaceAligner(model, min_score=jobs[0].min_score)
    errors: dict[int, ImageError] = {}
    decode_times: dict[int, float] = {}

    def images() -> Iterator[np.ndarray]:
        for i, job in enumerate(jobs):
            start = time.perf_counter()
            try:
                image = decode(job.data)
            except ImageError as error:
                # A new error, as the traceback and the context of this one refer to the image.
                errors[i] = ImageError(str(error))
                continue
            decode_times[i] = 1000 * (time.perf_counter() - start)
            yield image

    start = time.perf_counter()
    found = []
    for all_faces in aligner.batch(images()):
        faces = all_faces[: jobs[0].max_faces]
        edges = [_edges(model, face) for face in faces] if jobs[0].edge_weights else None
        found.append(([replace(face, image=None) for face in faces], edges))
    find_time = 1000 * (time.perf_counter() - start) - sum(decode_times.values())
    results = iter(found)
    return [
        errors[i] if i in errors
        else AlignResult(*next(results), {"decode": round(decode_times[i], 1), "find": round(find_time, 1)})
        for i in range(len(jobs))
    ]  # fmt: skip


def _edges(model: Model, face: Face) -> list[tuple[int, int, float]]:
    """Return the edges (point, neighbor, edge weight) of a face. A model without a graph has none."""
    assert face.image is not None
    transform = geometry.crop_transform(face.box, model.crop_size, model.crop_margin)
    try:
        (edge_weights,) = model.edge_weights(geometry.warp(face.image, transform, model.crop_size)[None])
    except ModelError:
        return []
    return [(int(i), int(j), round(float(edge_weights[i, j]), 4)) for i, j in np.argwhere(edge_weights > 1e-4)]
