"""Results of benchmarks as dated JSON files, which `tables.py` puts into the documentation.

    def main() -> None:
        parser = argparse.ArgumentParser()
        add_json_option(parser)
        options = parser.parse_args()
        write_result(options.json, "crowds", rows, faces="...", boxes="...")

    if __name__ == "__main__":
        run(main)

A file has the keys:

- schema: "facelattice-benchmark-1"
- benchmark: the name of the result: that of the script, and what was measured if that varies
- command: the command line; `DATA` stands for the folder of the data
- commit: the commit of this repository, with " + changes" if files differ from it
- date: date and time in UTC
- machine: processor, system, and load average before the benchmark
- versions: of Python, facelattice and the libraries
- faces: which faces were measured
- boxes: where their boxes came from
- rows: one object for each row of the table; fractions, pixels, milliseconds

and those that a benchmark adds.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facelattice.atomic_files import write_file
from facelattice.evaluation.provenance import git_commit
from facelattice.exceptions import FacelatticeError
from facelattice.inference.benchmark import describe_machine, installed_versions

SCHEMA = "facelattice-benchmark-1"
FOLDER = Path(__file__).with_name("results")
REQUIRED = ("schema", "benchmark", "command", "commit", "date", "machine", "versions", "faces", "boxes", "rows")
PEERS = ("opencv-contrib-python", "dlib-bin", "mediapipe")  # MediaPipe brings the first
LOAD_AT_START = os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json FOLDER` to a benchmark."""
    parser.add_argument("--json", type=Path, metavar="FOLDER", help=f"write a dated file here, such as {FOLDER.name}")


def add_name_option(parser: argparse.ArgumentParser, default: str) -> None:
    """Add `--name NAME`, so that a result does not replace that of the usual run."""
    parser.add_argument("--name", default=default, help="name of the result (default: %(default)s)")


def write_result(
    folder: Path | None, benchmark: str, rows: Sequence[dict[str, Any]], faces: str, boxes: str, **more: Any
) -> None:
    """Write FOLDER/DATE-BENCHMARK.json, unless the folder is None.

    Args:
        folder: The value of `--json`.
        benchmark: Name of the benchmark.
        rows: The rows of its table.
        faces: Which faces were measured.
        boxes: Where their boxes came from.
        **more: Other content.
    """
    if folder is None:
        return
    machine = describe_machine()
    machine["machine"]["load_average"] = LOAD_AT_START
    machine["versions"] |= installed_versions(PEERS)
    content = {
        "schema": SCHEMA,
        "benchmark": benchmark,
        "command": describe_command(sys.argv),
        "commit": git_commit(),
        **machine,
        "faces": faces,
        "boxes": boxes,
        **more,
        "rows": list(rows),
    }
    path = folder / f"{machine['date'][:10]}-{benchmark}.json"
    write_file(path, json.dumps(content, indent=1) + "\n")
    print(f"written: {path}", file=sys.stderr)


def part_name(benchmark: str, part: str | None) -> str:
    """Return the name of the results on a part of a dataset: that of the benchmark for test faces."""
    return benchmark if part in (None, "test", "testset") else f"{benchmark}_{part}"


def describe_command(arguments: Sequence[str]) -> str:
    """Return the command line without the folders of this machine before the data and the script."""
    shown = []
    for argument in arguments:
        key, equals, path = argument.rpartition("=")
        parts = Path(path).parts
        if Path(path).root or ".." in parts:
            data = next((i for i, part in enumerate(parts) if part == "data"), None)
            path = Path("DATA", *parts[data + 1 :]).as_posix() if data is not None else parts[-1]
        shown.append(f"{key}{equals}{path}")
    return shlex.join(["python", *shown])


def run(main: Callable[[], None]) -> None:
    """Run a benchmark; a user's mistake ends it with a line."""
    try:
        main()
    except (FacelatticeError, OSError) as error:
        sys.exit(f"error: {error}")


def read_results(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return the newest result of each benchmark by its name.

    Raises:
        ValueError: If a file lacks a key of the schema.
    """
    results: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in REQUIRED if key not in result]
        if missing or result["schema"] != SCHEMA:
            raise ValueError(f"{path}: not a result of {SCHEMA}; it lacks {', '.join(missing) or 'that schema'}")
        earlier = results.get(result["benchmark"])
        if earlier is None or result["date"] >= earlier["date"]:
            results[result["benchmark"]] = result
    return results
