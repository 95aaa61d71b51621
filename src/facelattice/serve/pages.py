"""The web page and the interactive documentation. All files come from this server."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

PAGE_FOLDER = Path(__file__).with_name("page")


# The bundled documentation page has an inline script, and its code sets styles.
_DOCS_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_pages(app: FastAPI) -> None:
    """Add the page at "/" and the documentation at "/docs". Call it after all other routes are added."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json", title="facelattice",
            swagger_js_url="/docs/files/swagger-ui-bundle.js", swagger_css_url="/docs/files/swagger-ui.css",
            swagger_favicon_url="/docs/files/favicon-32x32.png",
        )  # fmt: skip
        return HTMLResponse(page.body, headers={"Content-Security-Policy": _DOCS_POLICY})

    app.mount("/docs/files", StaticFiles(directory=swagger_ui_path))
    app.mount("/", StaticFiles(directory=PAGE_FOLDER, html=True))
