"""`facelattice serve`: the web page and the HTTP service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import IMAGES, command
from facelattice.cli.console import print_error, print_notice
from facelattice.cli.listener import open_listener
from facelattice.cli.signals import exit_status

TOKEN_VARIABLE = "FACELATTICE_TOKEN"
TOKENS, LIMITS = "Token", "Load"  # groups of options


@command(
    IMAGES,
    "facelattice serve",
    "facelattice serve --host 0.0.0.0 --token-file token.txt --workers 4",
)
def serve(
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on. One that other machines can reach needs a token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="Port; 0 chooses a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with the token of requests, `Authorization: Bearer TOKEN`. "
            f"The environment variable {TOKEN_VARIABLE} can contain it instead.",
            rich_help_panel=TOKENS,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="The token itself. Other users of the machine can see it, for example with ps.",
            rich_help_panel=TOKENS,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, metavar="N", help="Worker processes; 0 for one per CPU core.", rich_help_panel=LIMITS)
    ] = 0,
    queue_size: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Maximum number of waiting requests; others get 503.", rich_help_panel=LIMITS
        ),
    ] = 64,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, max=100_000, metavar="S", help="Maximum time of a request in seconds.", rich_help_panel=LIMITS
        ),
    ] = 30.0,
    max_body_mb: Annotated[
        float,
        typer.Option(
            min=0.1, max=100_000, metavar="MB", help="Maximum size of a request body.", rich_help_panel=LIMITS
        ),
    ] = 20.0,
) -> None:
    """Serve the web page, and POST /v1/align for other programs.

    By default only this machine can reach the service. Ctrl-C, SIGTERM and SIGHUP complete the requests in progress and
    then stop it.
    """
    from facelattice.serve.app import create_service
    from facelattice.serve.security import is_loopback
    from facelattice.serve.server import run_server
    from facelattice.serve.settings import Settings

    secret = _read_token(token, token_file)
    if secret is None and not is_loopback(host):
        raise typer.BadParameter(
            f"other machines can reach {host}, so requests need a token: set {TOKEN_VARIABLE}, or give --token-file"
        )
    settings = Settings(secret, workers, queue_size, timeout, round(max_body_mb * 1e6))
    service = create_service(settings)
    listener = open_listener(host, port)
    shown = f"[{host}]" if ":" in host else host
    print_notice(f"http://{shown}:{listener.getsockname()[1]}/    (Ctrl-C stops)")
    try:
        run_server(service, settings, listener)
    except KeyboardInterrupt as error:  # raised again by the server after it has stopped
        print_error("stopped")
        raise typer.Exit(exit_status(error)) from None


def _read_token(token: str | None, file: Path | None) -> str | None:
    """Return the token from the option, the file or the environment, in this order."""
    if token is not None:
        source = "--token"
    elif file is not None:
        source = f"--token-file {file}"
        try:
            token = file.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise typer.BadParameter(f"{source}: the file is not text") from None
    else:
        token, source = os.environ.get(TOKEN_VARIABLE), TOKEN_VARIABLE
    if token is not None and (not token or token != token.strip()):
        raise typer.BadParameter(f"{source}: the token must not be empty or begin or end with white space")
    return token
