"""The faces of many images, written in any of the formats."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facelattice.face import Face
from facelattice.formats.coco import write_coco
from facelattice.formats.csv import write_faces_csv
from facelattice.formats.dlib_xml import write_dlib_xml
from facelattice.formats.files import relative_name, unique_stem
from facelattice.formats.json import write_json
from facelattice.formats.pts import write_pts

TABLES = {
    "csv": ("landmarks.csv", write_faces_csv),
    "coco": ("landmarks.json", write_coco),
    "dlib": ("landmarks.xml", write_dlib_xml),
}
FORMATS = ("json", "pts", *TABLES)


def save_faces(
    results: Iterable[tuple[str | os.PathLike, Sequence[Face]]],
    out_dir: str | os.PathLike,
    format: str,
    stems: Mapping[Any, str] | None = None,
    label: str = "",
) -> list[Path]:
    """Write the faces of images, given as (path of the image, its faces), and return the files written.

    "json": out_dir/STEM.json for each image, also for one without faces.
    "pts": out_dir/STEM_K.pts for each face, K from 0 in the order of the faces.
    "csv": one out_dir/landmarks.csv with a line for each face: image,face,score,x0,y0,...
    "coco": one out_dir/landmarks.json, COCO keypoints. "dlib": one out_dir/landmarks.xml, imglab's, whole pixels.

    STEM is what ``stems`` has for the path, else the image's name without its suffix; a second image of that name
    becomes STEM-2. The image named inside a file is the path as seen from ``out_dir``, so that training finds it.
    ``results`` may be a generator: files of one image each are written as it comes, the others appear at the end.
    With a ``label`` those are called landmarks-LABEL, so that several machines can write into one folder.

    Raises ValueError for an unknown format, or where one file would have to mix faces of different schemes.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    out_dir = Path(out_dir)
    if format in TABLES:
        name, write = TABLES[format]
        path = out_dir / (name.replace(".", f"-{label}.") if label else name)
        write(path, ((relative_name(out_dir, image), faces) for image, faces in results))
        return [path]
    written: list[Path] = []
    taken: set[str] = set()
    for image, faces in results:
        stem = stems[image] if stems is not None else unique_stem(Path(image).stem, taken)
        if format == "json":
            written.append(out_dir / f"{stem}.json")
            write_json(written[-1], relative_name(out_dir, image), faces)
        else:
            for k, face in enumerate(faces):
                written.append(out_dir / f"{stem}_{k}.pts")
                write_pts(written[-1], face.points)
    return written
