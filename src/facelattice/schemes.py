"""Point schemes: the names, mirror pairs, drawing lines and reference points of face landmarks.

Example:
    scheme = get_scheme("ibug68")  # or "wflw98", "cofw29", "aflw19", "five", or the path of a YAML file
    scheme.names[30]  # "nose_tip"
    mirrored = points[scheme.mirror]  # the points of the mirrored image, once their x is mirrored too
    points, mask = convert(points, mask, get_scheme("wflw98"), scheme)

"left" in names is the left side of the image for an upright frontal face: the person's right side. dlib and MediaPipe
name the person's sides instead.

A scheme of your own is a YAML file:

    name: dog
    points: [left_eye, right_eye, nose]  # names, or their number
    pairs: [[left_eye, right_eye]]  # names or indices; the default pairs names that differ in left and right
    lines: [[left_eye, nose, right_eye]]  # optional, like regions, ocular and pupils: see `Scheme`
"""

from __future__ import annotations

import os
import reprlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.builtin_schemes import BUILT_IN, CONVERSIONS, MEAN_98, MEAN_FROM_98, Conversion
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.file_search import suggest_path
from facelattice.messages import suggest_name
from facelattice.point_names import find_pairs, parse_numbers
from facelattice.yaml_check import load_yaml

EyePoints = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices of the points of the left and of the right eye, as seen in the image."""

MAX_POINTS = 100_000  # far more than any face has; a larger number would take all memory


def _tuples(value: Any, indices: dict[str, int] | None = None) -> Any:
    """Convert lists to tuples at any depth, and names in ``indices`` to indices."""
    if isinstance(value, dict):
        return {str(key): _tuples(item, indices) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_tuples(item, indices) for item in value)
    return indices.get(value, value) if indices and isinstance(value, str) else value


@dataclass(frozen=True, eq=False)
class Scheme:
    """The meaning of the N points of a face.

    Points are counted from 0. "left" is the left side of the image for an upright frontal face, in all built-in
    schemes. dlib and MediaPipe name the person's sides instead: their left eye is ``right_eye`` here.

    Attributes:
        name: Name, such as "ibug68".
        names: A unique name for each point.
        regions: Indices of the points of each part of the face: jaw, left_brow, right_brow, nose, left_eye, right_eye,
            mouth. The lists can index arrays: ``points[scheme.regions["left_eye"]]``.
        pairs: Pairs of points that are swapped by mirroring. All other points are on the face's axis.
        lines: Chains of points to draw. A closed line ends with its first point.
        ocular: Points of the left and of the right eye whose means are the outer eye corners, for the inter-ocular
            distance.
        pupils: The same for the pupils, for the inter-pupil distance.

    Raises:
        SchemeError: If a value is wrong; the message names the field.
    """

    name: str
    names: tuple[str, ...]
    regions: dict[str, list[int]]
    pairs: tuple[tuple[int, int], ...]
    lines: tuple[tuple[int, ...], ...]
    ocular: EyePoints | None
    pupils: EyePoints | None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise SchemeError(f"name: must be a text, not {self.name!r}")
        if not self.names or not isinstance(self.names, tuple):
            raise SchemeError(f"points: must be a list of names or their number, not {self.names!r}")
        for name in self.names:
            if not isinstance(name, str) or not name:
                raise SchemeError(f"points: {name!r} is not a name; write a number in quotes to use it as a name")
        for name, count in Counter(self.names).items():
            if count > 1:
                raise SchemeError(f"points: {name!r} occurs {count} times; each point needs a unique name")
        if not isinstance(self.regions, dict):
            raise SchemeError(f"regions: must map names to lists of points, not {self.regions!r}")
        for key, groups in (
            ("regions", tuple(tuple(ids) if isinstance(ids, list) else ids for ids in self.regions.values())),
            ("pairs", self.pairs),
            ("lines", self.lines),
            ("ocular", () if self.ocular is None else self.ocular),
            ("pupils", () if self.pupils is None else self.pupils),
        ):
            self._check(key, groups)
            if key in ("ocular", "pupils") and len(groups) not in (0, 2):
                raise SchemeError(f"{key}: must be two points or two lists of points, left and right, not {groups!r}")
        for pair in self.pairs:
            if len(pair) != 2 or pair[0] == pair[1]:
                raise SchemeError(f"pairs: {list(pair)} is not two different points; omit points on the axis")
        for i, count in Counter(i for pair in self.pairs for i in pair).items():
            if count > 1:
                raise SchemeError(f"pairs: point {i} ({self.names[i]}) is in {count} pairs; it can only be in one")
        # Lists, because a tuple of indices would index several axes of an array.
        object.__setattr__(self, "regions", {name: list(ids) for name, ids in self.regions.items()})

    def _check(self, key: str, groups: Any) -> None:
        for ids in groups if isinstance(groups, tuple) else [groups]:
            if not isinstance(ids, tuple) or not ids:
                raise SchemeError(f"{key}: must consist of lists of points such as [0, 1], not {ids!r}")
            for i in ids:
                if type(i) is not int or not 0 <= i < len(self):  # not isinstance, because True is an int
                    hint = (
                        isinstance(i, str) and suggest_name(i, self.names)
                    ) or f"indices go from 0 to {len(self) - 1}"
                    raise SchemeError(f"{key}: there is no point {i!r}; {hint}")

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Scheme({self.name}, {len(self)} points)"

    def __reduce__(self) -> tuple[Any, ...]:
        regions = tuple((name, tuple(ids)) for name, ids in self.regions.items())
        return _restore, (self.name, self.names, regions, self.pairs, self.lines, self.ocular, self.pupils)

    @property
    def mirror(self) -> np.ndarray:
        """Permutation (N,) of the points for a mirrored image: ``points[mirror]``, with x mirrored too."""
        order = np.arange(len(self))
        for a, b in self.pairs:
            order[a], order[b] = b, a
        return order

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON with the keys of the YAML file, the input of `from_dict`."""
        return {"points" if key == "names" else key: getattr(self, key) for key in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scheme:
        """Create a scheme from the content of a YAML file or the result of `to_dict`.

        Args:
            data: The keys name and points, and optionally regions, pairs, lines, ocular and pupils. Points are referred
                to by name or index.

        Raises:
            SchemeError: If a key is unknown or missing, or a value is wrong; the message names the key.
        """
        keys = ("name", "points", "regions", "pairs", "lines", "ocular", "pupils")
        if not isinstance(data, dict):
            raise SchemeError(f"a scheme must have the keys {', '.join(keys)}, not be {reprlib.repr(data)}")
        for key in data:
            if key not in keys:
                raise SchemeError(f"{key}: unknown key; a scheme has {', '.join(keys)}")
        for key in keys[:2]:
            if key not in data:
                raise SchemeError(f"{key}: this key is missing")
        names = data["points"]
        if type(names) is int and not 0 < names <= MAX_POINTS:
            raise SchemeError(f"points: the number must be from 1 to {MAX_POINTS}, not {names}")
        names = _tuples([f"point_{i}" for i in range(names)] if type(names) is int else names)
        indices = {name: i for i, name in enumerate(names) if isinstance(name, str)} if isinstance(names, tuple) else {}
        given = {key: _tuples(data[key], indices) for key in keys[2:] if data.get(key) is not None}
        for key in given.keys() & {"ocular", "pupils"}:  # [36, 45] is short for [[36], [45]]
            if isinstance(given[key], tuple):
                given[key] = tuple(group if isinstance(group, tuple) else (group,) for group in given[key])
        optional: dict[str, Any] = {"regions": {}, "lines": (), "ocular": None, "pupils": None}
        optional["pairs"] = find_pairs(tuple(indices))
        scheme = cls(data["name"], names, **(optional | given))
        for built_in in BUILT_IN:
            if built_in["name"] == scheme.name and len(built_in["points"]) != len(scheme):
                raise SchemeError(f"name: {scheme.name!r} is a built-in scheme with other points; choose another name")
        return scheme


@lru_cache(maxsize=32)
def _restore(name: str, names: tuple[str, ...], regions: tuple[tuple[str, tuple[int, ...]], ...], *rest: Any) -> Scheme:
    """Return an unpickled scheme: the same object for equal schemes, because caches use it as key."""
    scheme = Scheme(name, names, {region: list(ids) for region, ids in regions}, *rest)
    built_in = SCHEMES.get(name)
    return built_in if built_in is not None and built_in.to_dict() == scheme.to_dict() else scheme


SCHEMES: dict[str, Scheme] = {data["name"]: Scheme.from_dict(data) for data in BUILT_IN}


def get_scheme(name: str | os.PathLike[str]) -> Scheme:
    """Return a built-in scheme by its name, or read one from a YAML file.

    Args:
        name: Name of a built-in scheme, or path of a .yaml or .yml file (its keys are described in `Scheme.from_dict`).

    Raises:
        SchemeError: If the name is unknown, or the file cannot be read, or its content is wrong.
        MissingDependencyError: If PyYAML is not installed.
    """
    if Path(name).suffix.lower() in (".yaml", ".yml"):
        return _read_yaml(Path(name))
    if str(name) in SCHEMES:
        return SCHEMES[str(name)]
    hint = suggest_name(name, SCHEMES)
    use = f"{f'{hint} Use' if hint else 'use'} {', '.join(SCHEMES)}, or the path of a .yaml file"
    raise SchemeError(f"unknown point scheme {str(name)!r}; {use}")


def convert(points: np.ndarray, mask: np.ndarray, source: Scheme, target: Scheme) -> tuple[np.ndarray, np.ndarray]:
    """Convert points from one scheme to another.

    Each target point is the mean of one or more source points. Schemes with the same names of points in another order
    are converted by name.

    Args:
        points: Points (N, 2) of ``source``.
        mask: Bool (N,), which points are known.
        source: Scheme of the points.
        target: Scheme of the result.

    Returns:
        Points float32 (M, 2) of ``target``, and a mask bool (M,). A point is NaN, and its mask false, if it has no
        source points or one of them is unknown.

    Raises:
        ArgumentError: If ``points`` or ``mask`` have the wrong shape.
        SchemeError: If there is no conversion between the schemes.
    """
    points, mask = np.asarray(points, dtype=np.float32), np.asarray(mask, dtype=bool)
    if points.shape != (len(source), 2) or mask.shape != (len(source),):
        raise ArgumentError(
            f"{source.name} has {len(source)} points, but points are {points.shape} and mask {mask.shape}"
        )
    if (source.name, source.names) == (target.name, target.names):
        return points, mask
    if sorted(source.names) == sorted(target.names) and not parse_numbers(source.names):
        order = [source.names.index(name) for name in target.names]
        return points[order], mask[order]
    if (source.name, len(source)) == (target.name, len(target)):
        return points, mask
    out, known = np.full((len(target), 2), np.nan, np.float32), np.zeros(len(target), bool)
    for i, ids in enumerate(_conversion(source.name, target.name)):
        if ids and mask[list(ids)].all():
            out[i], known[i] = points[list(ids)].mean(0), True
    return out, known


def mean_shape(scheme: Scheme) -> np.ndarray:
    """Return the mean shape of a frontal face, for drawings.

    Returns:
        Float32 (N, 2) in the unit square around the jaw, symmetric about x = 0.5.

    Raises:
        SchemeError: If the scheme is not built in.
    """
    mean = np.array(MEAN_98) / 1000
    return np.array([mean[list(ids)].mean(0) for ids in sources_in_98(scheme)], np.float32)


def sources_in_98(scheme: Scheme) -> Conversion:
    """Return for each point of a built-in scheme the points of wflw98 of which it is the mean, for mean faces.

    Raises:
        SchemeError: If the scheme is not built in.
    """
    if scheme.name not in SCHEMES:
        raise SchemeError(f"no mean shape is stored for {scheme.name!r}, only for {', '.join(SCHEMES)}")
    if scheme.name == "wflw98":
        return tuple((i,) for i in range(len(scheme)))
    return MEAN_FROM_98.get(scheme.name) or _conversion("wflw98", scheme.name)


def _conversion(source: str, target: str) -> Conversion:
    """Return for each target point the source points of which it is the mean; empty if it is unknown."""
    if (source, target) in CONVERSIONS:
        return CONVERSIONS[source, target]
    if (target, source) not in CONVERSIONS:
        known = ", ".join(f"{a} and {b}" for a, b in CONVERSIONS)
        raise SchemeError(f"no conversion from {source} to {target}; there are conversions between {known}")
    # In the reverse direction, only points that are copies of one point are known.
    reverse = {ids[0]: i for i, ids in enumerate(CONVERSIONS[target, source]) if len(ids) == 1}
    return tuple((reverse[i],) if i in reverse else () for i in range(len(SCHEMES[target])))


def _read_yaml(path: Path) -> Scheme:
    try:
        return Scheme.from_dict(load_yaml(path))
    except OSError as error:
        hint = suggest_path(path) if isinstance(error, FileNotFoundError) else ""
        raise SchemeError(f"{path}: cannot be read ({error.strerror or error}){hint}") from error
    except ValueError as error:  # also a SchemeError
        raise SchemeError(f"{path}: {error}") from error
