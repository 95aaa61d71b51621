import json

import pytest

from facelattice.exceptions import ModelError
from facelattice.inference.model_info import ModelInfo
from facelattice.schemes import get_scheme

REQUIRED = {"name": "tiny", "scheme": get_scheme("five").to_dict(), "crop_size": 64, "crop_margin": 1.3}
COMPLETE = {
    "format": 1,
    "version": "0.1.0",
    "extra_views_below": 0.8,
    "normalization": "z-score, inside the graph",
    "graph": {"k": 1, "symmetric": False, "edges": [[0, 1, 0.9]], "shape": None},
    "detectors": {"yunet": {"offset": [0.0, 0.1], "scale": 0.9}, "mine": None},
    "data": [{"name": "faces", "terms": "mine"}],
    "faces": {"train": 8, "val": 4},
    "license": "mine",
    "recipe": {"epochs": 1},
    "epoch": 1,
    "val_nme": 0.04,
    "int8": False,
    "float16": True,
    "error_scale": 1.1,
    "annotation_styles": ["300-W", "WFLW"],
    "style_offsets": {"WFLW": [0.01, -0.002]},
    "sha256": "1" * 64,
}


def test_metadata_survives_json():
    text = json.dumps(COMPLETE | REQUIRED)
    assert json.loads(json.dumps(ModelInfo.from_json(text).to_dict())) == json.loads(text)


def test_missing_keys_have_defaults():
    info = ModelInfo.from_json(json.dumps(REQUIRED))
    assert info.to_dict().keys() == COMPLETE.keys() | REQUIRED.keys()
    assert (info.graph, info.data, info.faces, info.detectors, info.recipe, info.val_nme) == (
        None,
        [],
        {},
        {},
        {},
        None,
    )
    assert (info.license, info.extra_views_below, info.error_scale) == ("not stated", 0.0, 1.0)


def test_unknown_keys_are_ignored():
    info = ModelInfo.from_json(json.dumps(REQUIRED | {"favorite_color": "gray"}))
    assert "favorite_color" not in info.to_dict()


def test_integers_are_valid_floats():
    assert ModelInfo.from_json(json.dumps(REQUIRED | {"crop_margin": 1})).crop_margin == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_size": "big"}, "crop_size: expected int, not 'big'"),
        ({"crop_size": 0}, "crop_size and crop_margin must be positive"),
        ({"crop_margin": -1.0}, "crop_size and crop_margin must be positive"),
        ({"crop_margin": None}, "crop_margin: expected float"),
        ({"format": "x"}, "format: expected int"),
        ({"name": None}, "name: expected str"),
        ({"scheme": {}}, "scheme: "),
        ({"scheme": None}, "scheme: "),
        ({"int8": 1}, "int8: expected bool"),
        ({"epoch": True}, "epoch: "),
        ({"data": {"name": "faces"}}, "data: "),
        ({"data": [{"name": "faces"}]}, "data: terms is missing"),
        ({"faces": {"train": "many"}}, "faces: "),
        ({"graph": {"k": 3}}, "graph: symmetric is missing"),
        (
            {"style_offsets": {"WFLW": [0.1, 0.1]}},
            "style_offsets: expected a style of the model and two numbers, not WFLW",
        ),
        ({"annotation_styles": ["a"], "style_offsets": {"a": [0.1]}}, "style_offsets: expected a style"),
        ({"annotation_styles": ["a"], "style_offsets": {"a": [0.1, float("nan")]}}, "style_offsets: expected a style"),
        ({"detectors": {"yunet": {"scale": 1.0}}}, "detectors: offset is missing"),
        ({"recipe": None}, "recipe: "),
    ],
)
def test_wrong_values_are_rejected(change, message):
    with pytest.raises(ModelError, match=message):
        ModelInfo.from_json(json.dumps(REQUIRED | change))


@pytest.mark.parametrize("key", REQUIRED)
def test_required_key_is_missing(key):
    with pytest.raises(ModelError, match=f"{key} is missing"):
        ModelInfo.from_json(json.dumps({name: value for name, value in REQUIRED.items() if name != key}))


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_text_without_an_object_is_rejected(text):
    with pytest.raises(ModelError, match="JSON"):
        ModelInfo.from_json(text)


def test_newer_format_says_how_to_update():
    with pytest.raises(ModelError, match=r"format 2 is newer .* pip install --upgrade"):
        ModelInfo.from_json('{"format": 2}')
