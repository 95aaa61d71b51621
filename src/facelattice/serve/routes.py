"""The routes for programs: align an image, list the models, health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.params import Depends
from fastapi.responses import PlainTextResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive

import facelattice
from facelattice.inference.model_zoo import DEFAULT, find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import MIN_SCORE
from facelattice.serve.jobs import Job, Outcome, QueueFullError
from facelattice.serve.metrics import Metrics
from facelattice.serve.request_body import BodyMemory, read_upload
from facelattice.serve.responses import ERRORS, EXAMPLES, ResponseFormat, check_outcome, format_result
from facelattice.serve.settings import Settings
from facelattice.serve.worker_pool import WorkerPool

PARAMETERS = {"model", "format", "min_score", "max_faces", "edge_weights"}
_IMAGE = {"type": "string", "format": "binary"}
REQUEST_BODY = {
    "required": True,
    "description": "An image as the body, or as the only file of a form: JPEG, PNG, WebP, BMP or GIF (first frame).",
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _IMAGE}, "required": ["file"]}},
        "image/*": {"schema": _IMAGE},
    },
}


def create_router(settings: Settings, pool: WorkerPool, metrics: Metrics, dependencies: Sequence[Depends]) -> APIRouter:
    """Return the routes of the service.

    Args:
        settings: Settings of the service.
        pool: The started worker pool.
        metrics: The figures to update and to report.
        dependencies: Dependencies of the routes that need a token, for the documentation.
    """
    router = APIRouter()
    body_memory = BodyMemory(settings.max_body_memory)
    models = [describe_model(name) for name in list_models()]  # now, because loading a model blocks the event loop

    @router.post(
        "/v1/align",
        summary="Find the faces in an image",
        responses={200: {"content": EXAMPLES}, **ERRORS},
        openapi_extra={"requestBody": REQUEST_BODY},
        dependencies=dependencies,
    )
    async def align(
        request: Request,
        model: Annotated[
            Literal[tuple(list_models())],  # type: ignore[valid-type]
            Query(description="Name of a bundled model."),
        ] = DEFAULT,
        format: Annotated[ResponseFormat, Query(description="pts contains the best face only.")] = "json",
        min_score: Annotated[float, Query(ge=0, le=1, description="Minimum score of a face.")] = MIN_SCORE,
        max_faces: Annotated[int, Query(ge=1, le=1000, description="Maximum number of faces.")] = 100,
        edge_weights: Annotated[
            bool, Query(description="Add [point, neighbor, edge weight] of each edge (json only).")
        ] = False,
    ) -> Response:
        loop = asyncio.get_running_loop()
        start = loop.time()
        if pool.is_full:  # before the body is received, because bodies are large
            raise HTTPException(503, f"{pool.num_waiting} requests wait already", {"Retry-After": "1"})
        with body_memory.reservation() as reserve:
            upload = await read_upload(request, settings.max_body_bytes, settings.timeout, reserve, PARAMETERS)
            name = upload.name
            try:
                future = pool.submit(Job(upload.data, model, min_score, max_faces, edge_weights))
            except QueueFullError as error:
                raise HTTPException(503, str(error), {"Retry-After": "1"}) from None
            del upload  # the job has the image, and is gone before the response is written
            outcome = await _wait_for_outcome(future, request.receive, start + settings.timeout)
        if outcome is None:
            raise HTTPException(504, f"the request took longer than {settings.timeout:g} s")
        result = check_outcome(outcome)
        metrics.faces.inc(len(result.faces))
        metrics.seconds.observe(loop.time() - start)
        return format_result(result, format, model, name)

    @router.api_route("/v1/align", methods=["GET", "HEAD"], include_in_schema=False)
    async def align_get() -> None:
        # Otherwise the files of the page would be searched for this path, and the response would be 404.
        raise HTTPException(405, "POST an image; see /docs", {"Allow": "POST"})

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
    """Return what `GET /v1/models` lists for a bundled model."""
    model = Model(find_model(name), num_threads=1)
    return {
        "name": name, "scheme": model.scheme.name, "num_points": len(model.scheme), "crop_size": model.crop_size,
        "names": model.scheme.names, "lines": model.scheme.lines,
        "license": model.info.license, "default": name == DEFAULT,
    }  # fmt: skip


async def _wait_for_outcome(future: asyncio.Future[Outcome], receive: Receive, end: float) -> Outcome | None:
    """Return the outcome of a job, or None if it takes until a time of the event loop's clock.

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
