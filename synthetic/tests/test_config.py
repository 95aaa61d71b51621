from __future__ import annotations

import re
from pathlib import Path

import pytest
from facelattice_synthetic import Config, ConfigError, parse_config
from render_varieties import WITHOUT


def test_settings_change_the_named_fields_alone():
    config = parse_config(["hat=0", "size=128", "distance=10,12.5", "jpeg_quality=90,95"])
    assert config == Config(hat=0, size=128, distance=(10.0, 12.5), jpeg_quality=(90, 95))
    assert parse_config([]) == Config()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["hut=0"], r"^hut=0: no such setting; the settings are size, supersampling, face_share, .*"),
        (["hat=0", "hat=1"], "^hat=1: hat is given twice$"),
        (["hat"], r"^hat: needs a number, such as hat=0\.18$"),
        (["size=1.5"], "^size=1.5: needs a whole number, such as size=256$"),
        (["distance=4"], r"^distance=4: needs two numbers with a comma between them, such as distance=4\.0,25\.0$"),
        (["hat=nan"], "^hat=nan: must be from 0 to 1$"),
        (["size=8"], "^size=8: must be 32 or more$"),
        (["face_share=0.7,0.5"], r"^face_share=0\.7,0\.5: must be from 0\.05 to 1\.0, the lower number first$"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(settings)


def test_the_settings_of_the_readme_exist():
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \| (`\w+=.*) \|$", text, re.MULTILINE)
    assert len(rows) == 11
    settings = [tuple(re.findall("`([^`]+)`", row)) for row in rows]
    assert settings == list(WITHOUT.values())
    for row in settings:
        parse_config(row)
