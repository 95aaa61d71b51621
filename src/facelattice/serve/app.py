"""The service: images in over HTTP, faces out. Nothing is written to disk, and no image is logged.

    app = create_service(Settings(token="..."))        # a FastAPI application, for uvicorn or any ASGI server

The page for people at /, POST /v1/align, GET /v1/models, /healthz, /metrics, and /docs. Nothing is loaded from other
hosts.
"""

from __future__ import annotations

import asyncio
import hmac
import io
import ipaddress
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request, Response, Security
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from swagger_ui_bundle import swagger_ui_path

import facelattice
from facelattice.exceptions import ImageError
from facelattice.formats.csv import write_faces_csv
from facelattice.formats.pts import pts_text
from facelattice.inference.model_zoo import DEFAULT, find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.onnx_session import num_usable_cpus
from facelattice.serve.worker_pool import BATCH, Answer, Busy, Crashed, Failed, Job, Slow, Workers

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
PAGE = Path(__file__).with_name("page")
# What needs no token: the page and the documentation, which hold nothing of anybody's, and what a monitor asks.
OPEN = ("/healthz", "/", "/docs", "/openapi.json", *(f"/{path.name}" for path in PAGE.iterdir()))
PARAMETERS = {"model", "format", "min_score", "max_faces", "listening"}
IMAGE = {"type": "string", "format": "binary"}
BODY = {
    "required": True,
    "description": "An image: JPEG, PNG, WebP, BMP or GIF (its first frame), as it is or as the only file of a form.",
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file": IMAGE}, "required": ["file"]}},
        "image/*": {"schema": IMAGE},
    },
}
EXAMPLE = {
    "model": "ibug68",
    "faces": [
        {"scheme": "ibug68", "score": 0.8, "box": [163.6, 72.3, 254, 162], "points": [[163.8, 83.5]], "expected_errors": [1.2]}
    ],
}
EXAMPLES = {
    "application/json": {"example": EXAMPLE},
    "text/plain": {"example": "version: 1\nn_points: 68\n{\n164.7700 84.5100\n...\n}\n"},
    "text/csv": {"example": "image,face,score,x0,y0,x1,y1\nimage,0,0.7990,163.770,83.510,163.560,95.210\n"},
}
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The form is broken, or does not hold one file."},
    401: {"description": "The token is missing or wrong."},
    404: {"description": "pts was asked for, and there is no face."},
    413: {"description": "The body is too large."},
    422: {"description": "Not an image that can be read, or a wrong parameter."},
    500: {"description": "The server has failed."},
    503: {"description": "Too many requests wait; try again after the seconds in Retry-After."},
    504: {"description": "It took too long."},
}


@dataclass(frozen=True)
class Settings:
    """token: what every request but /healthz must bear, None for open. workers: processes. queue: requests that may
    wait. seconds: what a request may take. most_bytes: of a request's body."""

    token: str | None = None
    workers: int = 0
    queue: int = 64
    seconds: float = 30.0
    most_bytes: int = 20_000_000


class Metrics:
    """What /metrics gives, in Prometheus' format."""

    def __init__(self, workers: Workers):
        self.registry = CollectorRegistry()
        self.requests = Counter("facelattice_requests", "Requests.", ["path", "status"], registry=self.registry)
        self.seconds = Histogram("facelattice_align_seconds", "Time of /v1/align.", registry=self.registry)
        self.faces = Counter("facelattice_faces", "TrainingData found.", registry=self.registry)
        waiting = Gauge("facelattice_waiting", "Requests that wait for a worker.", registry=self.registry)
        waiting.set_function(lambda: len(workers.waiting))


def create_service(settings: Settings | None = None) -> FastAPI:
    """The application. Its workers start and stop with it; stopping, it answers what is under way first."""
    settings = settings or Settings()
    workers = Workers(settings.workers or num_usable_cpus(), settings.queue, settings.seconds)
    metrics = Metrics(workers)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # its warnings say bytes of forms it cannot read
    described = [_described(name) for name in list_models()]  # now: opening a model would hold up the requests

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await workers.start()
        with suppress(asyncio.CancelledError):  # a second Ctrl-C
            yield
        await workers.stop()

    app = FastAPI(
        title="facelattice", version=facelattice.__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        description="Facial landmarks with an expected error for each point.",
    )  # fmt: skip
    bearer = [Security(HTTPBearer(auto_error=False))] if settings.token else []  # for the documentation; see Guard
    app.openapi_version = "3.0.3"  # the newest that the bundled documentation page can show

    app.add_middleware(Guard, token=settings.token, counter=metrics.requests)
    under_way = 0

    @app.post(
        "/v1/align",
        summary="Find the faces in an image",
        responses={200: {"content": EXAMPLES}, **ERRORS},
        openapi_extra={"requestBody": BODY},
        dependencies=bearer,
    )
    async def align(
        request: Request,
        model: Annotated[Literal[tuple(list_models())], Query(description="A bundled model.")] = DEFAULT,  # type: ignore
        format: Annotated[Literal["json", "pts", "csv"], Query(description="pts has the best face alone.")] = "json",
        min_score: Annotated[float, Query(ge=0, le=1, description="Leave out faces below this score.")] = 0.25,
        max_faces: Annotated[int, Query(ge=1, le=1000, description="Keep only the best so many.")] = 100,
        listening: Annotated[bool, Query(description="Give whom each point listens to, too (json).")] = False,
    ) -> Response:
        nonlocal under_way
        start = time.perf_counter()
        if under_way >= settings.queue + workers.count * BATCH:  # before its body is taken in: bodies are large
            raise HTTPException(503, f"{under_way} requests are under way already", {"Retry-After": "1"})
        under_way += 1
        try:
            data, name = await asyncio.wait_for(_image(request, settings.most_bytes), settings.seconds)
            job = Job(data, model, min_score, max_faces, listening)
            left = settings.seconds - (time.perf_counter() - start)
            answer = await _while_connected(request, workers.ask(job), left)
        except Busy as error:
            raise HTTPException(503, str(error), {"Retry-After": "1"}) from None
        except ImageError as error:
            raise HTTPException(422, str(error)) from None
        except Slow as error:
            raise HTTPException(504, f"the image {error}") from None
        except Crashed as error:
            raise HTTPException(422, f"the image {error}") from None
        except Failed as error:
            raise HTTPException(500, str(error)) from None
        except (TimeoutError, asyncio.TimeoutError):  # two of them before Python 3.11
            raise HTTPException(504, f"not done within {settings.seconds:g} s") from None
        finally:
            under_way -= 1
        metrics.faces.inc(len(answer.faces))
        metrics.seconds.observe(time.perf_counter() - start)
        return _written(answer, format, model, name)

    @app.get("/v1/models", summary="The models that can be asked for", dependencies=bearer)
    async def models() -> list[dict[str, Any]]:
        return described

    @app.api_route("/v1/align", methods=["GET", "HEAD"], include_in_schema=False)
    async def not_so() -> None:
        """Else it would be looked for among the page's files, and a path that is there be said not to be."""
        raise HTTPException(405, "POST an image; /docs says more", {"Allow": "POST"})

    @app.head("/healthz", include_in_schema=False)  # monitors ask so, too
    @app.get("/healthz", summary="Whether it is up")
    async def healthz() -> dict[str, str]:
        if not workers.alive:
            raise HTTPException(503, "no worker is alive")
        return {"status": "ok", "version": facelattice.__version__}

    @app.get(
        "/metrics",
        summary="Counts and times, for Prometheus",
        response_class=PlainTextResponse,
        dependencies=bearer,
    )
    async def prometheus() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(metrics.registry).decode())

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json", title="facelattice",
            swagger_js_url="/docs/files/swagger-ui-bundle.js", swagger_css_url="/docs/files/swagger-ui.css",
            swagger_favicon_url="/docs/files/favicon-32x32.png",
        )  # fmt: skip
        # The page starts its script in itself, which the other pages' policy forbids.
        policy = HEADERS["Content-Security-Policy"] + "; script-src 'self' 'unsafe-inline'"
        return HTMLResponse(page.body, headers={"Content-Security-Policy": policy})

    app.mount("/docs/files", StaticFiles(directory=swagger_ui_path))
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


class Guard:
    """Before all else: who may ask, what every answer bears, and how many there were. Around the application itself and
    not one of FastAPI's middlewares, under which nobody is told that a client has gone."""

    def __init__(self, app: ASGIApp, token: str | None, counter: Counter):
        self.app, self.token, self.counter = app, token, counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 499  # the client goes before there is an answer

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope["method"], scope["path"], Headers(scope=scope))
        try:
            await (refused or self.app)(scope, receive, guarded)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:  # a second Ctrl-C: what is under way is not waited for
            if status != 499:
                raise
            await JSONResponse({"detail": "the server has been stopped"}, 503)(scope, receive, guarded)
        except Exception as error:
            if status != 499:
                raise
            logging.getLogger("facelattice").error("a request failed", exc_info=error)
            await JSONResponse({"detail": "the server has failed"}, 500)(scope, receive, guarded)
        finally:
            self.counter.labels(getattr(scope.get("route"), "path", "other"), status).inc()

    def _refused(self, method: str, path: str, headers: Headers) -> Response | None:
        """The answer to who may not ask."""
        if self.token:
            if path in OPEN or path.startswith("/docs/"):
                return None
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and hmac.compare_digest(given.encode("latin-1"), self.token.encode()):
                return None
            words = {"detail": "give the token: Authorization: Bearer TOKEN"}
            return JSONResponse(words, 401, {"WWW-Authenticate": "Bearer"})
        # Without a token it is for this machine's own programs and page: not for pages of other hosts, whether they
        # call themselves by a name that leads here (DNS rebinding) or send forms from the browser.
        host = headers.get("host", "")
        if not any(is_loopback(name.strip("[]")) for name in (host, host.rpartition(":")[0])):  # with a port or without
            return JSONResponse({"detail": "ask for 127.0.0.1 or localhost, or start it with a token"}, 421)
        # Their links may lead here, and what they ask otherwise is not shown to them.
        origin = headers.get("origin")
        foreign = origin is not None and origin.split("://")[-1] != host
        if method == "POST" and (foreign or headers.get("sec-fetch-site") == "cross-site"):
            return JSONResponse({"detail": "pages of other hosts may not ask; start it with a token"}, 403)
        return None


def is_loopback(host: str) -> bool:
    """Whether an address, or a name, is one of this machine's own, which nobody else can let lead elsewhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _described(name: str) -> dict[str, Any]:
    model = Model(find_model(name), threads=1)
    return {
        "name": name, "scheme": model.scheme.name, "points": len(model.scheme), "crop": model.crop_size,
        "names": model.scheme.names, "lines": model.scheme.lines,
        "license": model.info.get("license", "not stated"), "default": name == DEFAULT,
    }  # fmt: skip


async def _image(request: Request, most: int) -> tuple[bytes, str]:
    """The image in a request, as its body or as the one file of a form, and what it is called there; its size is
    limited as it comes in."""
    too_large = HTTPException(413, f"the body is larger than {most / 1e6:g} MB")
    if int(request.headers.get("content-length") or 0) > most:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return bytes(body), "image"

    async def again() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), 1 << 16):
            yield bytes(body[start : start + (1 << 16)])
            await asyncio.sleep(0)  # parsing is slow, and others want to be answered

    parser = MultiPartParser(request.headers, again(), max_files=1, max_fields=8)
    parser.spool_max_size = most + 1  # nothing goes to disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise HTTPException(400, f"the form cannot be read: {getattr(error, 'message', error)}") from None
    misplaced = sorted(PARAMETERS & form.keys())
    if misplaced:  # left alone, the answer would be to another question
        words = f"give {', '.join(misplaced)} in the address, not in the form: /v1/align?{misplaced[0]}=..."
        raise HTTPException(400, words)
    files = [value for value in form.values() if not isinstance(value, str)]
    if not files:
        raise HTTPException(400, "the form holds no file")
    return await files[0].read(), files[0].filename or "image"


async def _while_connected(request: Request, answer: Awaitable[Answer], seconds: float) -> Answer:
    """The answer, unless it takes too long (TimeoutError) or whoever asked has gone: then its place is given up."""
    task = asyncio.ensure_future(answer)
    ends = asyncio.get_running_loop().time() + seconds
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=0.5)
            if not task.done() and asyncio.get_running_loop().time() > ends:
                raise TimeoutError
            if not task.done() and await request.is_disconnected():
                raise HTTPException(499, "the client has gone")
        return task.result()
    finally:
        task.cancel()


def _written(answer: Answer, format: str, model: str, name: str) -> Response:
    faces = answer.faces
    if format == "json":
        found = [face.to_dict() for face in faces]
        for one, edges in zip(found, answer.listening or [], strict=False):
            one["listening"] = edges
        return JSONResponse({"model": model, "faces": found, "milliseconds": answer.milliseconds})
    if format == "csv":
        table = io.StringIO()
        write_faces_csv(table, [(name, faces)])
        return PlainTextResponse(table.getvalue(), media_type="text/csv")
    if not faces:
        raise HTTPException(404, "there is no face in the image")
    return PlainTextResponse(pts_text(faces[0].points))
