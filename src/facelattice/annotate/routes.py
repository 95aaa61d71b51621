"""The requests of the page: images, their faces, the scheme, training and export."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, Field, FiniteFloat

from facelattice.annotate.prediction import SuggestedFace
from facelattice.annotate.project import MAX_FACES, ImageRecord, VersionError
from facelattice.annotate.session import Session
from facelattice.annotate.table import FaceAnnotation
from facelattice.formats.sink import FORMATS
from facelattice.image_io import load_image

MAX_SIDE = 2400  # pixels of the images that the page shows
THUMBNAIL = 96  # pixels

Point = tuple[FiniteFloat, FiniteFloat]


class FaceBody(BaseModel):
    """A face in a request. Missing points are null."""

    points: list[Point | None]
    hidden: list[bool]


class ImageBody(BaseModel):
    """The new annotation of an image, based on a version."""

    version: str
    done: bool
    faces: Annotated[list[FaceBody], Field(max_length=MAX_FACES)]


class BoxBody(BaseModel):
    """A box that the user drew: x0, y0, x1, y1 in pixels."""

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class SchemeBody(BaseModel):
    """New names and mirror pairs."""

    names: list[str]
    pairs: list[tuple[int, int]]


class TrainingBody(BaseModel):
    """The length of a training round."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]


class ExportBody(BaseModel):
    """The format of an export."""

    format: Literal[FORMATS]  # type: ignore[valid-type]


def create_router(session: Session) -> APIRouter:
    """Create the routes. Their functions are not async, so that the server runs each in a thread."""
    router = APIRouter(prefix="/api")
    project, suggester = session.project, session.suggester

    def record_of(index: int) -> ImageRecord:
        if not 0 <= index < len(project.records):
            raise HTTPException(404, f"there is no image {index}")
        return project.records[index]

    @lru_cache(maxsize=4)
    def load(path: Path) -> np.ndarray:
        return load_image(path)

    @router.get("/project")
    def get_project() -> dict[str, Any]:
        return session.describe()

    @router.get("/training")
    def get_training() -> dict[str, Any]:
        return session.describe_training()

    @router.get("/images/{index}")
    def get_image(index: int) -> dict[str, Any]:
        record = record_of(index)
        image = load(record.path)
        suggested = suggester.suggest(index).faces if record.faces is None else ()
        return {**_describe(record, suggested), "width": image.shape[1], "height": image.shape[0]}

    @router.put("/images/{index}")
    def put_image(index: int, body: ImageBody) -> dict[str, Any]:
        record_of(index)
        faces = [_to_annotation(face) for face in body.faces]
        try:
            return _describe(project.update(index, body.version, faces, body.done))
        except VersionError:
            raise HTTPException(409, "another window has changed this image") from None

    @router.get("/images/{index}/image")
    def get_pixels(index: int) -> Response:
        return _encode(load(record_of(index).path), MAX_SIDE)

    @router.get("/images/{index}/thumbnail")
    def get_thumbnail(index: int) -> Response:
        return _encode(load_image(record_of(index).path), THUMBNAIL)

    @router.post("/images/{index}/face")
    def suggest_face(index: int, body: BoxBody) -> dict[str, Any]:
        record_of(index)
        x0, y0, x1, y1 = body.box
        if x1 <= x0 or y1 <= y0:
            raise HTTPException(422, "the box is empty")
        return _describe_face(suggester.suggest_in_box(index, np.array(body.box)))

    @router.get("/scheme/suggested-pairs")
    def get_pairs() -> list[tuple[int, int]]:
        return session.suggest_pairs()

    @router.put("/scheme")
    def put_scheme(body: SchemeBody) -> dict[str, Any]:
        session.change_scheme(body.names, body.pairs)
        return session.describe_scheme()

    @router.post("/training")
    def start_training(body: TrainingBody) -> dict[str, Any]:
        session.training.start(body.epochs)
        return session.describe_training()

    @router.post("/training/stop")
    def stop_training() -> dict[str, Any]:
        session.training.stop()
        return session.describe_training()

    @router.post("/export")
    def export(body: ExportBody) -> list[str]:
        return session.export(body.format)

    return router


def _describe(record: ImageRecord, suggested: tuple[SuggestedFace, ...] = ()) -> dict[str, Any]:
    faces = suggested if record.faces is None else [SuggestedFace(face) for face in record.faces]
    return {
        "version": record.version, "done": record.done, "annotated": record.faces is not None,
        "faces": [_describe_face(face) for face in faces],
    }  # fmt: skip


def _describe_face(face: SuggestedFace) -> dict[str, Any]:
    points, errors = face.annotation.points, face.expected_errors
    return {
        "points": [None if np.isnan(point).any() else [round(float(v), 3) for v in point] for point in points],
        "hidden": face.annotation.hidden.tolist(),
        "expected_errors": None if errors is None else [round(float(error), 2) for error in errors],
    }


def _to_annotation(face: FaceBody) -> FaceAnnotation:
    points = [(np.nan, np.nan) if point is None else point for point in face.points]
    array = np.array(points, np.float32).reshape(-1, 2)
    hidden = np.array(face.hidden, bool)
    return FaceAnnotation(array, hidden & np.isfinite(array).all(1) if len(hidden) == len(array) else hidden)


def _encode(image: np.ndarray, max_side: int) -> Response:
    """Encode an image as JPEG, scaled down to ``max_side`` if it is larger."""
    scale = min(1.0, max_side / max(image.shape[:2]))
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return Response(data.tobytes(), media_type="image/jpeg")
