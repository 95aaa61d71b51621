"""Point schemes as data: what the points of a face are called, mirror into, are drawn with and are measured by.

    scheme = get_scheme("ibug68")              # or "wflw98", "cofw29", "aflw19", "five", or a YAML file of your own
    scheme.names[30]                           # "nose_tip"
    points[scheme.mirror]                      # the points of the mirrored image, in the scheme's order
    points, mask = convert(points, mask, get_scheme("wflw98"), scheme)

"left" is the left side of the image for an upright frontal face, so the person's right. A scheme of your own:

    name: dog
    points: [left_eye, right_eye, nose]        # names, or just how many
    pairs: [[left_eye, right_eye]]             # or numbers; if left out, names with left and right in them pair up
    lines: [[left_eye, nose, right_eye]]       # optional, as are regions, ocular and pupils: see Scheme
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.builtin_schemes import BUILT_IN, CONVERSIONS, MEAN_98, MEAN_FROM_98, other_side

PointGroups = tuple[tuple[int, ...], tuple[int, ...]]


def _pairs(names: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """The points whose names differ in left and right alone."""
    number = {name: i for i, name in enumerate(names)}
    return tuple((i, number[other_side(name)]) for name, i in number.items() if number.get(other_side(name), -1) > i)


def _tuples(value: Any, number: dict[str, int] | None = None) -> Any:
    """Lists as tuples, at any depth, with the names in ``number`` as numbers."""
    if isinstance(value, dict):
        return {str(key): _tuples(item, number) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_tuples(item, number) for item in value)
    return number.get(value, value) if number and isinstance(value, str) else value


@dataclass(frozen=True, eq=False)
class Scheme:
    """What the N points of a face mean. Points count from 0; "left" is the left of the image.

    name: "ibug68", "wflw98", "cofw29", "aflw19", "five", or yours.
    names: one unique name for each point.
    regions: the points of each part of the face: jaw, left_brow, right_brow, nose, left_eye, right_eye, mouth.
    pairs: the points that change places in a mirror; those not named are on the axis.
    lines: chains of points to draw; a closed one ends where it starts.
    ocular: two groups of points, left and right, whose means are the outer eye corners (inter-ocular distance).
    pupils: the same for the pupils (inter-pupil distance).

    Raises ValueError, naming the field and the value, where something is wrong.
    """

    name: str
    names: tuple[str, ...]
    regions: dict[str, tuple[int, ...]]
    pairs: tuple[tuple[int, int], ...]
    lines: tuple[tuple[int, ...], ...]
    ocular: PointGroups | None
    pupils: PointGroups | None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name: a scheme needs a name, not {self.name!r}")
        if not self.names or not isinstance(self.names, tuple):
            raise ValueError(f"points: give a list of names, or how many there are, not {self.names!r}")
        for name in self.names:
            if not isinstance(name, str) or not name:
                raise ValueError(f"points: {name!r} is not a name; put quotes around it if it looks like a number")
        for name, count in Counter(self.names).items():
            if count > 1:
                raise ValueError(f"points: {name!r} stands {count} times; every point needs a name of its own")
        if not isinstance(self.regions, dict):
            raise ValueError(f"regions: expected names with lists of points, not {self.regions!r}")
        for key, groups in (
            ("regions", tuple(self.regions.values())),
            ("pairs", self.pairs),
            ("lines", self.lines),
            ("ocular", () if self.ocular is None else self.ocular),
            ("pupils", () if self.pupils is None else self.pupils),
        ):
            self._check(key, groups)
            if key in ("ocular", "pupils") and len(groups) not in (0, 2):
                raise ValueError(f"{key}: give two points or groups of points, left and right, not {groups!r}")
        for pair in self.pairs:
            if len(pair) != 2 or pair[0] == pair[1]:
                raise ValueError(f"pairs: {list(pair)} is not two different points; leave out points on the axis")
        for i, count in Counter(i for pair in self.pairs for i in pair).items():
            if count > 1:
                raise ValueError(f"pairs: point {i} ({self.names[i]}) stands in {count} pairs, but has only one mirror")

    def _check(self, key: str, groups: Any) -> None:
        for ids in groups if isinstance(groups, tuple) else [groups]:
            if not isinstance(ids, tuple) or not ids:
                raise ValueError(f"{key}: expected lists of points such as [0, 1], not {ids!r}")
            for i in ids:
                if type(i) is not int or not 0 <= i < len(self):  # a bool is an int too, but not the number of a point
                    near = difflib.get_close_matches(i, self.names, n=1) if isinstance(i, str) else []
                    hint = f"did you mean {near[0]!r}?" if near else f"numbers go from 0 to {len(self) - 1}"
                    raise ValueError(f"{key}: there is no point {i!r}; {hint}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mirror(self) -> np.ndarray:
        """The permutation (N,): the mirrored face's points are ``points[mirror]`` with x turned round."""
        order = np.arange(len(self))
        for a, b in self.pairs:
            order[a], order[b] = b, a
        return order

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with the keys of the YAML form; `from_dict` takes it back. It travels inside model files."""
        return {"points" if key == "names" else key: getattr(self, key) for key in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scheme:
        """The scheme that `to_dict` or a YAML file gave. Raises ValueError, naming the key, where it is wrong."""
        keys = ("name", "points", "regions", "pairs", "lines", "ocular", "pupils")
        if not isinstance(data, dict):
            raise ValueError(f"a scheme has the keys {', '.join(keys)}; this is {data!r}")
        for key in data:
            if key not in keys:
                raise ValueError(f"{key}: unknown key; known are {', '.join(keys)}")
        for key in keys[:2]:
            if key not in data:
                raise ValueError(f"{key}: this key is missing; every scheme needs it")
        names = data["points"]
        names = _tuples([f"point_{i}" for i in range(names)] if type(names) is int else names)
        number = {name: i for i, name in enumerate(names) if isinstance(name, str)} if isinstance(names, tuple) else {}
        given = {key: _tuples(data[key], number) for key in keys[2:] if data.get(key) is not None}
        for key in given.keys() & {"ocular", "pupils"}:  # [36, 45] is as good as [[36], [45]]
            if isinstance(given[key], tuple):
                given[key] = tuple(group if isinstance(group, tuple) else (group,) for group in given[key])
        usual: dict[str, Any] = {"regions": {}, "pairs": _pairs(number), "lines": (), "ocular": None, "pupils": None}
        scheme = cls(data["name"], names, **{**usual, **given})
        for built_in in BUILT_IN:
            if built_in["name"] == scheme.name and len(built_in["points"]) != len(scheme):
                raise ValueError(f"name: {scheme.name!r} is a built-in scheme of other points; choose another name")
        return scheme


SCHEMES: dict[str, Scheme] = {data["name"]: Scheme.from_dict(data) for data in BUILT_IN}


def get_scheme(name: str | os.PathLike) -> Scheme:
    """A built-in scheme by its name, or your own from a .yaml or .yml file (see the top of this file).

    Raises ValueError for an unknown name or a wrong file, OSError where the file cannot be read.
    """
    if Path(name).suffix.lower() in (".yaml", ".yml"):
        return _read_yaml(Path(name))
    if str(name) in SCHEMES:
        return SCHEMES[str(name)]
    near = difflib.get_close_matches(str(name), SCHEMES, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown point scheme {str(name)!r}; {hint}Known: {', '.join(SCHEMES)}, a path to a .yaml file")


def convert(points: np.ndarray, mask: np.ndarray, source: Scheme, target: Scheme) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of one scheme as float32 points (M, 2) of another, with a mask bool (M,) of those that are known.

    A point is the mean of the source points that it is made of: masked out, and NaN, where it has none or ``mask`` (N,)
    leaves one of them out. Raises ValueError on wrong shapes and where the schemes have no conversion.
    """
    points, mask = np.asarray(points, dtype=np.float32), np.asarray(mask, dtype=bool)
    if points.shape != (len(source), 2) or mask.shape != (len(source),):
        raise ValueError(f"{source.name} has {len(source)} points; got points {points.shape} and a mask {mask.shape}")
    if (source.name, len(source)) == (target.name, len(target)):
        return points, mask
    out, known = np.full((len(target), 2), np.nan, np.float32), np.zeros(len(target), bool)
    for i, ids in enumerate(_recipe(source.name, target.name)):
        if ids and mask[list(ids)].all():
            out[i], known[i] = points[list(ids)].mean(0), True
    return out, known


def mean_shape(scheme: Scheme) -> np.ndarray:
    """A mean frontal face to draw with: float32 (N, 2) in the unit box around the jaw, symmetric about x = 0.5.

    Raises ValueError for a scheme that is not built in.
    """
    if scheme.name not in SCHEMES:
        raise ValueError(f"no mean shape is stored for {scheme.name!r}, only for {', '.join(SCHEMES)}")
    mean = np.array(MEAN_98) / 1000
    if scheme.name == "wflw98":
        return mean.astype(np.float32)
    recipe = MEAN_FROM_98.get(scheme.name) or _recipe("wflw98", scheme.name)
    return np.array([mean[list(ids)].mean(0) for ids in recipe], np.float32)


def _recipe(source: str, target: str) -> tuple[tuple[int, ...], ...]:
    """For each target point the source points whose mean it is; none where it is unknown."""
    if (source, target) in CONVERSIONS:
        return CONVERSIONS[source, target]
    if (target, source) not in CONVERSIONS:
        known = ", ".join(f"{a} and {b}" for a, b in CONVERSIONS)
        raise ValueError(f"no conversion from {source} to {target}; there are some between {known}")
    # What was copied one to one can be copied back; what was averaged is lost.
    back = {ids[0]: i for i, ids in enumerate(CONVERSIONS[target, source]) if len(ids) == 1}
    return tuple((back[i],) if i in back else () for i in range(len(SCHEMES[target])))


def _read_yaml(path: Path) -> Scheme:
    try:
        import yaml
    except ImportError as error:
        raise ImportError(f'{path}: to read YAML, run: pip install "facelattice[train]"') from error
    try:
        return Scheme.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
