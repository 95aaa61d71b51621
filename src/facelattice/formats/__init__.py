"""Files of landmarks: results are written with `open_sink`, annotations and results are read with `read_...`.

`facelattice.datasets` reads annotations of more kinds, and converts them.

Example:
    with open_sink("json", "out") as sink:     # also "pts", "csv", "coco", "dlib" and "parquet"
        sink.write("photo.jpg", faces)         # out/photo.json
    points = read_pts("photo.pts")             # float32 (68, 2)
    rows = read_csv("train.csv")               # [("photo.jpg", points, mask), ...]
    annotations = read_coco("train.json")      # [Annotation("photo.jpg", points, mask, ...), ...]

Coordinates count from 0, with whole numbers at pixel centers. The .pts files of 300-W count from 1: `write_pts` adds 1,
and `read_pts` subtracts it.
"""

from facelattice.atomic_files import atomic_write
from facelattice.formats.annotation import Annotation
from facelattice.formats.coco import write_coco
from facelattice.formats.coco_reader import read_coco
from facelattice.formats.csv import Row, write_csv
from facelattice.formats.csv_reader import read_csv
from facelattice.formats.dlib_xml import read_dlib_xml, write_dlib_xml
from facelattice.formats.json import JsonFace, images_in_json, read_json, write_json
from facelattice.formats.names import unique_stem
from facelattice.formats.parquet import images_in_parquet
from facelattice.formats.pts import read_pts, write_pts
from facelattice.formats.sink import FORMATS, Sink, open_sink

__all__ = [
    "FORMATS",
    "Annotation",
    "JsonFace",
    "Row",
    "Sink",
    "atomic_write",
    "images_in_json",
    "images_in_parquet",
    "open_sink",
    "read_coco",
    "read_csv",
    "read_dlib_xml",
    "read_json",
    "read_pts",
    "unique_stem",
    "write_coco",
    "write_csv",
    "write_dlib_xml",
    "write_json",
    "write_pts",
]
