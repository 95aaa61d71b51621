"""The socket that a page or service listens on."""

from __future__ import annotations

import errno
import os
import socket

import typer


def open_listener(host: str, port: int) -> socket.socket:
    """Open a socket on a port; 0 chooses a free one.

    Raises:
        typer.BadParameter: If the port is in use, the address is not of this machine, or permission is missing.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise typer.BadParameter(f"port {port} is in use; give another --port, 0 for a free one") from None
        # Python adds the address to the message of the system.
        reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise typer.BadParameter(f"cannot listen on {host}, port {port}: {reason}") from None
