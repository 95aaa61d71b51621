"""The response to `POST /v1/align`: JSON, CSV or .pts."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from facelattice.exceptions import FacelatticeError, WorkerError
from facelattice.formats.csv import CsvTable
from facelattice.formats.pts import pts_text
from facelattice.serve.jobs import AlignResult, ExportResult, Outcome, WorkerCrashedError, WorkerTimeoutError

ResponseFormat = Literal["json", "pts", "csv"]

EXAMPLES: dict[str, Any] = {
    "application/json": {
        "example": {
            "model": "ibug68",
            "faces": [
                {
                    "scheme": "ibug68",
                    "score": 0.8,
                    "box": [163.6, 72.3, 254, 162],
                    "points": [[163.8, 83.5]],
                    "expected_errors": [1.2],
                    "visibility": [0.98],
                    "pose": {"yaw": -0.3, "pitch": -4.8, "roll": 3.2},
                    "measures": {"left_eye_openness": 0.327, "mouth_openness": 0.159, "size": 91.8},
                }
            ],
            "milliseconds": {"decode": 3.1, "find": 41.5},
        }
    },
    "text/plain": {"example": "version: 1\nn_points: 68\n{\n164.7700 84.5100\n...\n}\n"},
    "text/csv": {"example": "image,face,score,x0,y0,yaw,pitch,roll\nimage,0,0.7990,163.770,83.510,-0.3,-4.8,3.2\n"},
}
VIDEO_EXAMPLE: dict[str, Any] = {
    "application/x-ndjson": {
        "example": '{"num_frames": 250, "rate": 25.0}\n'
        '{"frame": 0, "time": 0.0, "faces": [{"track": 1, "scheme": "ibug68", "points": [[163.8, 83.5]]}]}\n...\n'
        '{"end": true, "num_unreadable": 0}\n'
    }
}
EXPORT_EXAMPLE: dict[str, Any] = {
    "application/json": {
        "example": {
            "files": [{"name": "landmarks.csv", "text": "image,face,score,x0,y0\na.jpg,0,0.8000,163.770,83.510\n"}]
        }
    }
}
EXPORT_BODY_EXAMPLE: dict[str, Any] = {
    "images": [{"image": "photo.jpg", "width": 512, "height": 512, "faces": [{"points": [[163.8, 83.5]]}]}]
}
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The form is damaged, or does not contain exactly one file."},
    401: {"description": "The token is missing or wrong."},
    408: {"description": "The body arrived too slowly."},
    413: {"description": "The body is too large."},
    422: {"description": "The body cannot be read as an image, video or JSON, or a parameter is wrong."},
    500: {"description": "The server failed."},
    503: {"description": "The server is overloaded or was interrupted. Try again after the seconds in Retry-After."},
    504: {"description": "The request took too long."},
}


ALIGN_ERRORS: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    404: {"description": "The format is pts, and the image contains no face."},
    409: {"description": "Another frame of the stream is in progress."},
}


def format_result(result: AlignResult, format: ResponseFormat, model: str, image_name: str) -> Response:
    """Return the response that contains the faces of an image.

    Raises:
        HTTPException: 404 for .pts of an image without a face.
    """
    if format == "csv":
        table = CsvTable()
        return PlainTextResponse(table.add(image_name, result.faces) + table.end(), media_type="text/csv")
    if format == "pts":
        if not result.faces:
            raise HTTPException(404, "the image contains no face")
        return PlainTextResponse(pts_text(result.faces[0].points))
    faces = [face.to_dict() for face in result.faces]
    for face, edges in zip(faces, result.edge_weights or [], strict=False):
        face["edge_weights"] = edges
    return JSONResponse({"model": model, "faces": faces, "milliseconds": result.milliseconds})


def check_outcome(outcome: Outcome) -> AlignResult | ExportResult:
    """Return the result of a job, or raise its error as an HTTPException."""
    if isinstance(outcome, (AlignResult, ExportResult)):
        return outcome
    raise to_http_exception(outcome)


def to_http_exception(error: FacelatticeError) -> HTTPException:
    """Convert an error of a worker to an HTTPException."""
    if isinstance(error, WorkerTimeoutError):
        return HTTPException(504, str(error))
    if isinstance(error, WorkerCrashedError):
        return HTTPException(503, str(error), {"Retry-After": "1"})
    return HTTPException(500 if isinstance(error, WorkerError) else 422, str(error))
