"""Messages between the server and its worker processes: jobs, results and errors."""

from __future__ import annotations

from dataclasses import dataclass

from facelattice.exceptions import FormatError, ImageError, VideoError, WorkerError
from facelattice.face import Face


@dataclass(frozen=True)
class StreamState:
    """The state of a stream of camera frames before a frame.

    Attributes:
        time: Time of the frame, in seconds.
        tracker: The pickled `Tracker` after the previous frame; None for the first frame.
    """

    time: float
    tracker: bytes | None


@dataclass(frozen=True)
class Job:
    """One image to align.

    Attributes:
        data: Bytes of the image file.
        model: Name of a bundled model.
        min_score: Minimum of the score times the confidence of the detector, 0 to 1.
        max_faces: Maximum number of faces; None for no limit.
        edge_weights: Whether to return the edge weights of each face.
        stream: State of the stream for a frame of a camera, so that faces are tracked and smoothed; None for an image.
    """

    data: bytes | bytearray
    model: str
    min_score: float
    max_faces: int | None = None
    edge_weights: bool = False
    stream: StreamState | None = None

    def can_share_batch(self, other: Job | ExportJob) -> bool:
        """Return whether two jobs can run in one batch: they differ only in their images."""
        return isinstance(other, Job) and self.stream is other.stream is None and self._options() == other._options()

    def _options(self) -> tuple[str, float, int | None, bool]:
        return self.model, self.min_score, self.max_faces, self.edge_weights


@dataclass(frozen=True)
class ExportJob:
    """Landmarks to be written as files.

    Attributes:
        data: JSON: {"images": [{"image": name, "width": ..., "height": ..., "faces": [...]}]}.
        model: Name of the bundled model whose scheme the faces have.
        format: One of `facelattice.serve.export.EXPORT_FORMATS`.
        template: Template of the crop matrices of "json".
        size: Side of the crops of "json" in pixels; None for that of the template.
        region: Region of the face for "masks".
    """

    data: bytes | bytearray
    model: str
    format: str
    template: str = "upright"
    size: int | None = None
    region: str = "face"

    def can_share_batch(self, other: Job | ExportJob) -> bool:
        """Return False: an export runs alone."""
        return False


@dataclass(frozen=True)
class VideoJob:
    """A video whose faces are tracked.

    Attributes:
        data: Bytes of the video file.
        model: Name of a bundled model.
        min_score: Minimum of the score times the confidence of the detector, 0 to 1.
        max_faces: Maximum number of faces in a frame.
    """

    data: bytes | bytearray
    model: str
    min_score: float
    max_faces: int | None = None


@dataclass(frozen=True)
class AlignResult:
    """The faces of one image.

    Attributes:
        faces: The faces, without their image.
        edge_weights: For each face its edges (point, neighbor, edge weight); None if the job does not include them.
        milliseconds: Time to decode the image ("decode") and to find the faces of its batch ("find").
        tracker: The pickled `Tracker`, for a frame of a stream.
    """

    faces: list[Face]
    edge_weights: list[list[tuple[int, int, float]]] | None
    milliseconds: dict[str, float]
    tracker: bytes | None = None


@dataclass(frozen=True)
class ExportResult:
    """The files of an export.

    Attributes:
        json: JSON of the response.
    """

    json: bytes


@dataclass(frozen=True)
class VideoEnd:
    """The end of a video.

    Attributes:
        error: The error that ended it early; None if all frames were processed.
    """

    error: VideoError | WorkerError | None = None


class QueueFullError(RuntimeError):
    """Too many requests wait for a worker."""


class WorkerCrashedError(WorkerError):
    """A worker process died, and the job can be repeated.

    Args:
        is_fault: Whether the code of the process was at fault, such as a decoder that accesses invalid memory. False if
            something else ended the process, such as an operator or a lack of memory.
    """

    def __init__(self, is_fault: bool = False) -> None:
        super().__init__("a worker process died; try again")
        self.is_fault = is_fault


class WorkerTimeoutError(WorkerError):
    """A job took too long."""


class WorkerFailedError(WorkerError):
    """A worker process cannot start, or failed for a reason other than the image."""


# Errors are returned, not raised: a raised error has a traceback, whose frames refer to the image.
Outcome = AlignResult | ExportResult | ImageError | FormatError | WorkerError
