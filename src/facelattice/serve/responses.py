"""The response to `POST /v1/align`: JSON, CSV or .pts."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from facelattice.exceptions import ImageError
from facelattice.formats.csv import CsvTable
from facelattice.formats.pts import pts_text
from facelattice.serve.jobs import AlignResult, Outcome, WorkerCrashedError, WorkerTimeoutError

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
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The form is damaged, or does not contain exactly one file."},
    401: {"description": "The token is missing or wrong."},
    404: {"description": "The format is pts, and the image contains no face."},
    408: {"description": "The body arrived too slowly."},
    413: {"description": "The body is too large."},
    422: {"description": "The body is not an image that can be read, or a parameter is wrong."},
    500: {"description": "The server failed."},
    503: {"description": "The server is overloaded or was interrupted. Try again after the seconds in Retry-After."},
    504: {"description": "The request took too long."},
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


def check_outcome(outcome: Outcome) -> AlignResult:
    """Return the result of a job, or raise the HTTPException that its error stands for."""
    if isinstance(outcome, AlignResult):
        return outcome
    if isinstance(outcome, ImageError):
        raise HTTPException(422, str(outcome))
    if isinstance(outcome, WorkerTimeoutError):
        raise HTTPException(504, str(outcome))
    if isinstance(outcome, WorkerCrashedError):
        raise HTTPException(503, str(outcome), {"Retry-After": "1"})
    raise HTTPException(500, str(outcome))
