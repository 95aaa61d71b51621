"""The metrics of `GET /metrics`, in the format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from facelattice.serve.worker_pool import WorkerPool


class Metrics:
    """Counters and times of one service.

    Args:
        pool: The worker pool whose queue is reported.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("facelattice_requests", "Requests.", ["path", "status"], registry=self._registry)
        self.seconds = Histogram("facelattice_align_seconds", "Time of /v1/align.", registry=self._registry)
        self.faces = Counter("facelattice_faces", "Faces found.", registry=self._registry)
        waiting = Gauge("facelattice_waiting", "Requests that wait for a worker.", registry=self._registry)
        waiting.set_function(lambda: pool.num_waiting)

    def to_text(self) -> str:
        """Return all metrics as text."""
        return generate_latest(self._registry).decode()
