"""Errors that facelattice raises for mistakes that a user can correct.

Every class derives from `FacelatticeError` and from the built-in exception that fits best, so that
``except ValueError`` keeps working. The command line prints these errors, and OSError, as one line. Any other exception
is a bug in facelattice.
"""

from __future__ import annotations

import re

OUT_OF_MEMORY = "not enough memory; close other programs, raise the limit, or use fewer processes"
# Texts of libraries that do not raise MemoryError: ONNX Runtime, OpenCV, C++, and the loader of shared libraries.
_OUT_OF_MEMORY = re.compile(r"allocate memory|bad.alloc|Insufficient memory|failed to map segment", re.IGNORECASE)


class FacelatticeError(Exception):
    """Base class of all errors that are raised for a mistake of the user."""


class ArgumentError(FacelatticeError, ValueError):
    """An argument or a setting has a value that is not allowed."""


class ImageError(FacelatticeError, ValueError):
    """An image cannot be read or written."""


class VideoError(FacelatticeError, ValueError):
    """A video or camera cannot be read, or a video cannot be written."""


class SchemeError(FacelatticeError, ValueError):
    """A point scheme is unknown or wrong, or two schemes cannot be converted into each other."""


class FormatError(FacelatticeError, ValueError):
    """A file of landmarks or annotations is damaged, or its format cannot represent the data."""


class DataError(FacelatticeError, ValueError):
    """A dataset is missing, wrong, or does not fit the task."""


class ModelError(FacelatticeError, ValueError):
    """A model file is missing, damaged, or of the wrong kind."""


class RecipeError(FacelatticeError, ValueError):
    """A recipe or an override of a recipe has a wrong key or value."""


class CheckpointError(FacelatticeError, ValueError):
    """A checkpoint is missing, damaged, or does not fit the network."""


class TrainingError(FacelatticeError, ValueError):
    """Training cannot start or continue."""


class ExportError(FacelatticeError, ValueError):
    """A model file cannot be written, or its outputs differ from those of the network."""


class WorkerError(FacelatticeError, RuntimeError):
    """A worker process died."""


class MissingDependencyError(FacelatticeError, ImportError):
    """An optional package is not installed; the message names the extra that installs it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one that led to it, says that there is not enough memory."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or _OUT_OF_MEMORY.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
