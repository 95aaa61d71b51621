"""The FastAPI application, composed of its parts, with its start and stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer

import facelattice
from facelattice.onnx_session import num_usable_cpus
from facelattice.serve.metrics import Metrics
from facelattice.serve.pages import add_pages
from facelattice.serve.parameters import explain_invalid
from facelattice.serve.routes import create_router
from facelattice.serve.security import SecurityMiddleware
from facelattice.serve.settings import Settings
from facelattice.serve.video_workers import VideoWorkers
from facelattice.serve.worker_pool import WorkerPool


def create_service(settings: Settings | None = None) -> FastAPI:
    """Create the application, which starts and ends its worker processes.

    Nothing is written to disk, and no image is logged.

    Args:
        settings: Settings of the service; None for the defaults.
    """
    settings = settings or Settings()
    pool = WorkerPool(settings.num_workers or num_usable_cpus(), settings.queue_size, settings.timeout)
    videos = VideoWorkers(max(1, pool.num_workers // 2), settings.video_timeout)
    metrics = Metrics(pool)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # its warnings contain bytes of damaged forms

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await pool.start()
        grace = settings.stop_timeout
        try:
            yield
        except asyncio.CancelledError:  # a second Ctrl-C
            grace = 0.0
        videos.close()
        await pool.stop(grace)

    app = FastAPI(
        title="facelattice",
        description="Facial landmarks with an expected error for each point.",
        version=facelattice.__version__,
        lifespan=lifespan,
        docs_url=None,  # see `add_pages`
        redoc_url=None,
    )
    app.openapi_version = "3.0.3"  # the newest version that the bundled documentation page supports
    app.add_middleware(SecurityMiddleware, token=settings.token, counter=metrics.requests)
    # The middleware checks the token. This is for the documentation.
    dependencies = [Security(HTTPBearer(auto_error=False))] if settings.token else []
    app.add_exception_handler(RequestValidationError, explain_invalid)
    app.include_router(create_router(settings, pool, videos, metrics, dependencies))
    add_pages(app)
    return app
