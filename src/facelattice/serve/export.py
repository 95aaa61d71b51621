"""Write landmarks that a client sends, for example corrected ones, as files.

This runs in a worker process, as the data is untrusted.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from facelattice import geometry
from facelattice.crops import TEMPLATES
from facelattice.exceptions import FacelatticeError, FormatError
from facelattice.face import Face
from facelattice.formats.coco import CocoTable
from facelattice.formats.csv import CsvTable
from facelattice.formats.dlib_xml import DlibTable
from facelattice.formats.pts import pts_text
from facelattice.image_io import MAX_PIXELS
from facelattice.schemes import Scheme
from facelattice.serve.jobs import ExportJob
from facelattice.video.landmark_writer import csv_lines

EXPORT_FORMATS = ("json", "csv", "video_csv", "coco", "dlib", "pts", "masks")
_TABLES: dict[str, tuple[str, Callable[[], CsvTable | CocoTable | DlibTable]]] = {
    "csv": ("landmarks.csv", CsvTable),
    "coco": ("coco.json", CocoTable),
    "dlib": ("dlib.xml", DlibTable),
}


@dataclass(frozen=True)
class ImageFaces:
    """The faces of one image.

    Attributes:
        name: Name of the image.
        shape: Height and width.
        faces: The faces.
        time: Time in seconds, for a frame of a video. The name of a frame is its number.
    """

    name: str
    shape: tuple[int, int]
    faces: list[Face]
    time: float


def export_faces(job: ExportJob, scheme: Scheme) -> bytes:
    """Return JSON: {"files": [{"name": ..., "text": ...}]}, or "base64" instead of "text" for masks.

    For "json" the result is {"images": [{"image": ..., "faces": [...]}], "size": ...}. Each face has its pose, its
    measures, and the matrix (2, 3) of its crop, or null if the scheme lacks the points of the template. The size is the
    side of the crops.

    Args:
        job: The faces, and the format.
        scheme: Scheme of their points.

    Raises:
        FormatError: If the data has a wrong structure, or cannot be written in this format.
    """
    images = read_images(job.data, scheme)
    if job.format == "json":
        results = [{"image": image.name, "faces": _results(image.faces, job)} for image in images]
        return _encode({"images": results, "size": job.size or TEMPLATES[job.template]})
    if job.format in _TABLES:
        name, create_table = _TABLES[job.format]
        table = create_table()
        text = "".join([*(table.add(image.name, _with_size(image, scheme)) for image in images), table.end()])
        return _encode({"files": [{"name": name, "text": text}]})
    if job.format == "video_csv":
        return _encode({"files": [{"name": "video.csv", "text": _video_table(images)}]})
    write = _pts_files if job.format == "pts" else _mask_files
    return _encode({"files": [file for image in images for file in write(image, job)]})


def read_images(data: bytes | bytearray, scheme: Scheme) -> list[ImageFaces]:
    """Read the body of an export.

    Raises:
        FormatError: If it is not JSON of the expected structure; the message names the image.
    """
    try:
        images = json.loads(bytes(data))["images"]
        return [_read_image(i, image, scheme) for i, image in enumerate(images)]
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f'expected JSON {{"images": [...]}}: {type(error).__name__}') from None


def _read_image(i: int, image: dict[str, Any], scheme: Scheme) -> ImageFaces:
    where = f"images[{i}]"
    try:
        name, height, width = str(image["image"]), int(image["height"]), int(image["width"])
        faces = [_read_face(face, scheme) for face in image["faces"]]
        seconds = float(_floats(image.get("time", 0.0), ()))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise FormatError(f"{where}: expected image, width, height and faces with points: {reason}") from None
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise FormatError(f"{where}: the size {width} x {height} is not that of an image")
    return ImageFaces(name, (height, width), faces, seconds)


def _read_face(face: dict[str, Any], scheme: Scheme) -> Face:
    num_points = len(scheme)
    points = _floats(face["points"], (num_points, 2))
    visibility = face.get("visibility")
    track = face.get("track")
    return Face(
        points,
        _floats(face.get("expected_errors", [0.0] * num_points), (num_points,)),
        float(_floats(face.get("score", 1.0), ())),
        geometry.points_box(points).astype(np.float32),
        scheme,
        track=None if track is None else int(track),
        visibility=None if visibility is None else _floats(visibility, (num_points,)),
    )


def _floats(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(values, np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers of the shape {shape}, not {array.shape}")
    return array


def _results(faces: list[Face], job: ExportJob) -> list[dict[str, Any]]:
    results = []
    for face in faces:
        try:
            matrix = face.crop_matrix(job.size, job.template).round(6).tolist()
        except FacelatticeError:
            matrix = None
        results.append({**face.to_dict(), "crop_matrix": matrix})
    return results


def _video_table(frames: list[ImageFaces]) -> str:
    """Return the table that `facelattice align --format csv` writes for a video, without the name of the video."""
    lines: list[str] = []
    for frame in frames:
        if not frame.name.isdecimal() or any(face.track is None for face in frame.faces):
            raise FormatError(f"{frame.name!r}: a frame of a video needs its number as image, and faces with a track")
        lines.append(csv_lines("", int(frame.name), round(frame.time, 6), frame.faces, header=not any(lines)))
    return "".join(lines)


def _with_size(image: ImageFaces, scheme: Scheme) -> list[Face]:
    """Return the faces with an image of the right size, for COCO files. The image needs no memory."""
    pixels = np.broadcast_to(np.uint8(0), (*image.shape, 3))
    return [
        Face(face.points, face.expected_errors, face.score, face.box, scheme, pixels, face.track, face.visibility)
        for face in image.faces
    ]


def _pts_files(image: ImageFaces, job: ExportJob) -> Iterator[dict[str, str]]:
    for i, face in enumerate(image.faces):
        yield {"name": f"{_stem(image.name)}{f'_{i}' if i else ''}.pts", "text": pts_text(face.points)}


def _mask_files(image: ImageFaces, job: ExportJob) -> Iterator[dict[str, str]]:
    for i, face in enumerate(image.faces):
        data = cv2.imencode(".png", face.mask(job.region, image.shape))[1].tobytes()
        yield {"name": f"{_stem(image.name)}_{i}_{job.region}.png", "base64": base64.b64encode(data).decode()}


def _stem(name: str) -> str:
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name


def _encode(result: dict[str, Any]) -> bytes:
    return json.dumps(result, allow_nan=False).encode()
