"""The verb that serves: serve."""

from __future__ import annotations

import math
import socket
from typing import Annotated

import typer
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import err


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen at; any but this machine's own wants a --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="FACELATTICE_TOKEN", help="What requests must bear: Authorization: Bearer TOKEN."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that find faces; 0 for one for each processor.")] = 0,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait; more are told to come back.")] = 64,
    seconds: Annotated[float, typer.Option(min=1, max=1e6, help="What a request may take.")] = 30.0,
    megabytes: Annotated[float, typer.Option(min=0.1, max=1e6, help="The largest body that is taken.")] = 20.0,
) -> None:
    """Serve over HTTP: POST /v1/align takes an image and gives its faces. Only to this machine, if you do not say.

    Ctrl-C: requests under way are answered, then it ends.
    """
    import uvicorn

    from facelattice.serve.app import Settings, create_service, is_loopback

    if not token and not is_loopback(host):
        raise typer.BadParameter(
            f"at {host} others can reach it: give --token, or FACELATTICE_TOKEN in the environment, that they must bear"
        )
    service = create_service(Settings(token, workers, queue, seconds, round(megabytes * 1e6)))
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise typer.BadParameter(
            f"cannot listen at {host}, port {port} ({error.strerror}): "
            "give another --host, or --port, 0 for any that is free"
        ) from None
    shown = f"[{host}]" if ":" in host else host
    err.print(Text(f"http://{shown}:{listening.getsockname()[1]}/    (Ctrl-C ends it)"), soft_wrap=True)
    config = uvicorn.Config(
        service, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=10,
        timeout_graceful_shutdown=math.ceil(seconds) + 5,  # a request that hangs does not keep it from ending
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])
