"""Settings of the service."""

from __future__ import annotations

from dataclasses import dataclass

from facelattice.exceptions import ArgumentError

_MIN_BODY_MEMORY = 256_000_000  # a full queue of photos of 4 MB
_MAX_STOP_TIMEOUT = 20.0  # seconds; service managers and containers kill a program that takes much longer to end


@dataclass(frozen=True)
class Settings:
    """Settings of the service.

    Attributes:
        token: The token of requests, `Authorization: Bearer TOKEN`; None to require none.
        num_workers: Number of worker processes; 0 for one per CPU core.
        queue_size: Maximum number of requests that wait for a worker.
        timeout: Maximum time for one request, in seconds.
        max_body_bytes: Maximum size of a request body.
    """

    token: str | None = None
    num_workers: int = 0
    queue_size: int = 64
    timeout: float = 30.0
    max_body_bytes: int = 20_000_000

    def __post_init__(self) -> None:
        if self.token is not None and (not self.token or self.token != self.token.strip()):
            raise ArgumentError("the token must not be empty, and must not begin or end with white space")

    @property
    def max_body_memory(self) -> int:
        """Maximum size of all request bodies in memory together, in bytes."""
        return max(_MIN_BODY_MEMORY, 2 * self.max_video_bytes)

    @property
    def max_video_bytes(self) -> int:
        """Maximum size of an uploaded video, in bytes."""
        return 5 * self.max_body_bytes

    @property
    def video_body_timeout(self) -> float:
        """Maximum time to receive a video, in seconds."""
        return 4 * self.timeout

    @property
    def video_timeout(self) -> float:
        """Maximum time to process a video, in seconds."""
        return 20 * self.timeout

    @property
    def stop_timeout(self) -> float:
        """Maximum time to complete the requests in progress when the service stops, in seconds."""
        return min(self.timeout, _MAX_STOP_TIMEOUT)
