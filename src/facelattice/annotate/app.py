"""The FastAPI application of `facelattice annotate`, with its security, start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry, Counter

import facelattice
from facelattice.annotate.routes import create_router
from facelattice.annotate.session import Session
from facelattice.exceptions import FacelatticeError
from facelattice.serve.pages import PAGE_FOLDER as SHARED_FOLDER
from facelattice.serve.parameters import explain_invalid
from facelattice.serve.security import SecurityMiddleware

PAGE_FOLDER = Path(__file__).with_name("page")


def create_app(session: Session) -> FastAPI:
    """Create the application. It is for one user on this machine; requests of pages of other hosts are rejected.

    Args:
        session: The project and its model; it is started and closed with the application.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        session.start()
        try:
            yield
        finally:
            session.close()

    app = FastAPI(
        title="facelattice annotate", version=facelattice.__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    counter = Counter("facelattice_requests", "Requests.", ["path", "status"], registry=CollectorRegistry())
    app.add_middleware(SecurityMiddleware, token=None, counter=counter)
    app.include_router(create_router(session))
    app.add_exception_handler(RequestValidationError, explain_invalid)

    @app.exception_handler(FacelatticeError)
    async def reject(request: Request, error: FacelatticeError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(OSError)
    async def report(request: Request, error: OSError) -> JSONResponse:  # a full disk, a folder without permission
        return JSONResponse({"detail": f"{error.filename}: {error.strerror or error}"}, 507)

    app.mount("/shared", StaticFiles(directory=SHARED_FOLDER))  # the modules and colors that both pages use
    app.mount("/", StaticFiles(directory=PAGE_FOLDER, html=True))
    return app
