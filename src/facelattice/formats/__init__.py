"""Landmarks in files: what is found is written here, and what others annotated is read. Nothing is ever half written.

    save_faces([("photo.jpg", faces)], "out", "json")        # out/photo.json; also "pts", "csv", "coco" and "dlib"
    points = read_pts("photo.pts")                           # (68, 2), counted from 0
    rows = read_csv("train.csv")                             # [("photo.jpg", points, mask), ...]
    faces = read_coco("train.json")                          # [Annotation("photo.jpg", points, mask, hidden, box), ...]

Coordinates count from 0 with whole numbers at pixel centers. Files of the .pts kind count from 1, as those of 300-W do:
`write_pts` adds the 1 and `read_pts` takes it away.
"""

from facelattice.formats.annotation import Annotation
from facelattice.formats.coco import read_coco, write_coco
from facelattice.formats.csv import Row, read_csv, write_csv
from facelattice.formats.dlib_xml import read_dlib_xml, write_dlib_xml
from facelattice.formats.files import atomic_write, unique_stem
from facelattice.formats.json import images_in_json, read_json, write_json
from facelattice.formats.parquet import images_in_parquet, write_parquet
from facelattice.formats.pts import read_pts, write_pts
from facelattice.formats.save import FORMATS, save_faces

__all__ = [
    "FORMATS",
    "Annotation",
    "Row",
    "atomic_write",
    "images_in_json",
    "images_in_parquet",
    "read_coco",
    "read_csv",
    "read_dlib_xml",
    "read_json",
    "read_pts",
    "save_faces",
    "unique_stem",
    "write_coco",
    "write_csv",
    "write_dlib_xml",
    "write_json",
    "write_parquet",
    "write_pts",
]
