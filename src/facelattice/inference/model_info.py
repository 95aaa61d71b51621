"""The metadata of model files."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, dataclass, field, fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from facelattice.exceptions import ModelError
from facelattice.schemes import Scheme

FORMAT = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelInfo:
    """The metadata of a model file.

    Attributes:
        format: Version of the metadata. `Model` rejects files of a newer one.
        name: Name of the model.
        version: Version of facelattice that wrote the file.
        scheme: Meaning of the points.
        crop_size: Side of the input crops in pixels.
        crop_margin: The crops show ``crop_margin`` times the longer side of the landmark box.
        extra_views_below: Faces with a lower score (0 to 1) are predicted in additional crops.
        normalization: How the graph normalizes pixels.
        graph: The landmark graph: k, symmetric, edges, shape; `LandmarkGraph.from_metadata` reads it. None for a
            network without one.
        detectors: For each detector by name the mapping of its boxes to landmark boxes (`fit_box_mapping`), or None.
        data: Name and terms of use of each training dataset.
        faces: Number of faces for training ("train") and validation ("val").
        license: License of the file.
        recipe: The training recipe, without folders.
        epoch: Epoch of the weights.
        val_nme: NME on the validation faces, as a fraction.
        int8: Whether the backbone is quantized to 8-bit integers.
        float16: Whether the weights are stored as float16.
        error_scale: Factor that calibrates the expected errors; the graph contains it.
        annotation_styles: Names of the annotation styles that the model can imitate.
        style_offsets: For annotation styles the offset of the annotation from the points of the graph, to the right and
            down, as a fraction of the crop's side.
        sha256: The content digest: `content_digest` of the file.

    Raises:
        ModelError: If a field has a wrong type or value.
    """

    format: int = FORMAT
    name: str
    version: str = "unknown"
    scheme: Scheme
    crop_size: int
    crop_margin: float
    extra_views_below: float = 0.0
    normalization: str = "unknown"
    graph: dict[str, Any] | None = None
    detectors: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    data: list[dict[str, str]] = field(default_factory=list)
    faces: dict[str, int] = field(default_factory=dict)
    license: str = "not stated"
    recipe: dict[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    val_nme: float | None = None
    int8: bool = False
    float16: bool = False
    error_scale: float = 1.0
    annotation_styles: list[str] = field(default_factory=list)
    style_offsets: dict[str, list[float]] = field(default_factory=dict)
    sha256: str = "0" * 64

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if not _has_type(getattr(self, name), hint):
                expected = getattr(hint, "__name__", hint) if get_origin(hint) is None else hint
                raise ModelError(f"{name}: expected {expected}, not {getattr(self, name)!r}")
        if self.crop_size < 1 or not self.crop_margin > 0:
            raise ModelError(f"crop_size and crop_margin must be positive, not {self.crop_size}, {self.crop_margin}")
        for style, offset in self.style_offsets.items():
            if style not in self.annotation_styles or len(offset) != 2 or not all(map(math.isfinite, offset)):
                raise ModelError(f"style_offsets: expected a style of the model and two numbers, not {style}: {offset}")
        for name, entries, keys in (
            ("graph", [self.graph], ("k", "symmetric", "edges", "shape")),
            ("detectors", self.detectors.values(), ("offset", "scale")),
            ("data", self.data, ("name", "terms")),
        ):
            for entry in entries:
                missing = [key for key in keys if entry is not None and key not in entry]
                if missing:
                    raise ModelError(f"{name}: {missing[0]} is missing in {entry}")

    @classmethod
    def from_json(cls, text: str) -> ModelInfo:
        """Parse the metadata of a model file. Unknown keys are ignored.

        Raises:
            ModelError: If the text is not JSON, a key is missing or has a wrong value, or the format is newer than this
                version of facelattice.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelError(f"not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ModelError(f"expected a JSON object, not {values!r}")
        if _has_type(values.get("format"), int) and values["format"] > FORMAT:
            raise ModelError(
                f"format {values['format']} is newer than this version of facelattice, which reads format {FORMAT}; "
                "run: pip install --upgrade facelattice"
            )
        for item in fields(cls):
            if item.default is MISSING and item.default_factory is MISSING and item.name not in values:
                raise ModelError(f"{item.name} is missing")
        try:
            scheme = Scheme.from_dict(values["scheme"])
        except ValueError as error:
            raise ModelError(f"scheme: {error}") from None
        known = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        return cls(**{**known, "scheme": scheme})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {item.name: getattr(self, item.name) for item in fields(self)} | {"scheme": self.scheme.to_dict()}


def _has_type(value: Any, hint: Any) -> bool:
    """Check a value against a type hint such as ``dict[str, int] | None``. An int is a float, a bool is not an int."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is UnionType:
        return any(_has_type(value, argument) for argument in arguments)
    if origin is list:
        return isinstance(value, list) and all(_has_type(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _has_type(key, arguments[0]) and _has_type(item, arguments[1]) for key, item in value.items()
        )
    if hint in (int, float):
        return isinstance(value, int if hint is int else (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint)
