"""Access control and security headers, as an ASGI middleware around the whole application."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress

from prometheus_client import Counter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facelattice.messages import get_logger
from facelattice.serve.pages import PAGE_FOLDER

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
# Paths that need no token: the page and the documentation, which contain no data of users, and the health check.
PUBLIC_PATHS = {"/healthz", "/", "/docs", "/openapi.json", *(f"/{path.name}" for path in PAGE_FOLDER.iterdir())}
CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that has gone


class SecurityMiddleware:
    """Checks who may send a request, adds the security headers to responses, and counts requests.

    It is a plain ASGI middleware, because those of FastAPI hide from the application that a client has disconnected.

    Args:
        app: The application to protect.
        token: The token that requests must have. None allows only requests of the service's own page and of programs on
            this machine.
        counter: Counts requests by path and status.
    """

    def __init__(self, app: ASGIApp, token: str | None, counter: Counter) -> None:
        self.app = app
        self.token = token
        self.counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = CLIENT_CLOSED_REQUEST  # unless a response starts

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        async def send_error(code: int, detail: str) -> None:
            await JSONResponse({"detail": detail}, code)(scope, receive, send_with_headers)

        response = self._reject(scope["method"], scope["path"], Headers(scope=scope)) or self.app
        try:
            await response(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:  # the server is stopping before the request is complete
            if status != CLIENT_CLOSED_REQUEST:  # the response has started
                raise
            await send_error(503, "the server stops")
        except Exception as error:
            if status != CLIENT_CLOSED_REQUEST:
                raise
            get_logger().error("a request failed", exc_info=error)
            await send_error(500, "the server failed")
        finally:
            self.counter.labels(getattr(scope.get("route"), "path", "other"), status).inc()

    def _reject(self, method: str, path: str, headers: Headers) -> Response | None:
        """Return the response to a request that is not allowed, or None."""
        if self.token is None:
            return _reject_foreign(method, headers)
        if path in PUBLIC_PATHS or path.startswith("/docs/"):
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode("latin-1"), self.token.encode()):
            return None
        detail = "a token is required: Authorization: Bearer TOKEN"
        return JSONResponse({"detail": detail}, 401, {"WWW-Authenticate": "Bearer"})


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address or "localhost", which no DNS server can point elsewhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _reject_foreign(method: str, headers: Headers) -> Response | None:
    """Return the response to a request of a web page of another host, or None.

    Without a token the service is for programs and its own page on this machine. A page of another host can reach it
    by a host name that resolves to this machine (DNS rebinding), and by forms that the browser sends. Links to the
    service are allowed, as the page cannot read the response.
    """
    host = headers.get("host", "")
    if not any(is_loopback(name.strip("[]")) for name in (host, host.rpartition(":")[0])):  # with and without a port
        return JSONResponse({"detail": "use the host 127.0.0.1 or localhost, or start the server with a token"}, 421)
    origin = headers.get("origin")
    is_cross_origin = origin is not None and origin.split("://")[-1] != host
    if method not in ("GET", "HEAD", "OPTIONS") and (is_cross_origin or headers.get("sec-fetch-site") == "cross-site"):
        detail = "requests from pages of other hosts are not allowed; start the server with a token"
        return JSONResponse({"detail": detail}, 403)
    return None
