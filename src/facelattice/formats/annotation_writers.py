"""Writers of annotated images, one for each kind of files that `facelattice.datasets.convert` writes.

A writer takes the target, the faces by the path of their image, and the scheme of their points. Images without faces
have an empty sequence; the kinds in `FACES_ONLY` get no such images. It returns notes about content that is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from facelattice.atomic_files import write_file
from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.annotation import AnnotatedImage, Annotation
from facelattice.formats.coco import CocoTable
from facelattice.formats.csv import annotations_csv
from facelattice.formats.cvat import cvat_text
from facelattice.formats.dlib_xml import DlibTable
from facelattice.formats.folder import common_folder, relative_stems, write_folder
from facelattice.formats.label_studio import label_studio_text
from facelattice.formats.labelme import labelme_text
from facelattice.formats.names import relative_path
from facelattice.formats.pts import pts_text
from facelattice.formats.yolo import data_yaml, outside, yolo_label
from facelattice.image_io import image_size
from facelattice.messages import list_some
from facelattice.point_names import parse_numbers
from facelattice.schemes import SCHEMES, Scheme

Images = Mapping[Path, Sequence[Annotation]]
Notes = list[str]


def _name_images(images: Images, folder: Path) -> list[AnnotatedImage]:
    """Return the images with their sizes and their paths relative to a folder."""
    return [AnnotatedImage(relative_path(path, folder), *image_size(path), faces) for path, faces in images.items()]


def _write_csv(target: Path, images: Images, scheme: Scheme) -> Notes:
    names = scheme.names if _needs_names(scheme) and _fit_columns(scheme.names) else ()
    # A table does not need the sizes.
    named = [AnnotatedImage(relative_path(path, target.parent), 0, 0, faces) for path, faces in images.items()]
    write_file(target, annotations_csv(named, len(scheme), names))
    return [*_note_boxes(images), *([] if names else _note_names(scheme))]


def _write_coco(target: Path, images: Images, scheme: Scheme) -> Notes:
    table = CocoTable()
    for image in _name_images(images, target.parent):
        table.add(image.name, [_face(face, scheme) for face in image.faces], (image.width, image.height))
    write_file(target, table.end())
    return _note_visibility(images)


def _write_dlib(target: Path, images: Images, scheme: Scheme) -> Notes:
    table = DlibTable()
    texts = [
        table.add(relative_path(path, target.parent), [_face(face, scheme) for face in faces])
        for path, faces in images.items()
    ]
    write_file(target, "".join([*texts, table.end()]))
    return ["rounded: coordinates, to whole pixels", *_note_no_visibility(images), *_note_names(scheme)]


def _write_cvat(target: Path, images: Images, scheme: Scheme) -> Notes:
    named = _name_images(images, target.parent)
    write_file(target, cvat_text(named, scheme.names))
    return [*_note_visibility(images), *_note_outside(target, images, named, "CVAT")]


def _write_label_studio(target: Path, images: Images, scheme: Scheme) -> Notes:
    named = _name_images(images, target.parent)
    write_file(target, label_studio_text(named, scheme.names))
    return [
        *_note_visibility(images),
        *_note_absent(images, scheme),
        *_note_outside(target, images, named, "Label Studio"),
    ]


def _write_labelme(target: Path, images: Images, scheme: Scheme) -> Notes:
    paths = list(images)
    texts = {}
    for stem, (path, faces) in zip(relative_stems(paths, common_folder(paths, target)), images.items(), strict=True):
        file = target / stem.with_name(f"{stem.name}.json")
        (image,) = _name_images({path: faces}, file.parent)
        texts[file] = labelme_text(image, scheme.names)
    write_folder(texts, {})
    return [*_note_visibility(images), *_note_absent(images, scheme)]


def _write_pts(target: Path, images: Images, scheme: Scheme) -> Notes:
    """Write NAME.pts beside NAME.jpg; for several faces, NAME_1.pts beside NAME_1.jpg and so on, as in 300-W.

    No face may have missing points.
    """
    paths = list(images)
    stems = relative_stems(paths, common_folder(paths, target))
    taken = set(stems)
    texts: dict[Path, str] = {}
    copies: dict[Path, Path] = {}
    for stem, (path, faces) in zip(stems, images.items(), strict=True):
        number = 0
        for face in faces:
            name = stem
            while len(faces) > 1 and name in taken:
                number += 1
                name = stem.with_name(f"{stem.name}_{number}")
            taken.add(name)
            texts[target / name.with_name(f"{name.name}.pts")] = pts_text(face.points)
            copies[target / name.with_name(name.name + path.suffix)] = path
    write_folder(texts, copies)
    return [*_note_boxes(images), *_note_no_visibility(images), *_note_names(scheme)]


def _write_yolo(target: Path, images: Images, scheme: Scheme) -> Notes:
    paths = list(images)
    stems = relative_stems(paths, common_folder(paths, target / "images"))
    texts: dict[Path, str] = {}
    copies: dict[Path, Path] = {}
    num_outside = 0
    for stem, path, image in zip(stems, paths, _name_images(images, target), strict=True):
        texts[target / "labels" / stem.with_name(f"{stem.name}.txt")] = yolo_label(image)
        copies[target / "images" / stem.with_name(stem.name + path.suffix)] = path
        num_outside += sum(int(outside(face, image).sum()) for face in image.faces)
    write_folder(texts | {target / "data.yaml": data_yaml(scheme)}, copies)
    notes = [f"left out: points outside of their images ({num_outside})"] if num_outside else []
    return [*notes, *_note_visibility(images)]


Writer = Callable[[Path, Images, Scheme], Notes]

FILE_WRITERS: dict[str, Writer] = {
    "csv": _write_csv,
    "coco": _write_coco,
    "dlib": _write_dlib,
    "cvat": _write_cvat,
    "label-studio": _write_label_studio,
}
FOLDER_WRITERS: dict[str, Writer] = {"pts": _write_pts, "yolo": _write_yolo, "labelme": _write_labelme}
WRITERS = FILE_WRITERS | FOLDER_WRITERS
FACES_ONLY = {"csv", "pts"}  # kinds that cannot state that an image has no face


def _face(face: Annotation, scheme: Scheme) -> Face:
    """Convert an annotation for the writers of results; a point is visible unless it is known to be hidden."""
    points = np.where(face.mask[:, None], face.points, np.nan)
    nothing = np.zeros(len(points), np.float32)
    return Face(points, nothing, 1.0, face.box_or_points_box(), scheme, visibility=1.0 - face.hidden)


def _needs_names(scheme: Scheme) -> bool:
    """Return whether the scheme can be inferred from the names of its points, but not from their number."""
    by_number = next((built_in for built_in in SCHEMES.values() if len(built_in) == len(scheme)), None)
    return scheme is not by_number and parse_numbers(scheme.names) is None


def _fit_columns(names: Sequence[str]) -> bool:
    """Return whether the names can be read back from columns NAME_x and NAME_y."""
    return all(name[-1].isalnum() and name == name.strip() for name in names)


def _note_boxes(images: Images) -> Notes:
    count = sum(face.box is not None for faces in images.values() for face in faces)
    return [f"left out: boxes (of {count} faces)"] if count else []


def _note_no_visibility(images: Images) -> Notes:
    count = sum(int((face.hidden | face.visible).any()) for faces in images.values() for face in faces)
    return [f"left out: the visibility of points (in {count} faces)"] if count else []


def _note_visibility(images: Images) -> Notes:
    """Describe the loss in formats whose points are hidden or visible, but not unknown."""
    faces = [face for some in images.values() for face in some]
    notes = []
    num_placeless = sum(int((face.hidden & ~face.mask).sum()) for face in faces)
    if num_placeless:
        notes.append(f"written as missing: hidden points without a position ({num_placeless})")
    if any((face.hidden & face.mask).any() for face in faces):
        num_unknown = sum(int((face.mask & ~face.hidden & ~face.visible).sum()) for face in faces)
        if num_unknown:
            notes.append(f"written as visible: points whose visibility is unknown ({num_unknown})")
    elif any(face.visible.any() for face in faces):
        notes.append("left out: the visibility of points; these files state it only if a point is hidden")
    return notes


def _note_absent(images: Images, scheme: Scheme) -> Notes:
    """Describe the loss of points that no face has, in formats that leave missing points out."""
    known = np.any([face.mask for faces in images.values() for face in faces], axis=0)
    names = [name for name, is_known in zip(scheme.names, known, strict=True) if not is_known]
    return (
        [f"left out: points that no face has ({list_some(names, 5)}); give the scheme when the files are read"]
        if names
        else []
    )


def _note_outside(target: Path, images: Images, named: Sequence[AnnotatedImage], program: str) -> Notes:
    """Describe images that a program does not load, because they are outside of the folder of the file."""
    count = sum(image.name.startswith("../") or Path(image.name).is_absolute() for image in named)
    if not count:
        return []
    try:
        folder = common_folder(list(images), target.parent)
    except FormatError:  # several drives
        folder = Path(target.anchor)
    # The root of a drive is no useful folder for the file.
    advice = "copy them into it" if folder == Path(folder.anchor) else f"write the file into {folder}"
    return [f"not loaded by {program}: images outside of the folder of the file ({count} of {len(named)}); {advice}"]


def _note_names(scheme: Scheme) -> Notes:
    if not _needs_names(scheme):
        return []
    advice = f"the scheme {scheme.name}" if scheme.name in SCHEMES else "a scheme file"
    return [f"left out: names of the points; give {advice} when the files are read"]
