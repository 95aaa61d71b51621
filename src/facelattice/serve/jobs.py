"""What the server sends to a worker process, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from facelattice.exceptions import FormatError, ImageError, VideoError, WorkerError
from facelattice.face import Face


@dataclass(frozen=True)
class StreamState:
    """The state of a stream of camera frames before a frame.

    Attributes:
        time: Time of the frame, in seconds.
        tracker: The pickled `Tracker` after the frame before. None: this is the first frame.
    """

    time: float
    tracker: bytes | None


@dataclass(frozen=True)
class Job:
    """One image to align.

    Attributes:
        data: Bytes of the image file.
        model: Name of a bundled model.
        min_score: Minimum score of a face, 0 to 1.
        max_faces: Maximum number of faces. None: no limit.
        edge_weights: Whether to return the edge weights of each face.
        stream: For a frame of a camera: what is known of its stream, so that faces are followed and smoothed.
    """

    data: bytes | bytearray
    model: str
    min_score: float
    max_faces: int | None = None
    edge_weights: bool = False
    stream: StreamState | None = None

    def can_share_batch(self, other: Job | ExportJob) -> bool:
        """Return whether two jobs can run in one batch: everything but their images is the same."""
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
        template: For "json": the template of the crop matrices.
        size: For "json": the side of the crops in pixels. None: that of the template.
        region: For "masks": the region of the face.
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
    """A video whose faces are followed.

    Attributes:
        data: Bytes of the video file.
        model: Name of a bundled model.
        min_score: Minimum score of a face, 0 to 1.
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
        edge_weights: For each face its edges (point, neighbor, edge weight). None if the job did not ask for them.
        milliseconds: Time to decode the image ("decode") and to find the faces of its batch ("find").
        tracker: For a frame of a stream: the pickled `Tracker`.
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
        error: What ended it early. None: all frames were followed.
    """

    error: VideoError | WorkerError | None = None


class QueueFullError(RuntimeError):
    """Too many requests wait for a worker."""


class WorkerCrashedError(WorkerError):
    """A worker process died, and the job can be repeated.

    Args:
        is_fault: Whether the code of the process was at fault, such as a decoder that accesses invalid memory. False:
            something else ended the process, such as an operator or a lack of memory.
    """

    def __init__(self, is_fault: bool = False) -> None:
        super().__init__("a worker process died; try again")
        self.is_fault = is_fault


class WorkerTimeoutError(WorkerError):
    """The image kept its worker process busy for too long."""


class WorkerFailedError(WorkerError):
    """A worker process cannot start, or failed for a reason other than the image."""


# Errors are returned, not raised: a raised error refers to the frames that it passed, and these to the image.
Outcome = AlignResult | ExportResult | ImageError | FormatError | WorkerError
