"""Provenance of an evaluation: the information to repeat it."""

from __future__ import annotations

import hashlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import facelattice
from facelattice import distributed
from facelattice.datasets.sample import Sample
from facelattice.inference.benchmark import installed_versions


@dataclass(frozen=True)
class Provenance:
    """The command, versions, files and time of an evaluation.

    Attributes:
        command: The command line.
        version: Version of facelattice.
        commit: See `git_commit`.
        source: Name of the model file or of the file of predictions.
        source_sha256: See `file_digest`.
        data_sha256: See `data_digest`.
        date: Date and time in UTC.
        python: Version of Python, operating system and processor architecture.
        num_processes: Number of processes of the launcher.
        libraries: Versions of the installed libraries.
    """

    command: str
    version: str
    commit: str | None
    source: str
    source_sha256: str
    data_sha256: str
    date: str
    python: str
    num_processes: int
    libraries: dict[str, str]


def collect_provenance(source: Path, samples: Sequence[Sample]) -> Provenance:
    """Collect the provenance of an evaluation in this process.

    Args:
        source: The model file, or the file or folder of predictions.
        samples: The annotated faces.
    """
    return Provenance(
        command=shlex.join(["facelattice", *sys.argv[1:]]),
        version=facelattice.__version__,
        commit=git_commit(),
        source=source.name,
        source_sha256=file_digest(source),
        data_sha256=data_digest(samples),
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        python=f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        num_processes=distributed.count(),
        libraries=installed_versions(),
    )


def data_digest(samples: Sequence[Sample]) -> str:
    """Compute the SHA-256 of faces in their order: image names, points as float32, masks."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(sample.path.name.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(sample.points.astype("<f4").tobytes() + sample.mask.tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Compute the SHA-256 of a file, or of the names and digests of all files in a folder."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = (f"{file_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def git_commit() -> str | None:
    """Return the commit of the checkout that contains this package, with " + changes" if files differ from it.

    Returns None if git fails, and for an installed package, as a checkout around it belongs to another project.
    """
    package = Path(facelattice.__file__).resolve().parent
    if not (package.parents[1] / ".git").exists():
        return None
    try:
        head, status = (
            subprocess.run(["git", *arguments], cwd=package, capture_output=True, text=True, check=True).stdout
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.strip() + (" + changes" if status.strip() else "")
