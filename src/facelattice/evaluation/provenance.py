"""What a figure was made with, so that it can be made again: command, version, digests, libraries, date."""

from __future__ import annotations

import hashlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import facelattice
from facelattice import distributed
from facelattice.datasets.sample import Sample

LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime", "yunet")


def provenance(source: Path, samples: Sequence[Sample]) -> dict[str, Any]:
    """Plain values: ``source`` is the model file or the predictions, ``samples`` the faces of the data set."""
    return {
        "command": shlex.join(["facelattice", *sys.argv[1:]]),
        "facelattice": facelattice.__version__,
        "commit": commit(),
        "source": source.name,
        "sha256": file_digest(source),
        "data_sha256": data_digest(samples),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        "processes": distributed.count(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name)) is not None},
    }


def data_digest(samples: Sequence[Sample]) -> str:
    """SHA-256 over the faces in their order: names of images, points as float32, which of them are annotated."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(sample.path.name.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(sample.points.astype("<f4").tobytes() + sample.mask.tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file as `sha256sum` gives it; of a folder, over the names and digests of the files in it."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = (f"{file_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def commit() -> str | None:
    """The git commit of the checkout that this program runs from, "+ changes" where files differ; else None."""
    package = Path(facelattice.__file__).resolve().parent
    if not (package.parents[1] / ".git").exists():  # installed: a checkout around it would be somebody else's
        return None
    try:
        head, status = (
            subprocess.run(["git", *arguments], cwd=package, capture_output=True, text=True, check=True).stdout
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.strip() + (" + changes" if status.strip() else "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # OpenCV comes under several names
        return None
