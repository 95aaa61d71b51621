"""The HTTP service `facelattice serve`: a web page and `POST /v1/align`.

The service needs the extra `serve`. Example of use in an ASGI server:

    from facelattice.serve import Settings, create_service

    app = create_service(Settings(token="..."))
"""

from facelattice.serve.app import create_service
from facelattice.serve.settings import Settings

__all__ = ["Settings", "create_service"]
