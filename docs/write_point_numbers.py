"""Write docs/point-numbers.md from the schemes and their conversions: `python docs/write_point_numbers.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from facelattice.schemes import SCHEMES, convert

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from peer_programs import MESH

PATH = Path(__file__).with_name("point-numbers.md")
TARGET = SCHEMES["ibug68"]
SOURCES = {"wflw98": "WFLW", "jd106": "JD-landmark, LaPa", "insightface106": "InsightFace `2d106det`"}
INTRODUCTION = """# Point numbers

The number of each of the 68 points in other programs and datasets, counted from 0. dlib, face-alignment and 300-W
use the numbers of the first column. Left and right are [the sides of the image](coordinates.md).
[Point schemes](point-schemes.md) has drawings of all schemes. `python docs/write_point_numbers.py` writes this page
from the conversions of the code, and a test compares them.

MediaPipe's column is the vertex of its mesh that is nearest to the point. The vertices of the jaw lie on the head,
not on the visible outline, so they differ most when the head is turned.

"""


def main() -> None:
    """Write the page."""
    PATH.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown."""
    columns = [source_numbers(name) for name in SOURCES]
    header = ["number", "name", *SOURCES.values(), "MediaPipe mesh"]
    lines = [header, ["---"] * len(header)]
    for i, name in enumerate(TARGET.names):
        lines.append([str(i), f"`{name}`", *(column[i] for column in columns), str(MESH[i])])
    return INTRODUCTION + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def source_numbers(name: str) -> list[str]:
    """Return the number in a scheme of each of the 68 points; empty if the scheme does not have it."""
    source = SCHEMES[name]
    numbers = np.stack([np.arange(len(source)), np.zeros(len(source))], 1)
    found, known = convert(numbers, np.ones(len(source), bool), source, TARGET)
    if not np.array_equal(found[known], np.round(found[known])):
        raise ValueError(f"a point of {TARGET.name} is the mean of several points of {name}")
    return [str(int(number)) if is_known else "" for (number, _), is_known in zip(found, known, strict=True)]


if __name__ == "__main__":
    main()
