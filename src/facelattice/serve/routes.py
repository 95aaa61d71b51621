"""The routes for programs: align an image, list the models, health and metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.params import Depends
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive

import facelattice
from facelattice.crops import TEMPLATES
from facelattice.exceptions import VideoError, WorkerError
from facelattice.inference.model_zoo import DEFAULT, find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import MIN_SCORE
from facelattice.masks import REGIONS
from facelattice.serve.export import EXPORT_FORMATS
from facelattice.serve.form import Upload
from facelattice.serve.jobs import AlignResult, ExportJob, ExportResult, Job, Outcome, QueueFullError, VideoJob
from facelattice.serve.metrics import Metrics
from facelattice.serve.parameters import check_names
from facelattice.serve.request_body import BodyMemory, read_upload
from facelattice.serve.responses import (
    ALIGN_ERRORS,
    ERRORS,
    EXAMPLES,
    EXPORT_BODY_EXAMPLE,
    EXPORT_EXAMPLE,
    VIDEO_EXAMPLE,
    ResponseFormat,
    check_outcome,
    format_result,
    to_http_exception,
)
from facelattice.serve.settings import Settings
from facelattice.serve.streams import Streams
from facelattice.serve.video_workers import VideoWorkers
from facelattice.serve.worker_pool import WorkerPool

# The allowed values are known at run time only.
if TYPE_CHECKING:
    ModelName = str
    ExportFormat = str
    Template = str
    Region = str
else:
    ModelName = Annotated[Literal[tuple(list_models())], Query(description="Name of a bundled model.")]
    ExportFormat = Annotated[
        Literal[EXPORT_FORMATS], Query(description="Format of the files; `json` computes pose and measures again.")
    ]
    Template = Annotated[Literal[tuple(TEMPLATES)], Query(description="`json`: template of the crop matrices.")]
    Region = Annotated[Literal[tuple(REGIONS)], Query(description="`masks`: region of the face.")]
MinScore = Annotated[float, Query(ge=0, le=1, description="Minimum of the score times the confidence of the detector.")]
MaxFaces = Annotated[int, Query(ge=1, le=1000, description="Maximum number of faces.")]
ALIGN_PARAMETERS = {"model", "format", "min_score", "max_faces", "edge_weights", "stream", "time"}
VIDEO_PARAMETERS = {"model", "min_score", "max_faces"}
EXPORT_PARAMETERS = {"model", "format", "template", "size", "region"}
_IMAGE = {"type": "string", "format": "binary"}
_VIDEO_BODY = {
    "required": True,
    "description": "A video as the body, or as the only file of a form: MP4, QuickTime, Matroska, WebM or AVI.",
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _IMAGE}, "required": ["file"]}},
        "video/*": {"schema": _IMAGE},
    },
}
_EXPORT_BODY = {
    "required": True,
    "description": "The images with their faces, as in the response of `POST /v1/align`; only `points` are needed.",
    "content": {"application/json": {"schema": {"type": "object"}, "example": EXPORT_BODY_EXAMPLE}},
}
REQUEST_BODY = {
    "required": True,
    "description": "An image as the body, or as the only file of a form: JPEG, PNG, WebP, BMP or GIF (first frame).",
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _IMAGE}, "required": ["file"]}},
        "image/*": {"schema": _IMAGE},
    },
}


def create_router(
    settings: Settings, pool: WorkerPool, videos: VideoWorkers, metrics: Metrics, dependencies: Sequence[Depends]
) -> APIRouter:
    """Return the routes of the service.

    Args:
        settings: Settings of the service.
        pool: The started worker pool.
        videos: Processes uploaded videos.
        metrics: The metrics to update and to report.
        dependencies: Dependencies of the routes that need a token, for the documentation.
    """
    router = APIRouter()
    body_memory = BodyMemory(settings.max_body_memory)
    streams = Streams()
    models = [describe_model(name) for name in list_models()]  # now, as loading models later would block the event loop

    async def run_job(
        request: Request, parameters: Collection[str], create_job: Callable[[Upload], Job | ExportJob]
    ) -> tuple[AlignResult | ExportResult, str]:
        """Receive the body of a request and return the result of its job, and the name of the uploaded file."""
        check_names(request, parameters)
        end = asyncio.get_running_loop().time() + settings.timeout
        if pool.is_full:  # before the body is received, because bodies are large
            raise HTTPException(503, f"{pool.num_waiting} requests wait already", {"Retry-After": "1"})
        with body_memory.reservation() as reserve:
            upload = await read_upload(request, settings.max_body_bytes, settings.timeout, reserve, parameters)
            name = upload.name
            try:
                future = pool.submit(create_job(upload))
            except QueueFullError as error:
                raise HTTPException(503, str(error), {"Retry-After": "1"}) from None
            del upload  # the job has the data; it is freed before the response is written
            outcome = await _wait_for_outcome(future, request.receive, end)
        if outcome is None:
            raise HTTPException(504, f"the request took longer than {settings.timeout:g} s")
        return check_outcome(outcome), name

    @router.post(
        "/v1/align",
        summary="Find the faces in an image",
        responses={200: {"content": EXAMPLES}, **ALIGN_ERRORS},
        openapi_extra={"requestBody": REQUEST_BODY},
        dependencies=dependencies,
    )
    async def align(
        request: Request,
        model: ModelName = DEFAULT,
        format: Annotated[ResponseFormat, Query(description="pts contains the best face only.")] = "json",
        min_score: MinScore = MIN_SCORE,
        max_faces: MaxFaces = 100,
        edge_weights: Annotated[
            bool, Query(description="Add [point, neighbor, edge weight] of each edge (json only).")
        ] = False,
        stream: Annotated[
            str,
            Query(
                min_length=16,
                max_length=64,
                description="Track the faces of a camera: a random name of 16 to 64 characters, equal for all frames.",
            ),
        ] = "",
        time: Annotated[float, Query(ge=0, le=1e9, description="Time of the frame in its stream, in seconds.")] = 0.0,
    ) -> Response:
        start = asyncio.get_running_loop().time()
        options = model, min_score, max_faces, edge_weights
        if not stream:
            result, name = await run_job(request, ALIGN_PARAMETERS, lambda upload: Job(upload.data, *options))
        else:
            with streams.frame((stream, *map(str, options)), time) as update:
                result, name = await run_job(
                    request, ALIGN_PARAMETERS, lambda upload: Job(upload.data, *options, update.state)
                )
                update.tracker = result.tracker if isinstance(result, AlignResult) else None
        assert isinstance(result, AlignResult)
        metrics.faces.inc(len(result.faces))
        metrics.seconds.observe(asyncio.get_running_loop().time() - start)
        return format_result(result, format, model, name)

    @router.post(
        "/v1/video",
        summary="Track the faces of a video",
        responses={200: {"content": VIDEO_EXAMPLE}, **ERRORS},
        response_class=StreamingResponse,
        openapi_extra={"requestBody": _VIDEO_BODY},
        dependencies=dependencies,
    )
    async def follow_video(
        request: Request, model: ModelName = DEFAULT, min_score: MinScore = MIN_SCORE, max_faces: MaxFaces = 100
    ) -> Response:
        check_names(request, VIDEO_PARAMETERS)
        if videos.is_full:  # before the body is received, because bodies are large
            raise HTTPException(503, "other videos are in progress", {"Retry-After": "5"})
        with body_memory.reservation() as reserve:
            timeout = settings.video_body_timeout
            upload = await read_upload(request, settings.max_video_bytes, timeout, reserve, VIDEO_PARAMETERS)
            lines = videos.follow(VideoJob(upload.data, model, min_score, max_faces))
            del upload  # the job has the data; it is freed when the first line arrives
            try:
                first = await anext(lines)
            except QueueFullError as error:
                raise HTTPException(503, str(error), {"Retry-After": "5"}) from None
            except (VideoError, WorkerError) as error:
                raise to_http_exception(error) from None
        return StreamingResponse(_video_lines(first, lines), media_type="application/x-ndjson")

    @router.post(
        "/v1/export",
        summary="Write landmarks, for example corrected ones, as files",
        responses={200: {"content": EXPORT_EXAMPLE}, **ERRORS},
        openapi_extra={"requestBody": _EXPORT_BODY},
        dependencies=dependencies,
    )
    async def export(
        request: Request,
        model: ModelName = DEFAULT,
        format: ExportFormat = "json",
        template: Template = "upright",
        size: Annotated[int, Query(ge=0, le=4096, description="Side of the crops in pixels; 0: the template's.")] = 0,
        region: Region = "face",
    ) -> Response:
        options = model, format, template, size or None, region
        result, _ = await run_job(request, EXPORT_PARAMETERS, lambda upload: ExportJob(upload.data, *options))
        assert isinstance(result, ExportResult)
        return Response(result.json, media_type="application/json")

    @router.api_route("/v1/align", methods=["GET", "HEAD"], include_in_schema=False)
    @router.api_route("/v1/video", methods=["GET", "HEAD"], include_in_schema=False)
    @router.api_route("/v1/export", methods=["GET", "HEAD"], include_in_schema=False)
    async def not_posted() -> None:
        # Otherwise the path would be searched in the files of the page, and the response would be 404.
        raise HTTPException(405, "use POST; see /docs", {"Allow": "POST"})

    @router.get("/v1/models", summary="The bundled models", dependencies=dependencies)
    async def list_all_models() -> list[dict[str, Any]]:
        return models

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", summary="Whether the service works")
    async def healthz() -> dict[str, str]:
        if not pool.is_alive:
            raise HTTPException(503, "no worker process is running")
        return {"status": "ok", "version": facelattice.__version__}

    @router.get(
        "/metrics",
        summary="Counters and times, for Prometheus",
        response_class=PlainTextResponse,
        dependencies=dependencies,
    )
    async def prometheus() -> PlainTextResponse:
        return PlainTextResponse(metrics.to_text())

    return router


def describe_model(name: str) -> dict[str, Any]:
    """Return the entry of a bundled model in `GET /v1/models`."""
    model = Model(find_model(name), num_threads=1)
    return {
        "name": name, "scheme": model.scheme.name, "num_points": len(model.scheme), "crop_size": model.crop_size,
        "names": model.scheme.names, "lines": model.scheme.lines,
        "license": model.info.license, "default": name == DEFAULT,
    }  # fmt: skip


async def _video_lines(first: bytes, lines: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yield the lines of a response. An error after the first line is the last line."""
    async with aclosing(lines):
        yield first
        try:
            async for part in lines:
                yield part
        except (VideoError, WorkerError) as error:
            yield json.dumps({"error": str(error)}).encode() + b"\n"


async def _wait_for_outcome(future: asyncio.Future[Outcome], receive: Receive, end: float) -> Outcome | None:
    """Return the outcome of a job, or None if there is none before ``end`` on the event loop's clock.

    If there is no outcome, or the client disconnects, the job is canceled.
    """
    disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        awaited: set[asyncio.Future[Any]] = {future, disconnected}
        timeout = max(0.0, end - asyncio.get_running_loop().time())
        await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not future.done() and disconnected.done():
            raise ClientDisconnect
        return future.result() if future.done() else None
    finally:
        future.cancel()
        disconnected.cancel()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
