"""The scheme of a file whose points have names, and the order of its points in that scheme."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facelattice.exceptions import DataError
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.messages import get_logger, list_some
from facelattice.point_names import match_names, parse_numbers, split_name
from facelattice.schemes import SCHEMES, Scheme

Order = list[int | None]  # for each point of the scheme its index in the file, None if the file does not have it
MIN_SHARED = 2  # names that a file and its scheme must share


def order_points(path: Path, file: AnnotationFile, scheme: Scheme | None) -> tuple[Scheme | None, list[Annotation]]:
    """Bring the points of a file into the order of their scheme, if the file names them.

    Points are matched by name. If the names in the file are only numbered (00, 01, ... or p1, p2, ...), the numbers
    give the order. If those of the scheme are, its points are in the order of the file. For a built-in scheme, left and
    right in the names may be those of the image or of the person: the coordinates decide.

    Args:
        path: The file, for messages and for the name of a new scheme.
        file: The faces and the names of their points.
        scheme: The scheme that the user gave. None takes the built-in scheme with these names, or makes a new scheme of
            the names.

    Returns:
        The scheme, or None if it must be inferred from the number of points; and the faces with their points in its
        order.

    Raises:
        DataError: If the names are not those of the scheme, or cannot make a new scheme.
    """
    if not file.names or not file.faces:
        return scheme, file.faces
    numbers = parse_numbers(file.names)
    if scheme is None:
        scheme = _find_built_in(file.names, numbers) if numbers else _find_by_names(file.names)
    if scheme is None and not numbers:
        return _make_scheme(path, file), file.faces
    if scheme is None:
        return None, [_reorder(face, list(np.argsort(numbers or []))) for face in file.faces]
    if not numbers and parse_numbers(scheme.names):  # the scheme does not name its points
        return scheme, file.faces
    order = match_names(file.names, scheme.names)
    num_shared = sum(k is not None for k in order)
    if numbers and num_shared < len(scheme):
        return scheme, [_reorder(face, _order_by_number(numbers, len(scheme))) for face in file.faces]
    if num_shared < min(MIN_SHARED, len(scheme)):
        raise DataError(
            f"{path}: the names of its points ({_list_names(file.names)}) are not those of the scheme {scheme.name} "
            f"({_list_names(scheme.names)}); use the same names in both, or number the points in the scheme's order"
        )
    _warn_unmatched(path, file.names, scheme, order)
    faces = [_reorder(face, order) for face in file.faces]
    if scheme.name in SCHEMES and _sides_are_swapped(faces, scheme):
        get_logger().warning(
            "%s: left and right in its names are those of the person, and those of the image in %s; they are swapped",
            path,
            scheme.name,
        )
        faces = [_reorder(face, scheme.mirror.tolist()) for face in faces]
    return scheme, faces


def _find_built_in(names: Sequence[str], numbers: list[int]) -> Scheme | None:
    """Return the built-in scheme for numbered points, of which some may never be annotated."""
    sizes = [len(names), max(numbers) + 1 if min(numbers) == 0 else max(numbers)]
    return next((scheme for size in sizes for scheme in SCHEMES.values() if len(scheme) == size), None)


def _find_by_names(names: Sequence[str]) -> Scheme | None:
    """Return the built-in scheme that has exactly these points."""
    same_size = [scheme for scheme in SCHEMES.values() if len(scheme) == len(names)]
    return next((scheme for scheme in same_size if None not in match_names(names, scheme.names)), None)


def _order_by_number(numbers: list[int], num_points: int) -> Order:
    """Return the order of numbered points. If some are missing, a number is the index of a point of the scheme."""
    if len(numbers) >= num_points:
        return [int(k) for k in np.argsort(numbers)]
    start = 1 if max(numbers) == num_points else 0
    index = {number - start: k for k, number in enumerate(numbers)}
    if not set(index) <= set(range(num_points)):
        return [int(k) for k in np.argsort(numbers)]
    return [index.get(i) for i in range(num_points)]


def _reorder(face: Annotation, order: Sequence[int | None]) -> Annotation:
    known = np.array([k is not None for k in order])
    ids = [0 if k is None else k for k in order]
    points = np.where(known[:, None], face.points[ids], np.nan).astype(np.float32)
    mask, hidden, visible = (values[ids] & known for values in (face.mask, face.hidden, face.visible))
    return face._replace(points=points, mask=mask, hidden=hidden, visible=visible)


def _make_scheme(path: Path, file: AnnotationFile) -> Scheme:
    """Make a scheme from the names of the points and the skeleton."""
    try:
        lines = [[int(i) - 1 for i in edge] for edge in file.skeleton or []]
        return Scheme.from_dict({"name": file.category or path.stem, "points": list(file.names), "lines": lines})
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: the names of its points are not a point scheme: {error}") from error


def _warn_unmatched(path: Path, names: Sequence[str], scheme: Scheme, order: Order) -> None:
    used = set(order)
    unused = [name for k, name in enumerate(names) if k not in used]
    missing = [scheme.names[i] for i, k in enumerate(order) if k is None]
    for text, some in (("ignored points that are not in", unused), ("without these points of", missing)):
        if some:
            get_logger().warning("%s: %s %s: %s", path, text, scheme.name, _list_names(some))


def _sides_are_swapped(faces: Sequence[Annotation], scheme: Scheme) -> bool:
    """Return whether most faces have the points named left on the right."""
    pairs = [(a, b) if "left" in split_name(scheme.names[a]) else (b, a) for a, b in scheme.pairs]
    votes = 0.0
    for face in faces:
        distances = [face.points[b, 0] - face.points[a, 0] for a, b in pairs if face.mask[a] and face.mask[b]]
        votes += float(np.sign(np.mean(distances))) if distances else 0.0
    return votes < 0


def _list_names(names: Sequence[str]) -> str:
    return list_some([reprlib.repr(name) for name in names], 8)
